// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;

namespace LguestPlug.Emulator.Lguest;

/// <summary>
/// All of the guest's time comes from one monotonic counter: the time-stamp counter, the wall clock (which is never stepped, or
/// the guest would distrust its time-stamp counter) and the one-shot clock event.
/// </summary>
internal sealed class GuestClock
{
    /// <summary>Frequency of the time-stamp counter in kHz: a usual one, a whole number of cycles per nanosecond.</summary>
    public const uint TscKilohertz = CyclesPerNanosecond * 1_000_000;

    private const uint CyclesPerNanosecond = 3;
    private const long Never = long.MaxValue;
    private const long NanosecondsPerSecond = 1_000_000_000;

    private readonly long _start = Stopwatch.GetTimestamp();
    private readonly long _wallClockStart = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * (NanosecondsPerSecond / TimeSpan.TicksPerSecond);
    private long _deadline = Never;

    /// <summary>Nanoseconds since the guest was made.</summary>
    public long Nanoseconds
    {
        get
        {
            long ticks = Stopwatch.GetTimestamp() - _start;
            return Stopwatch.Frequency == NanosecondsPerSecond
                ? ticks
                : (long)((Int128)ticks * NanosecondsPerSecond / Stopwatch.Frequency);
        }
    }

    /// <summary>The time-stamp counter.</summary>
    public ulong TimeStampCounter => (ulong)Nanoseconds * CyclesPerNanosecond;

    /// <summary>A clock event is due some time.</summary>
    public bool IsArmed => _deadline != Never;

    /// <summary>Arms the clock event, replacing an earlier one; 0 cancels it.</summary>
    public void SetEvent(uint nanoseconds) => _deadline = nanoseconds == 0 ? Never : Nanoseconds + nanoseconds;

    /// <summary>True once when the clock event is due.</summary>
    public bool TakeExpired()
    {
        if (_deadline == Never || Nanoseconds < _deadline)
        {
            return false;
        }

        _deadline = Never;
        return true;
    }

    /// <summary>Nanoseconds until the clock event, at least 0; negative if none is armed.</summary>
    public long Remaining => _deadline == Never ? -1 : Math.Max(0, _deadline - Nanoseconds);

    /// <summary>Tells the guest the time of day.</summary>
    public void WriteTime(LguestData data)
    {
        long now = _wallClockStart + Nanoseconds;
        long seconds = now / NanosecondsPerSecond;
        data.SetTime((uint)seconds, (uint)(now - (seconds * NanosecondsPerSecond)));
    }
}
