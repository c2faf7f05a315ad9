// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using System.Text;

namespace LguestPlug.Bench.Throughput;

/// <summary>
/// Notes, for each operation, how much this process allocated during it. The stand-in works through its operations in one
/// call and tells the end of each by a line on standard error: that is led through a pipe here, and each line passed on with
/// the bytes allocated since the line before.
/// </summary>
internal sealed unsafe partial class AllocationStamps : IDisposable
{
    private const int StandardError = 2;
    private const int CloseOnExec = 0x80000;
    private readonly Thread _thread;
    private readonly int _read;
    private readonly int _before;

    private AllocationStamps(int read, int before)
    {
        _read = read;
        _before = before;
        _thread = new Thread(PassOn) { IsBackground = true, Name = "stamps" };
        _thread.Start();
    }

    public static AllocationStamps OnStandardError()
    {
        var ends = stackalloc int[2];
        var before = dup(StandardError);
        if (before < 0 || pipe2(ends, CloseOnExec) < 0 || dup3(ends[1], StandardError, 0) < 0)
            throw new IOException($"cannot lead standard error through a pipe: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
        _ = close(ends[1]);
        return new(ends[0], before);
    }

    /// <summary>Everything written so far has been passed on when this returns.</summary>
    public void Dispose()
    {
        _ = dup3(_before, StandardError, 0);
        _thread.Join();
        _ = close(_read);
        _ = close(_before);
    }

    private void PassOn()
    {
        const int Longest = 8192;
        Span<byte> stamp = stackalloc byte[64];
        var buffer = stackalloc byte[Longest];
        var held = 0;
        var last = GC.GetTotalAllocatedBytes(precise: true);
        while (read(_read, buffer + held, (nuint)(Longest - held)) is > 0 and var count)
        {
            var now = GC.GetTotalAllocatedBytes(precise: true);
            held += (int)count;
            for (int end; (end = new ReadOnlySpan<byte>(buffer, held).IndexOf((byte)'\n')) >= 0 || held == Longest;)
            {
                if (end < 0)
                    end = held - 1;
                Send(new ReadOnlySpan<byte>(buffer, end));
                stamp[0] = (byte)' ';
                var text = stamp;
                var name = Encoding.ASCII.GetBytes(Measurement.AllocatedField, text[1..]);
                text[name + 1] = (byte)'=';
                _ = (now - last).TryFormat(text[(name + 2)..], out var digits);
                text[name + 2 + digits] = (byte)'\n';
                Send(text[..(name + 3 + digits)]);
                last = now;
                new ReadOnlySpan<byte>(buffer + end + 1, held - end - 1).CopyTo(new Span<byte>(buffer, Longest));
                held -= end + 1;
            }
            // What this thread itself has allocated is none of the launcher's doing.
            last = GC.GetTotalAllocatedBytes(precise: true);
        }
    }

    private void Send(ReadOnlySpan<byte> text)
    {
        fixed (byte* start = text)
            _ = write(_before, start, (nuint)text.Length);
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int pipe2(int* ends, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int dup(int descriptor);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int dup3(int descriptor, int wanted, int flags);

    [LibraryImport("libc")]
    private static partial int close(int descriptor);

    [LibraryImport("libc")]
    private static partial nint read(int descriptor, byte* bytes, nuint count);

    [LibraryImport("libc")]
    private static partial nint write(int descriptor, byte* bytes, nuint count);
}
