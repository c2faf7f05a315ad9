// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;

namespace LguestPlug.Emulator.Statistics;

/// <summary>What a guest's thread is busy with.</summary>
internal enum Activity
{
    /// <summary>Something else: the launcher's own work between two runs.</summary>
    Outside,

    /// <summary>Guest code, translated or interpreted.</summary>
    Guest,

    /// <summary>Translating guest code, or decoding it for the interpreter.</summary>
    Translation,

    /// <summary>The hypervisor: traps, hypercalls, TLB misses, rare instructions, notifies.</summary>
    Runtime,

    /// <summary>The guest halted and waits.</summary>
    Asleep,
}

/// <summary>
/// Adds up what the guest's thread spends its time on. Every change costs a look at the clock, so there is one only where somebody
/// wants to know.
/// </summary>
internal sealed class ActivityClock
{
    private readonly long[] _ticks = new long[(int)Activity.Asleep + 1];
    private long _since = Stopwatch.GetTimestamp();
    private Activity _current = Activity.Outside;

    /// <summary>Time spent so, up to the last change.</summary>
    public TimeSpan this[Activity activity] => Stopwatch.GetElapsedTime(0, _ticks[(int)activity]);

    /// <summary>From now on the thread does something else. Returns what it did so far.</summary>
    public Activity Enter(Activity next)
    {
        long now = Stopwatch.GetTimestamp();
        Activity before = _current;
        _ticks[(int)before] += now - _since;
        _since = now;
        _current = next;
        return before;
    }
}
