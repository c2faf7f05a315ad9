// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Host.Engines;

/// <summary>
/// The kernel's <c>/dev/lguest</c>. The calls are declared here because their error numbers must be saved in the same
/// breath: anything the runtime does in between may overwrite them.
/// </summary>
internal sealed unsafe partial class LguestDeviceFile : ILguestDevice
{
    public const string Path = "/dev/lguest";
    private const string Folder = "/dev";
    private const string Name = "lguest";
    private const int ReadWrite = 2;
    private const int CloseOnExec = 0x80000;
    private const int PathOnly = 0x200000;
    private int _fd;

    /// <summary>Opens the device anew, as every guest needs, and so every boot.</summary>
    /// <param name="folder">From <see cref="OpenFolder"/>; null when its name leads to it.</param>
    public LguestDeviceFile(SafeFileHandle? folder)
    {
        _fd = folder is null ? open(Path, ReadWrite | CloseOnExec) : openat(folder, Name, ReadWrite | CloseOnExec);
        if (_fd < 0)
            throw new HostException($"cannot open {Path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    public static bool Exists => File.Exists(Path);

    /// <summary>Whether the device is also there for a process whose root directory this is.</summary>
    public static bool ExistsIn(string root) => File.Exists(root + Path);

    /// <summary>The device's folder: with it the device is found again from inside another root directory.</summary>
    public static SafeFileHandle OpenFolder(string path = Folder)
    {
        var descriptor = open(path, PathOnly | CloseOnExec);
        if (descriptor < 0)
            throw new HostException($"cannot open {path}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    public nint Write(ReadOnlySpan<nint> words)
    {
        fixed (nint* start = words)
            return ResultOf(write(_fd, start, (nuint)(words.Length * sizeof(nint))));
    }

    public nint Read(Span<byte> buffer)
    {
        fixed (byte* start = buffer)
            return ResultOf(pread(_fd, start, (nuint)buffer.Length, 0));
    }

    public void Dispose()
    {
        if (_fd >= 0)
            _ = close(_fd);
        _fd = -1;
    }

    private static nint ResultOf(nint result) => result < 0 ? -Marshal.GetLastPInvokeError() : result;

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int openat(SafeFileHandle folder, string path, int flags);

    [LibraryImport("libc")]
    private static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int fd, void* buffer, nuint count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pread(int fd, void* buffer, nuint count, long offset);
}
