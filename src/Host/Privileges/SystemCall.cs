// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Host.Privileges;

/// <summary>One call of the system, by its number: what the C library offers acts on the calling thread at most.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Number">The number on this machine's processor.</param>
/// <param name="IsRequired">Whether its failure is one.</param>
internal sealed partial record SystemCall(string Name, int Number, nint First = 0, nint Second = 0, nint Third = 0, bool IsRequired = true)
{
    private static readonly bool s_isX64 = RuntimeInformation.ProcessArchitecture == Architecture.X64;

    // The tables of x86-64, and of all 64-bit machines Linux came to later; what is newer than those has one number on all.
    public static int ReadDirectory { get; } = s_isX64 ? 217 : 61;

    public static int ThreadId { get; } = s_isX64 ? 186 : 178;

    public static int SignalThread { get; } = s_isX64 ? 234 : 131;

    public static int CloseRange => 436;

    public static int LandlockCreate => 444;

    public static int LandlockAdd => 445;

    private static int Control { get; } = s_isX64 ? 157 : 167;

    private static int SetCapabilities { get; } = s_isX64 ? 126 : 91;

    private static int LandlockRestrict => 446;

    /// <summary>Whoever needs no right for it loses none by it: it cannot be gained again, not even by executing a set-user-id program.</summary>
    public static SystemCall NoNewPrivileges()
    {
        const int SetNoNewPrivileges = 38;
        return new("no_new_privs", Control, SetNoNewPrivileges, 1);
    }

    /// <summary>Needs CAP_SETPCAP; without it nothing of the bounding set could be used anyway once <see cref="NoNewPrivileges"/> holds.</summary>
    public static IEnumerable<SystemCall> EmptyBoundingSet()
    {
        const int DropFromBoundingSet = 24, Capabilities = 64;
        for (var capability = 0; capability < Capabilities; capability++)
            yield return new("the capability bounding set", Control, DropFromBoundingSet, capability, IsRequired: false);
    }

    /// <summary>Empties the effective, permitted and inheritable sets, and thereby the ambient one.</summary>
    /// <param name="arguments">Room for what the call reads, <see cref="CapabilityWords"/> words, until it is over.</param>
    public static unsafe SystemCall NoCapabilities(uint* arguments)
    {
        const uint Version3 = 0x2008_0522;
        new Span<uint>(arguments, CapabilityWords).Clear();
        arguments[0] = Version3;
        return new("capset", SetCapabilities, (nint)arguments, (nint)(arguments + 2));
    }

    /// <summary>A head of two words, and twice three for the sets.</summary>
    public const int CapabilityWords = 8;

    public static SystemCall Landlock(SafeHandle ruleset) => new("landlock_restrict_self", LandlockRestrict, ruleset.DangerousGetHandle());

    /// <summary>Makes the call on the calling thread.</summary>
    /// <returns>Its result, or the error number, negative.</returns>
    public nint Make()
    {
        var result = Make(Number, First, Second, Third);
        return result < 0 ? -Marshal.GetLastPInvokeError() : result;
    }

    // All arguments are given: some calls refuse what is not 0 where they have no argument.
    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    public static partial nint Make(nint number, nint first = 0, nint second = 0, nint third = 0, nint fourth = 0, nint fifth = 0);
}
