// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Memory;

/// <summary>What trials need to know of the TLBs: how often each page is mapped at most, and what must not stay.</summary>
internal sealed unsafe class TrialMappings(PhysicalMemory memory)
{
    private readonly byte[] _counts = new byte[memory.PageLimit];

    /// <summary>Linear pages that leave the TLB with the trial: mapped to copies, or used without a mark in the tables.</summary>
    public List<uint> Temporary { get; } = [];

    /// <summary>Forgets everything.</summary>
    public void Clear() => Array.Clear(_counts);

    /// <summary>There is a mapping to a page.</summary>
    public void Note(byte* host) => Note((uint)(host - memory.Base));

    /// <inheritdoc cref="Note(byte*)"/>
    public void Note(uint physical)
    {
        ref byte count = ref _counts[physical >> 12];
        // It stays at its highest value.
        count = (byte)Math.Min(count + 1, byte.MaxValue);
    }

    /// <summary>All mappings to a page go away. Returns how many there were at most.</summary>
    public int Forget(uint physical)
    {
        int count = _counts[physical >> 12];
        _counts[physical >> 12] = 0;
        return count;
    }
}
