// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using Tmds.Linux;

namespace LguestPlug.Host.Engines;

/// <summary>The kernel's <c>/dev/lguest</c>.</summary>
internal sealed unsafe class LguestDeviceFile : ILguestDevice
{
    public const string Path = "/dev/lguest";
    private int _fd;

    public LguestDeviceFile()
    {
        fixed (byte* path = System.Text.Encoding.UTF8.GetBytes(Path + '\0'))
            _fd = LibC.open(path, LibC.O_RDWR | LibC.O_CLOEXEC);
        if (_fd < 0)
            throw new HostException($"cannot open {Path}: {Marshal.GetPInvokeErrorMessage(LibC.errno)}");
    }

    public static bool Exists => File.Exists(Path);

    public nint Write(ReadOnlySpan<nint> words)
    {
        fixed (nint* start = words)
        {
            var result = (nint)LibC.write(_fd, start, (size_t)(words.Length * sizeof(nint)));
            return result < 0 ? -LibC.errno : result;
        }
    }

    public nint Read(Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            var result = (nint)LibC.pread(_fd, start, (size_t)buffer.Length, 0);
            return result < 0 ? -LibC.errno : result;
        }
    }

    public void Dispose()
    {
        if (_fd >= 0)
            _ = LibC.close(_fd);
        _fd = -1;
    }
}
