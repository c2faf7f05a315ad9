// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Lguest;

/// <summary>How often what happened between guest and hypervisor. Counted on the guest's thread, read on any.</summary>
internal sealed class EventCounts
{
    private const int Vectors = 256, Lines = 32;

    /// <summary>Traps by vector; hypercalls under theirs.</summary>
    public readonly long[] Traps = new long[Vectors];

    /// <summary>Interrupts delivered, by line.</summary>
    public readonly long[] Interrupts = new long[Lines];

    /// <summary>Hypercalls by number; all bad numbers behind the good.</summary>
    public readonly long[] Hypercalls = new long[Hypercall.Numbers + 1];

    /// <summary>The same for those from the asynchronous ring.</summary>
    public readonly long[] AsyncHypercalls = new long[Hypercall.Numbers + 1];

    /// <summary>NOTIFY hypercalls that nobody but the launcher could see to.</summary>
    public long LauncherNotifies;

    /// <summary>The traps that happened, without hypercalls. <paramref name="systemCalls"/>: those the CPU saw to itself.</summary>
    public SortedDictionary<int, long> TrapsByVector(long systemCalls)
    {
        SortedDictionary<int, long> traps = ByIndex(Traps);
        if (systemCalls != 0)
        {
            traps[(int)GateTable.SystemCallVector] = traps.GetValueOrDefault((int)GateTable.SystemCallVector) + systemCalls;
        }

        traps.Remove((int)Hypercall.Vector);
        return traps;
    }

    /// <summary>The interrupts that happened.</summary>
    public SortedDictionary<int, long> InterruptsByLine() => ByIndex(Interrupts);

    /// <summary>The hypercalls that were made, by name, the most frequent first.</summary>
    public static OrderedDictionary<string, long> ByName(long[] hypercalls)
    {
        var named = new Dictionary<string, long>();
        foreach ((int number, long count) in hypercalls.Index())
        {
            if (count != 0)
            {
                string name = Hypercall.Name((uint)number);
                named[name] = named.GetValueOrDefault(name) + count;
            }
        }

        return new OrderedDictionary<string, long>(named.OrderByDescending(n => n.Value));
    }

    private static SortedDictionary<int, long> ByIndex(long[] counts)
    {
        var happened = new SortedDictionary<int, long>();
        foreach ((int index, long count) in counts.Index())
        {
            if (count != 0)
            {
                happened[index] = count;
            }
        }

        return happened;
    }
}
