// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Host.Privileges;

/// <summary>
/// Landlock (landlock(7)): what is open stays usable; of the rest only what is named here can be opened, nothing can be executed, no
/// TCP port be bound or connected to, and no process outside be signalled, as far as the kernel knows of each.
/// </summary>
internal static unsafe partial class Landlock
{
    /// <summary>The first version that was in a kernel; 0 stands for none.</summary>
    private const int AskForVersion = 1;
    private const int AskForErrata = 2;

    private const ulong ReadFile = 1 << 2, ReadFolder = 1 << 3, WriteFile = 1 << 1, DeviceControl = 1 << 15;

    /// <summary>The version the kernel offers; 0 for none.</summary>
    public static int Version { get; } = (int)Math.Max(0, SystemCall.Make(SystemCall.LandlockCreate, 0, 0, AskForVersion));

    /// <summary>The rules, to be put on threads by <see cref="SystemCall.Landlock"/>.</summary>
    /// <param name="readable">Files and folders, with all in them, that can still be read. What does not exist is left out.</param>
    /// <param name="writable">Devices that can still be opened for reading, writing and control.</param>
    /// <exception cref="HostException">They cannot be made, though the kernel offers them.</exception>
    public static SafeFileHandle MakeRules(IEnumerable<string> readable, IEnumerable<string> writable)
    {
        var rules = new RulesetAttributes { Files = HandledForFiles, Network = Version >= 4 ? 0b11u : 0, Scope = HandledScope };
        // A kernel refuses what is longer than it knows.
        var length = Version >= 6 ? 24 : Version >= 4 ? 16 : 8;
        var descriptor = SystemCall.Make(SystemCall.LandlockCreate, (nint)(&rules), length, 0);
        if (descriptor < 0)
            throw new HostException($"cannot make rules for Landlock: {Marshal.GetLastPInvokeErrorMessage()}; --sandbox off does without");
        var handle = new SafeFileHandle((nint)descriptor, ownsHandle: true);
        try
        {
            foreach (var path in readable)
                Allow(handle, path, ReadFile | (Directory.Exists(path) ? ReadFolder : 0));
            foreach (var path in writable)
                Allow(handle, path, (ReadFile | WriteFile | DeviceControl) & HandledForFiles);
            return handle;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>All kinds of access to files that this version knows: what a kernel does not know it refuses.</summary>
    private static ulong HandledForFiles => (1ul << Version switch { 1 => 13, 2 => 14, 3 or 4 => 15, _ => 16 }) - 1;

    private static ulong HandledScope
    {
        get
        {
            const ulong AbstractSockets = 1, Signals = 2;
            const nint SignalsInsideProcess = 1 << 1;
            if (Version < 6)
                return 0;
            // Each thread gets a domain of its own. Kernels without this correction let none signal another, and the runtime
            // stops its threads by signals.
            var errata = SystemCall.Make(SystemCall.LandlockCreate, 0, 0, AskForErrata);
            return AbstractSockets | (errata >= 0 && (errata & SignalsInsideProcess) != 0 ? Signals : 0);
        }
    }

    private static void Allow(SafeFileHandle rules, string path, ulong access)
    {
        const int PathOnly = 0x200000, CloseOnExec = 0x80000, BeneathPath = 1;
        using var place = new SafeFileHandle(open(path, PathOnly | CloseOnExec), ownsHandle: true);
        if (place.IsInvalid)
            return;
        var rule = new PathRule { Access = access, Place = (int)place.DangerousGetHandle() };
        if (SystemCall.Make(SystemCall.LandlockAdd, rules.DangerousGetHandle(), BeneathPath, (nint)(&rule)) < 0)
            throw new HostException($"cannot make a rule of Landlock for '{path}': {Marshal.GetLastPInvokeErrorMessage()}; --sandbox off does without");
    }

    /// <summary>The kernel's struct landlock_ruleset_attr; versions before the fourth and the sixth know less of it.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct RulesetAttributes
    {
        public ulong Files;
        public ulong Network;
        public ulong Scope;
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct PathRule
    {
        public ulong Access;
        public int Place;
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);
}
