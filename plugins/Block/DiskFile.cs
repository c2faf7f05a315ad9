// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Shared;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace LguestPlug.Block;

/// <summary>The file behind a disk, open for as long as the disk exists.</summary>
internal sealed partial class DiskFile : IDisposable
{
    private DiskFile(string path, SafeFileHandle handle, long length, bool isReadOnly)
    {
        Path = path;
        Handle = handle;
        Length = length;
        IsReadOnly = isReadOnly;
    }

    internal string Path { get; }

    internal SafeFileHandle Handle { get; }

    /// <summary>Bytes at the time of opening; the disk's size never changes afterwards.</summary>
    internal long Length { get; }

    internal bool IsReadOnly { get; }

    public void Dispose() => Handle.Dispose();

    /// <summary>
    /// Opens the file for reading and writing. One that may be read but not written becomes a read-only disk, which is what its
    /// permissions ask for.
    /// </summary>
    /// <param name="path">The path.</param>
    /// <param name="readOnly">Do not open it for writing.</param>
    /// <param name="share">Do not lock it.</param>
    /// <exception cref="DeviceSetupException">It cannot be opened, is in use, or has no size.</exception>
    internal static unsafe DiskFile Open(string path, bool readOnly, bool share = false)
    {
        // Without O_NONBLOCK a named pipe would wait here for its other end; files and disks do not care.
        int error = 0;
        SafeFileHandle? handle = readOnly ? null : LinuxFile.TryOpen(path, O_RDWR | O_NONBLOCK, out error);
        if (handle is null && (readOnly || error == EACCES || error == EROFS || error == EPERM))
        {
            handle = LinuxFile.TryOpen(path, O_RDONLY | O_NONBLOCK, out error);
            readOnly = true;
        }

        if (handle is null)
            throw new DeviceSetupException($"cannot open '{path}': {LinuxFile.TextOf(error)}");

        stat status;
        if (fstat(handle.Number(), &status) == 0 && (status.st_mode & S_IFMT) == S_IFDIR)
        {
            handle.Dispose();
            throw new DeviceSetupException($"cannot use '{path}' as a disk: it is a directory; expected a file or a block device");
        }

        // For block devices the size in the file's status is 0; the end can be sought in both.
        long length = (long)lseek(handle.Number(), 0, SEEK_END);
        if (length < 0)
        {
            error = errno;
            handle.Dispose();
            throw new DeviceSetupException($"cannot use '{path}' as a disk: {LinuxFile.TextOf(error)}; expected a file or a block device");
        }

        if (!share && !TryLock(handle, readOnly))
        {
            handle.Dispose();
            string use = readOnly ? "has it open for writing" : "has it open";
            throw new DeviceSetupException($"cannot use '{path}' as a disk: another guest or program {use}; with share=on both do");
        }

        return new DiskFile(path, handle, length, readOnly);
    }

    /// <summary>Whether the file is still so long, or cannot tell: somebody may have cut it off.</summary>
    internal bool Reaches(long end)
    {
        long length = (long)lseek(Handle.Number(), 0, SEEK_END);
        return length < 0 || end <= length;
    }

    /// <summary>Returns when all written data is on stable storage.</summary>
    /// <returns>0 or the error number.</returns>
    internal int Flush()
    {
        while (FlushData(Handle) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error != EINTR)
                return error;
        }

        return 0;
    }

    /// <summary>
    /// Locks the whole file, against others that write if <paramref name="readOnly"/>, else against all. The lock is the open file's own
    /// (fcntl(2), "open file description locks"): a second disk of this process meets it, too, and so does QEMU, which takes the same.
    /// </summary>
    private static unsafe bool TryLock(SafeFileHandle handle, bool readOnly)
    {
        const int SetOpenFileLock = 37;
        var range = new FileLock { Type = (short)(readOnly ? F_RDLCK : F_WRLCK), Whence = (short)SEEK_SET };
        if (Control(handle, SetOpenFileLock, &range) == 0)
            return true;

        // A file system without locks has no other user that looks at them.
        int error = Marshal.GetLastPInvokeError();
        return error != EAGAIN && error != EACCES;
    }

    [LibraryImport("libc", EntryPoint = "fcntl64", SetLastError = true)]
    private static unsafe partial int Control(SafeFileHandle file, int command, FileLock* argument);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int FlushData(SafeFileHandle file);

    /// <summary>The kernel's struct flock with 64-bit offsets; a length of 0 reaches to the end, wherever that comes to be.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct FileLock
    {
        internal short Type;
        internal short Whence;
        internal long Start;
        internal long Length;
        internal int Process;
    }
}
