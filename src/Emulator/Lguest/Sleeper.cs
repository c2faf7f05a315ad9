// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Emulator.Lguest;

/// <summary>
/// Lets the guest's thread sleep, to the nanosecond, until another thread wakes it. .NET's own waits count milliseconds, which is
/// far too coarse for a guest's timer.
/// </summary>
internal sealed unsafe partial class Sleeper : IDisposable
{
    private const short PollIn = 1;
    private const int CloseOnExec = 0x80000, NonBlocking = 0x800;
    private const int SetTimerSlack = 29;

    private readonly int _event;
    private int _isAnnounced;
    private int _preciseThread;

    public Sleeper()
    {
        _event = Native.EventFd(0, CloseOnExec | NonBlocking);
        if (_event < 0)
        {
            throw new InvalidOperationException($"Cannot create an eventfd: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    /// <summary>Times that somebody fell asleep.</summary>
    public long Sleeps { get; private set; }

    /// <summary>
    /// Wakes the sleeper, or keeps it from falling asleep if it announced that. The caller has stored, with a full fence, what the
    /// sleeper is to find. Any thread.
    /// </summary>
    public void Wake()
    {
        if (Volatile.Read(ref _isAnnounced) != 0)
        {
            ulong one = 1;
            _ = Native.Write(_event, &one, sizeof(ulong));
        }
    }

    /// <summary>From here on <see cref="Wake"/> is heeded. What is waited for must be looked at once more before <see cref="Sleep"/>.</summary>
    public void Announce() => Interlocked.Exchange(ref _isAnnounced, 1);

    /// <summary>There was no need to sleep after all.</summary>
    public void Cancel() => Volatile.Write(ref _isAnnounced, 0);

    /// <summary>Sleeps until <see cref="Wake"/>, a signal, or the time is over; negative waits for ever.</summary>
    public void Sleep(long nanoseconds)
    {
        // By default the kernel may be 50 µs late so as to wake threads in groups.
        if (_preciseThread != Environment.CurrentManagedThreadId)
        {
            _preciseThread = Environment.CurrentManagedThreadId;
            _ = Native.Prctl(SetTimerSlack, 1, 0, 0, 0);
        }

        Sleeps++;
        PollFd descriptor = new() { Descriptor = _event, Events = PollIn };
        TimeSpec timeout = new() { Seconds = (nint)(nanoseconds / 1_000_000_000), Nanoseconds = (nint)(nanoseconds % 1_000_000_000) };
        int ready = Native.PPoll(&descriptor, 1, nanoseconds < 0 ? null : &timeout, null);
        Cancel();
        if (ready > 0)
        {
            ulong count;
            _ = Native.Read(_event, &count, sizeof(ulong));
        }
    }

    public void Dispose() => _ = Native.Close(_event);

    private struct PollFd
    {
        public int Descriptor;
        public short Events;
        public short ReturnedEvents;
    }

    private struct TimeSpec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }

    private static partial class Native
    {
        [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
        public static partial int EventFd(uint count, int flags);

        [LibraryImport("libc", EntryPoint = "ppoll")]
        public static partial int PPoll(PollFd* descriptors, nuint count, TimeSpec* timeout, void* signals);

        [LibraryImport("libc", EntryPoint = "read")]
        public static partial nint Read(int descriptor, void* buffer, nuint count);

        [LibraryImport("libc", EntryPoint = "write")]
        public static partial nint Write(int descriptor, void* buffer, nuint count);

        [LibraryImport("libc", EntryPoint = "close")]
        public static partial int Close(int descriptor);

        [LibraryImport("libc", EntryPoint = "prctl")]
        public static partial int Prctl(int option, nuint arg2, nuint arg3, nuint arg4, nuint arg5);
    }
}
