// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace LguestPlug.Virtio;

/// <summary>
/// What can wake the thread of a queue: the driver's kick and the order to stop. Two eventfds: the kick is waited for by a
/// plain blocking read, one system call; the stop is polled beside a device's descriptor, so that kicks, which a device busy
/// elsewhere does not care for, do not disturb that wait. An order to stop rings both.
/// </summary>
public sealed unsafe class QueueSignals : IDisposable
{
    private const int Forever = -1;

    private readonly SafeFileHandle _kick = NewEventDescriptor();
    private readonly SafeFileHandle _stop = NewEventDescriptor();
    private volatile bool _stopping;

    /// <summary>An eventfd that kicks the queue when 1 is written to it, for engines that notify from the kernel.</summary>
    public SafeHandle KickDescriptor => _kick;

    /// <summary>True from <see cref="Stop"/> until <see cref="Rearm"/>.</summary>
    public bool IsStopping => _stopping;

    /// <summary>The driver has made chains available. Any thread.</summary>
    public void Kick() => Ring(_kick);

    /// <summary>Makes every wait return, now and until <see cref="Rearm"/>. Any thread.</summary>
    public void Stop()
    {
        if (_stopping)
            return;

        _stopping = true;
        Ring(_stop);
        Ring(_kick);
    }

    /// <summary>Makes waits wait again. Nobody may be waiting.</summary>
    public void Rearm()
    {
        if (!_stopping)
            return;

        Swallow(_stop);
        _stopping = false;
    }

    /// <summary>Closes the descriptors. Nobody may be waiting.</summary>
    public void Dispose()
    {
        _kick.Dispose();
        _stop.Dispose();
    }

    /// <summary>Sleeps until kicked or stopped. May return without cause.</summary>
    internal void WaitForKick() => Swallow(_kick);

    /// <summary>Waits for a descriptor, or for the order to stop.</summary>
    /// <param name="descriptor">What to wait for.</param>
    /// <param name="events">POLLIN or POLLOUT.</param>
    /// <param name="milliseconds">How long; -1 for ever.</param>
    /// <returns>True when the descriptor is ready or in error.</returns>
    internal bool Poll(SafeHandle descriptor, int events, int milliseconds = Forever)
    {
        bool referenced = false;
        try
        {
            descriptor.DangerousAddRef(ref referenced);
            pollfd* waits = stackalloc pollfd[2];
            waits[0].fd = (int)_stop.DangerousGetHandle();
            waits[0].events = POLLIN;
            waits[1].fd = (int)descriptor.DangerousGetHandle();
            waits[1].events = (short)events;
            PollAll(waits, 2, milliseconds);
            return waits[1].revents != 0;
        }
        finally
        {
            if (referenced)
                descriptor.DangerousRelease();
        }
    }

    /// <summary>Sleeps, at most until the order to stop.</summary>
    internal void Sleep(TimeSpan duration)
    {
        pollfd wait = new() { fd = (int)_stop.DangerousGetHandle(), events = POLLIN };
        if (duration == Timeout.InfiniteTimeSpan)
        {
            PollAll(&wait, 1, Forever);
            return;
        }

        long deadline = Environment.TickCount64 + (long)Math.Ceiling(duration.TotalMilliseconds);
        while (!_stopping)
        {
            long left = deadline - Environment.TickCount64;
            if (left <= 0)
                return;

            PollAll(&wait, 1, (int)Math.Min(left, int.MaxValue));
        }
    }

    private static SafeFileHandle NewEventDescriptor()
    {
        int descriptor = NativeMethods.NewEventDescriptor(0, EFD_CLOEXEC);
        if (descriptor < 0)
            throw new InsufficientMemoryException($"cannot make an eventfd: {NativeMethods.LastErrorText}");

        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    private static void PollAll(pollfd* waits, uint count, int milliseconds)
    {
        while (NativeMethods.Poll(waits, count, milliseconds) < 0)
        {
            if (NativeMethods.LastError != EINTR)
                throw new IOException($"poll failed: {NativeMethods.LastErrorText}");
        }
    }

    private static void Ring(SafeFileHandle descriptor)
    {
        ulong one = 1;
        while (NativeMethods.Write((int)descriptor.DangerousGetHandle(), &one, sizeof(ulong)) < 0 && NativeMethods.LastError == EINTR)
        {
        }
    }

    private static void Swallow(SafeFileHandle descriptor)
    {
        ulong count;
        while (NativeMethods.Read((int)descriptor.DangerousGetHandle(), &count, sizeof(ulong)) < 0 && NativeMethods.LastError == EINTR)
        {
        }
    }
}
