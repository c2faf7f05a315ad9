// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using LguestPlug.Virtio;

namespace LguestPlug.Testing;

/// <summary>
/// The fields of a split ring (virtio 1.2, section 2.7), for a driver that breaks the rules. All are little-endian in guest
/// memory; nothing is checked and nothing is kicked.
/// </summary>
public class RawRing
{
    private readonly GuestMemory _memory;
    private readonly ulong _available;
    private readonly ulong _used;

    private protected RawRing(GuestMemory memory, Vring ring)
    {
        _memory = memory;
        Address = ring.Address;
        Size = ring.Size;
        _available = ring.Address + (Descriptor.Size * (ulong)Size);
        _used = (_available + 6 + (2UL * (ulong)Size) + Vring.Alignment - 1) & ~(ulong)(Vring.Alignment - 1);
    }

    /// <summary>Guest-physical address of the descriptor table.</summary>
    public ulong Address { get; }

    /// <summary>Number of entries.</summary>
    public int Size { get; }

    /// <summary>The driver's flags; bit 0 asks for no interrupts.</summary>
    public ushort AvailableFlags
    {
        get => Read16(_available);
        set => Write16(_available, value);
    }

    /// <summary>The driver's index: how many heads it ever made available, modulo 65536. Setting it makes them visible to the device.</summary>
    public ushort AvailableIndex
    {
        get => Read16(_available + 2);
        set
        {
            Interlocked.MemoryBarrier();
            Write16(_available + 2, value);
        }
    }

    /// <summary>The device's flags; bit 0 asks for no kicks.</summary>
    public ushort UsedFlags => Read16(_used);

    /// <summary>The device's index: how many chains it ever handed back, modulo 65536.</summary>
    public ushort UsedIndex => Read16(_used + 2);

    internal GuestBuffer UsedRing => new(_used, 6 + (8 * Size));

    internal Action<GuestBuffer>? Wrote { get; set; }

    /// <summary>Writes a descriptor of the ring's own table.</summary>
    public void SetDescriptor(int index, Descriptor descriptor) => WriteDescriptor(Address + (Descriptor.Size * (ulong)index), descriptor);

    /// <summary>Writes a descriptor anywhere in guest memory, as for an indirect table.</summary>
    /// <param name="address">Guest-physical address.</param>
    /// <param name="descriptor">What to write.</param>
    public void WriteDescriptor(ulong address, Descriptor descriptor)
    {
        Span<byte> to = _memory.Slice(address, Descriptor.Size);
        BinaryPrimitives.WriteUInt64LittleEndian(to, descriptor.Address);
        BinaryPrimitives.WriteUInt32LittleEndian(to[8..], descriptor.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(to[12..], descriptor.Flags);
        BinaryPrimitives.WriteUInt16LittleEndian(to[14..], descriptor.Next);
        Wrote?.Invoke(new GuestBuffer(address, Descriptor.Size));
    }

    /// <summary>Writes an entry of the available ring.</summary>
    /// <param name="entry">Taken modulo <see cref="Size"/>.</param>
    /// <param name="head">The index of a descriptor.</param>
    public void SetAvailableEntry(int entry, int head) => Write16(_available + 4 + (2UL * (ulong)(entry % Size)), (ushort)head);

    /// <summary>Makes heads available, all at once.</summary>
    public void Publish(params ReadOnlySpan<int> heads)
    {
        ushort index = AvailableIndex;
        foreach (int head in heads)
            SetAvailableEntry(index++, head);

        AvailableIndex = index;
    }

    /// <summary>An entry of the used ring: the head of a chain the device handed back, and its used length in bytes.</summary>
    /// <param name="entry">Taken modulo <see cref="Size"/>.</param>
    public (int Head, uint Length) UsedEntry(int entry)
    {
        ReadOnlySpan<byte> from = _memory.Slice(_used + 4 + (8UL * (ulong)(entry % Size)), 8);
        return ((int)BinaryPrimitives.ReadUInt32LittleEndian(from), BinaryPrimitives.ReadUInt32LittleEndian(from[4..]));
    }

    private ushort Read16(ulong address) => BinaryPrimitives.ReadUInt16LittleEndian(_memory.Slice(address, 2));

    private void Write16(ulong address, ushort value)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(_memory.Slice(address, 2), value);
        Wrote?.Invoke(new GuestBuffer(address, 2));
    }
}
