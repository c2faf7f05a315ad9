// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using LguestPlug.Virtio;

namespace LguestPlug.Testing;

/// <summary>A piece of guest memory that a driver puts in a chain.</summary>
/// <param name="Address">Guest-physical address.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct GuestBuffer(ulong Address, int Length);

/// <summary>A chain the device has handed back.</summary>
/// <param name="Head">The index it was published under.</param>
/// <param name="Length">The used length.</param>
public readonly record struct UsedChain(int Head, uint Length);

/// <summary>
/// The driver side of a split virtqueue, as a guest's kernel would be: a layer of raw fields, with which any rule can be broken,
/// and on it a well-behaved driver with a free list. Used by one thread.
/// </summary>
public sealed class DriverQueue
{
    private readonly GuestMemory _memory;
    private readonly ulong _available;
    private readonly ulong _used;
    private readonly Action _kick;
    private readonly Stack<int> _free;
    private readonly Dictionary<int, int[]> _inFlight = [];

    public DriverQueue(GuestMemory memory, Vring ring, Action kick)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(ring);
        _memory = memory;
        Address = ring.Address;
        Size = ring.Size;
        _available = ring.Address + (16UL * (ulong)Size);
        _used = (_available + 6 + (2UL * (ulong)Size) + 4095) & ~4095UL;
        _kick = kick;
        _free = new Stack<int>(Enumerable.Range(0, Size).Reverse());
    }

    public ulong Address { get; }

    public int Size { get; }

    public int FreeDescriptors => _free.Count;

    // The raw layer.

    public ushort AvailableFlags
    {
        get => Read16(_available);
        set => Write16(_available, value);
    }

    public ushort AvailableIndex
    {
        get => Read16(_available + 2);
        set
        {
            Interlocked.MemoryBarrier();
            Write16(_available + 2, value);
        }
    }

    public ushort UsedFlags => Read16(_used);

    public ushort UsedIndex => Read16(_used + 2);

    /// <summary>The used index up to which <see cref="Collect"/> has gone.</summary>
    public ushort LastUsed { get; private set; }

    public void SetDescriptor(int index, ulong address, uint length, DescriptorFlags flags, int next = 0) =>
        WriteDescriptor(Address + (16UL * (ulong)index), address, length, flags, next);

    /// <summary>Writes a descriptor anywhere, as in an indirect table.</summary>
    public void WriteDescriptor(ulong at, ulong address, uint length, DescriptorFlags flags, int next)
    {
        Span<byte> to = _memory.Slice(at, 16);
        BinaryPrimitives.WriteUInt64LittleEndian(to, address);
        BinaryPrimitives.WriteUInt32LittleEndian(to[8..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(to[12..], (ushort)flags);
        BinaryPrimitives.WriteUInt16LittleEndian(to[14..], (ushort)next);
    }

    public void SetAvailableEntry(int entry, int head) => Write16(_available + 4 + (2UL * (ulong)(entry % Size)), (ushort)head);

    /// <summary>Makes a head available, without a kick.</summary>
    public void Publish(int head)
    {
        ushort index = AvailableIndex;
        SetAvailableEntry(index, head);
        AvailableIndex = (ushort)(index + 1);
    }

    public UsedChain UsedEntry(int entry)
    {
        ReadOnlySpan<byte> from = _memory.Slice(_used + 4 + (8UL * (ulong)(entry % Size)), 8);
        return new UsedChain((int)BinaryPrimitives.ReadUInt32LittleEndian(from), BinaryPrimitives.ReadUInt32LittleEndian(from[4..]));
    }

    /// <summary>Kicks, whatever the device says.</summary>
    public void KickAlways() => _kick();

    // The well-behaved driver.

    /// <summary>Adds a chain from free descriptors and makes it available, without a kick.</summary>
    /// <param name="readable">What the device reads.</param>
    /// <param name="writable">What the device writes.</param>
    /// <param name="indirectTable">Where to put the chain's own table, or null for descriptors of the ring.</param>
    /// <returns>The head, or -1 when there are too few descriptors.</returns>
    public int Add(IReadOnlyList<GuestBuffer> readable, IReadOnlyList<GuestBuffer> writable, ulong? indirectTable = null)
    {
        ArgumentNullException.ThrowIfNull(readable);
        ArgumentNullException.ThrowIfNull(writable);
        GuestBuffer[] all = [.. readable, .. writable];
        int needed = indirectTable is null ? all.Length : 1;
        if (_free.Count < needed)
            return -1;

        int[] own = [.. Enumerable.Range(0, needed).Select(_ => _free.Pop())];
        for (int i = 0; i < all.Length; i++)
        {
            DescriptorFlags flags = i < readable.Count ? DescriptorFlags.None : DescriptorFlags.Write;
            bool last = i == all.Length - 1;
            if (!last)
                flags |= DescriptorFlags.Next;

            if (indirectTable is { } table)
                WriteDescriptor(table + (16UL * (ulong)i), all[i].Address, (uint)all[i].Length, flags, last ? 0 : i + 1);
            else
                SetDescriptor(own[i], all[i].Address, (uint)all[i].Length, flags, last ? 0 : own[i + 1]);
        }

        if (indirectTable is { } whole)
            SetDescriptor(own[0], whole, (uint)(16 * all.Length), DescriptorFlags.Indirect);

        _inFlight.Add(own[0], own);
        Publish(own[0]);
        return own[0];
    }

    /// <summary>Kicks unless the device asked not to.</summary>
    /// <returns>True when it kicked.</returns>
    public bool Kick()
    {
        Interlocked.MemoryBarrier();
        if ((UsedFlags & 1) != 0)
            return false;

        _kick();
        return true;
    }

    /// <summary>Takes the next chain the device has handed back, or null.</summary>
    public UsedChain? Collect()
    {
        if (LastUsed == UsedIndex)
            return null;

        Interlocked.MemoryBarrier();
        UsedChain used = UsedEntry(LastUsed);
        LastUsed++;
        if (!_inFlight.Remove(used.Head, out int[]? own))
            throw new InvalidOperationException($"the device handed back {used.Head}, which it was not given");

        foreach (int index in own)
            _free.Push(index);

        return used;
    }

    private ushort Read16(ulong at) => BinaryPrimitives.ReadUInt16LittleEndian(_memory.Slice(at, 2));

    private void Write16(ulong at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(_memory.Slice(at, 2), value);
}
