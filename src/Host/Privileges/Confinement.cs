// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Host.CommandLine;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Host.Privileges;

/// <summary>
/// What the process gives up before the guest runs: its view of the file system, then root's ids, in the C launcher's
/// order, and then all rights and files it needs no longer. What it needs from outside, the directory and the user's groups, is
/// looked up early, so that mistakes show early and an empty directory will do.
/// </summary>
/// <remarks>
/// The ids are set by the C library's functions and not by system calls, which act on one thread alone: the library carries
/// them over to every thread of the process.
/// </remarks>
internal sealed partial class Confinement : IDisposable
{
    private const int Enoent = 2;
    private const int Enotdir = 20;
    private const int Eperm = 1;
    private const int PathOnly = 0x200000;
    private const int CloseOnExec = 0x80000;

    private readonly string? _rootPath;
    private readonly SafeFileHandle? _root;
    private readonly UserAccount? _user;
    private readonly LaunchRequest _request;
    private bool _entered;

    public Confinement(LaunchRequest request)
    {
        _request = request;
        if (request.Sandbox == SandboxPolicy.Require && WhyNotAll() is { } reason)
            throw new HostException($"--sandbox require: {reason}");
        _user = request.UserName is null ? null : UserAccount.Find(request.UserName);
        _rootPath = request.ChangeRoot;
        _root = _rootPath is null ? null : OpenDirectory(_rootPath);
    }

    /// <summary>Gives it up, for good. The guest must not have run yet; a second call does nothing.</summary>
    /// <param name="logger">Told what was given up.</param>
    /// <param name="reopened">Devices that a later boot opens anew.</param>
    public void Enter(ILogger logger, params IReadOnlyCollection<string> reopened)
    {
        if (_entered)
            return;
        _entered = true;
        if (_root is not null || _user is not null)
            ResidentCode.LoadAll();
        if (_root is not null || _user is not null || _request.Sandbox != SandboxPolicy.Off)
            RuntimeFiles.Remove();
        if (_request.Sandbox == SandboxPolicy.Off)
        {
            EnterRoot(logger);
            BecomeUser(logger);
            return;
        }

        // What is looked up by name, while it can be.
        using var threads = new AllThreads();
        using var rules = Landlock.Version == 0 ? null : Landlock.MakeRules(ReachablePlaces.Readable, reopened);
        CloseOnExecution();
        EnterRoot(logger);
        if (_user is not null)
        {
            // With root's ids goes the right to this.
            threads.Make([.. SystemCall.EmptyBoundingSet()]);
            BecomeUser(logger);
        }
        GiveUpRights(threads, rules);
        logger.LogInformation(
            "No capabilities, no new privileges{Landlock}{Threads}",
            rules is null ? "; this kernel has no Landlock" : $", Landlock {Landlock.Version}", AllThreads.IsSupported ? "" : "; on this thread and those it starts");
    }

    private static unsafe void GiveUpRights(AllThreads threads, SafeFileHandle? rules)
    {
        var room = stackalloc uint[SystemCall.CapabilityWords];
        threads.Make(
        [
            .. SystemCall.EmptyBoundingSet(),
            SystemCall.NoNewPrivileges(),
            .. rules is null ? [] : new[] { SystemCall.Landlock(rules) },
            SystemCall.NoCapabilities(room),
        ]);
    }

    /// <summary>The descriptors the process was started with, too, and those of the runtime: nothing is executed, and if it were it should have none.</summary>
    private static void CloseOnExecution()
    {
        const nint First = 3, Last = int.MaxValue, OnExecution = 4;
        // Kernels before 5.11 cannot; what is opened here asks for it one by one anyway.
        _ = SystemCall.Make(SystemCall.CloseRange, First, Last, OnExecution);
    }

    private static string? WhyNotAll() =>
        !AllThreads.IsSupported ? "threads that run already can be confined on x86-64 only"
        : Landlock.Version == 0 ? "this kernel offers no Landlock"
        : null;

    private void EnterRoot(ILogger logger)
    {
        if (_root is null)
            return;
        Check(fchdir(_root), $"--chroot: cannot enter '{_rootPath}'");
        Check(chroot("."), $"--chroot: cannot make '{_rootPath}' the root directory");
        Check(chdir("/"), $"--chroot: cannot enter '{_rootPath}'");
        // An open directory outside would be a way out.
        _root.Dispose();
        logger.LogInformation("chroot done");
    }

    private void BecomeUser(ILogger logger)
    {
        if (_user is null)
            return;
        var groups = _user.Groups.ToArray();
        Check(setgroups((nuint)groups.Length, groups), $"--username: cannot take on the groups of '{_user.Name}'");
        Check(setresgid(_user.GroupId, _user.GroupId, _user.GroupId), $"--username: cannot take on the group of '{_user.Name}'");
        Check(setresuid(_user.UserId, _user.UserId, _user.UserId), $"--username: cannot become '{_user.Name}'");
        logger.LogInformation("Dropping privileges completed");
    }

    public void Dispose() => _root?.Dispose();

    private static SafeFileHandle OpenDirectory(string path)
    {
        var descriptor = open(path, PathOnly | CloseOnExec);
        if (descriptor < 0)
            throw new HostException($"--chroot '{path}': {TextOf(Marshal.GetLastPInvokeError())}");
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        if (Directory.Exists(path))
            return handle;
        handle.Dispose();
        throw new HostException($"--chroot '{path}': {TextOf(Enotdir)}");
    }

    private static void Check(int result, string what)
    {
        if (result != 0)
            throw new HostException($"{what}: {TextOf(Marshal.GetLastPInvokeError())}");
    }

    private static string TextOf(int error) => error switch
    {
        Eperm => "that needs root's rights",
        Enoent => "no such directory",
        Enotdir => "it is not a directory",
        _ => Marshal.GetPInvokeErrorMessage(error),
    };

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int fchdir(SafeFileHandle directory);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int chroot(string path);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int chdir(string path);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setgroups(nuint count, uint[] groups);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setresgid(uint real, uint effective, uint saved);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int setresuid(uint real, uint effective, uint saved);
}
