// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Host.Output;

/// <summary>
/// Standard output or error, written by the plain system call. <see cref="Console"/> is not used anywhere: its first use sends
/// a terminal the codes that switch its keypad over, and what a guest's terminal shows is to be the guest's output alone.
/// A file stream will not do either: it keeps a position of its own, and the guest's console writes to the same files.
/// </summary>
internal sealed unsafe partial class StandardOutput : Stream
{
    private const int Eintr = 4;
    private const int Eagain = 11;
    private const int Epipe = 32;
    private const int GetDescriptorFlags = 1;
    private const int CloseOnExec = 1;
    private const short PollOut = 4;
    private const int GetWindowSize = 0x5413; // TIOCGWINSZ

    private readonly int _descriptor;
    private readonly bool _isOpen;

    private StandardOutput(int descriptor)
    {
        _descriptor = descriptor;
        // What came through execve is not close-on-exec; a descriptor of the runtime's own in the place of a closed one is.
        var flags = fcntl(descriptor, GetDescriptorFlags);
        _isOpen = flags >= 0 && (flags & CloseOnExec) == 0;
        Handle = _isOpen ? new SafeFileHandle(descriptor, ownsHandle: false) : null;
    }

    public static StandardOutput Output { get; } = new(1);

    public static StandardOutput Error { get; } = new(2);

    /// <summary>The descriptor, which is never closed; null where whoever started us gave us none.</summary>
    public SafeFileHandle? Handle { get; }

    /// <summary>Whether a person may be looking.</summary>
    public bool IsTerminal => _isOpen && isatty(_descriptor) == 1;

    /// <summary>Characters in a line of the terminal; null where there is none, or it does not say.</summary>
    public int? Columns
    {
        get
        {
            WindowSize size;
            return IsTerminal && ioctl(_descriptor, GetWindowSize, &size) == 0 && size.Columns > 0 ? size.Columns : null;
        }
    }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Text for this stream, sent at once.</summary>
    public TextWriter NewWriter() => new StreamWriter(this, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true) { AutoFlush = true };

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        if (!_isOpen)
            return;
        fixed (byte* start = buffer)
        {
            for (var done = 0; done < buffer.Length;)
            {
                var written = write(_descriptor, start + done, (nuint)(buffer.Length - done));
                if (written >= 0)
                {
                    done += (int)written;
                    continue;
                }
                switch (Marshal.GetLastPInvokeError())
                {
                    case Eintr:
                        break;
                    case Eagain:
                        WaitWritable();
                        break;
                    case Epipe:
                        // Nobody reads any more, which is no reason to end.
                        return;
                    case var error:
                        throw new OutputException(_descriptor == 1 ? "standard output" : "standard error", Marshal.GetPInvokeErrorMessage(error));
                }
            }
        }
    }

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Whoever gave us the descriptor may have made it non-blocking.</summary>
    private void WaitWritable()
    {
        var wait = new PollEntry { Descriptor = _descriptor, Events = PollOut };
        _ = poll(&wait, 1, -1);
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollEntry
    {
        public int Descriptor;
        public short Events;
        public short Happened;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct WindowSize
    {
        public ushort Rows;
        public ushort Columns;
        public ushort Width;
        public ushort Height;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int descriptor, byte* bytes, nuint count);

    [LibraryImport("libc")]
    private static partial int poll(PollEntry* entries, nuint count, int milliseconds);

    [LibraryImport("libc")]
    private static partial int fcntl(int descriptor, int command);

    [LibraryImport("libc")]
    private static partial int isatty(int descriptor);

    [LibraryImport("libc")]
    private static partial int ioctl(int descriptor, nuint request, WindowSize* size);
}
