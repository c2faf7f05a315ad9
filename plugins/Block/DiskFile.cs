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
    /// <exception cref="DeviceSetupException">It cannot be opened, or has no size.</exception>
    internal static unsafe DiskFile Open(string path, bool readOnly)
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

        return new DiskFile(path, handle, length, readOnly);
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

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int FlushData(SafeFileHandle file);
}
