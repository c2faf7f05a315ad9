// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Host.Engines;

namespace LguestPlug.Host.Tests.Engines;

/// <summary>Plays the kernel: answers reads as the script says, and keeps what was written.</summary>
internal sealed partial class ScriptedDevice : ILguestDevice
{
    private readonly Queue<Func<byte[], int, nint>> _reads = new();

    public List<nint[]> Writes { get; } = [];

    public Func<nint[], nint> OnWrite { get; set; } = words => words[0] == 0 ? 12 : 0;

    /// <summary>The threads that prepared the guest and read, which the kernel wants to be one.</summary>
    public List<int> Threads { get; } = [];

    public bool Disposed { get; private set; }

    public ScriptedDevice Answers(nint result)
    {
        _reads.Enqueue((_, _) => result);
        return this;
    }

    public ScriptedDevice Notifies(nint address)
    {
        _reads.Enqueue((buffer, length) =>
        {
            Assert.Equal(nint.Size, length);
            MemoryMarshal.Write(buffer, address);
            return nint.Size;
        });
        return this;
    }

    public ScriptedDevice Says(string text)
    {
        _reads.Enqueue((buffer, length) =>
        {
            var bytes = System.Text.Encoding.UTF8.GetBytes(text + '\0');
            var count = Math.Min(bytes.Length, length);
            bytes.AsSpan(0, count).CopyTo(buffer);
            return count;
        });
        return this;
    }

    /// <summary>Sleeps in a system call until a signal comes.</summary>
    public ScriptedDevice Blocks()
    {
        _reads.Enqueue((_, _) => SleepInSystemCall());
        return this;
    }

    public nint Write(ReadOnlySpan<nint> words)
    {
        Writes.Add(words.ToArray());
        if (words[0] == 0)
            Threads.Add(Environment.CurrentManagedThreadId);
        return OnWrite(words.ToArray());
    }

    public nint Read(Span<byte> buffer)
    {
        Threads.Add(Environment.CurrentManagedThreadId);
        var copy = new byte[buffer.Length];
        var result = _reads.Dequeue()(copy, buffer.Length);
        copy.CopyTo(buffer);
        return result;
    }

    public void Dispose() => Disposed = true;

    private static nint SleepInSystemCall() =>
        poll(0, 0, 60_000) < 0 ? -Marshal.GetLastPInvokeError() : throw new TimeoutException("no signal came");

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(nint descriptors, nuint count, int milliseconds);
}
