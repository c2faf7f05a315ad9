// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Host.CommandLine;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Host.Privileges;

/// <summary>
/// What the process gives up before the guest runs: its view of the file system, then root's rights, in the C launcher's
/// order. What it needs from outside, the directory and the user's groups, is looked up early, so that mistakes show early and
/// an empty directory will do.
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
    private bool _entered;

    public Confinement(LaunchRequest request)
    {
        _user = request.UserName is null ? null : UserAccount.Find(request.UserName);
        _rootPath = request.ChangeRoot;
        _root = _rootPath is null ? null : OpenDirectory(_rootPath);
    }

    /// <summary>Whether anything is to be given up.</summary>
    public bool IsWanted => _root is not null || _user is not null;

    /// <summary>Gives it up, for good. The guest must not have run yet; a second call does nothing.</summary>
    public void Enter(ILogger logger)
    {
        if (_entered || !IsWanted)
            return;
        _entered = true;
        ResidentCode.LoadAll();
        RuntimeFiles.Remove();
        if (_root is not null)
        {
            Check(fchdir(_root), $"--chroot: cannot enter '{_rootPath}'");
            Check(chroot("."), $"--chroot: cannot make '{_rootPath}' the root directory");
            Check(chdir("/"), $"--chroot: cannot enter '{_rootPath}'");
            // An open directory outside would be a way out.
            _root.Dispose();
            logger.LogInformation("chroot done");
        }
        if (_user is not null)
        {
            var groups = _user.Groups.ToArray();
            Check(setgroups((nuint)groups.Length, groups), $"--username: cannot take on the groups of '{_user.Name}'");
            Check(setresgid(_user.GroupId, _user.GroupId, _user.GroupId), $"--username: cannot take on the group of '{_user.Name}'");
            Check(setresuid(_user.UserId, _user.UserId, _user.UserId), $"--username: cannot become '{_user.Name}'");
            logger.LogInformation("Dropping privileges completed");
        }
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
