// SPDX-License-Identifier: MIT
using LguestPlug.Virtio;

namespace LguestPlug.Testing;

/// <summary>A driver that keeps the rules, with a free list of descriptors. Used by one thread.</summary>
internal sealed class DriverRing : RawRing
{
    private readonly Stack<int> _free;
    private readonly Dictionary<int, int[]> _inFlight = [];

    internal DriverRing(GuestMemory memory, Vring ring)
        : base(memory, ring) => _free = new Stack<int>(Enumerable.Range(0, Size).Reverse());

    internal int FreeDescriptors => _free.Count;

    /// <summary>False when the device asks for no kicks.</summary>
    internal bool WantsKick
    {
        get
        {
            Interlocked.MemoryBarrier();
            return (UsedFlags & 1) == 0;
        }
    }

    /// <summary>The used index up to which <see cref="Collect"/> has gone.</summary>
    internal ushort LastUsed { get; private set; }

    /// <summary>Builds a chain from free descriptors and makes it available.</summary>
    /// <returns>The head, or -1 when there are too few descriptors.</returns>
    internal int Add(IReadOnlyList<GuestBuffer> readable, IReadOnlyList<GuestBuffer> writable, ulong? indirectTable = null)
    {
        int head = Build(readable, writable, indirectTable);
        if (head >= 0)
            Publish(head);

        return head;
    }

    /// <summary>Builds a chain from free descriptors.</summary>
    /// <param name="readable">What the device reads.</param>
    /// <param name="writable">What the device writes.</param>
    /// <param name="indirectTable">Where to put the chain's own table, or null for descriptors of the ring.</param>
    /// <returns>The head, or -1 when there are too few descriptors.</returns>
    internal int Build(IReadOnlyList<GuestBuffer> readable, IReadOnlyList<GuestBuffer> writable, ulong? indirectTable)
    {
        GuestBuffer[] all = [.. readable, .. writable];
        int needed = indirectTable is null ? all.Length : 1;
        if (_free.Count < needed)
            return -1;

        int[] own = [.. Enumerable.Range(0, needed).Select(_ => _free.Pop())];
        for (int i = 0; i < all.Length; i++)
        {
            bool last = i == all.Length - 1;
            int next = last ? 0 : indirectTable is null ? own[i + 1] : i + 1;
            int flags = (i < readable.Count ? 0 : Descriptor.Write) | (last ? 0 : Descriptor.HasNext);
            var descriptor = new Descriptor(all[i].Address, (uint)all[i].Length, (ushort)flags, (ushort)next);
            if (indirectTable is { } table)
                WriteDescriptor(table + (Descriptor.Size * (ulong)i), descriptor);
            else
                SetDescriptor(own[i], descriptor);
        }

        if (indirectTable is { } whole)
            SetDescriptor(own[0], new Descriptor(whole, (uint)(Descriptor.Size * all.Length), Descriptor.Indirect));

        _inFlight.Add(own[0], own);
        return own[0];
    }

    /// <summary>Takes descriptors away from the free list, for good.</summary>
    internal int[] Spend(int count) => [.. Enumerable.Range(0, count).Select(_ => _free.Pop())];

    /// <summary>The ring's own descriptors that a chain in flight is made of.</summary>
    internal IReadOnlyList<int> DescriptorsOf(int head) => _inFlight[head];

    /// <summary>Takes the next chain the device has handed back, or null.</summary>
    /// <exception cref="DeviceTestException">The device has no such chain.</exception>
    internal (int Head, uint Length)? Collect()
    {
        if (LastUsed == UsedIndex)
            return null;

        Interlocked.MemoryBarrier();
        (int head, uint length) = UsedEntry(LastUsed);
        LastUsed++;
        if (!_inFlight.Remove(head, out int[]? own))
            throw new DeviceTestException($"the device handed back a chain at head {head}, which it was not given or had handed back before");

        foreach (int index in own)
            _free.Push(index);

        return (head, length);
    }
}
