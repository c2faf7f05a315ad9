// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace LguestPlug.Plugins.Tests;

/// <summary>A pseudo-terminal: the keyboard and screen on one side, the terminal a program sees on the other.</summary>
internal sealed unsafe class Pty : IDisposable
{
    private const int SetLock = 0x40045431; // TIOCSPTLCK
    private const int GetNumber = unchecked((int)0x80045430); // TIOCGPTN

    private readonly SafeFileHandle _master;

    internal Pty()
    {
        _master = Open("/dev/ptmx", O_RDWR | O_NOCTTY);
        int zero = 0;
        int number;
        Assert.Equal(0, ioctl(Number(_master), SetLock, &zero));
        Assert.Equal(0, ioctl(Number(_master), GetNumber, &number));
        Path = $"/dev/pts/{number}";
        Terminal = Open(Path, O_RDWR | O_NOCTTY);
    }

    internal SafeFileHandle Terminal { get; }

    /// <summary>The name under which others open it.</summary>
    internal string Path { get; }

    /// <summary>The terminal's local modes.</summary>
    internal uint LocalModes
    {
        get
        {
            termios settings;
            Assert.Equal(0, tcgetattr(Number(Terminal), &settings));
            return settings.c_lflag;
        }
    }

    internal void Type(params ReadOnlySpan<byte> keys)
    {
        fixed (byte* start = keys)
            Assert.Equal(keys.Length, (int)write(Number(_master), start, keys.Length));
    }

    /// <summary>What is on the screen, up to the given number of characters; waits for the first.</summary>
    internal string Screen(int count)
    {
        byte[] buffer = new byte[count];
        fixed (byte* start = buffer)
        {
            pollfd wait = new() { fd = Number(_master), events = POLLIN };
            Assert.Equal(1, poll(&wait, 1, 30_000));
            int length = (int)read(Number(_master), start, count);
            return Encoding.ASCII.GetString(buffer, 0, Math.Max(length, 0));
        }
    }

    public void Dispose()
    {
        Terminal.Dispose();
        _master.Dispose();
    }

    private static int Number(SafeFileHandle handle) => (int)handle.DangerousGetHandle();

    private static SafeFileHandle Open(string path, int flags)
    {
        fixed (byte* name = Encoding.ASCII.GetBytes(path + '\0'))
        {
            int descriptor = open(name, flags | O_CLOEXEC, default(mode_t));
            Assert.SkipWhen(descriptor < 0, $"no pseudo-terminal: {path} cannot be opened");
            return new SafeFileHandle(descriptor, ownsHandle: true);
        }
    }
}
