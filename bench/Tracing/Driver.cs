// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Virtio;

namespace LguestPlug.Bench.Tracing;

/// <summary>
/// The driver's side of one ring, on the device's own thread: the same chain of three descriptors, as of a disk's request, made
/// available over and over.
/// </summary>
internal sealed class Driver : IDisposable
{
    /// <summary>Entries of the ring.</summary>
    public const int Size = 256;

    /// <summary>Bytes the device reads of a chain.</summary>
    public const int Readable = 16;

    /// <summary>Bytes it writes.</summary>
    public const int Writable = 513;

    private const ulong Buffers = 0x10000;

    public Driver()
    {
        Memory = GuestMemory.Allocate(1 << 20, 0);
        Ring = new Vring(Memory, GuestMemory.PageSize, Size);
        SetDescriptor(0, Buffers, Readable, DescriptorFlags.Next, 1);
        SetDescriptor(1, Buffers + 0x1000, Writable - 1, DescriptorFlags.Write | DescriptorFlags.Next, 2);
        SetDescriptor(2, Buffers + 0x2000, 1, DescriptorFlags.Write, 0);
    }

    public GuestMemory Memory { get; }

    public Vring Ring { get; }

    /// <summary>Makes so many chains available. All entries of the available ring name descriptor 0, since memory is zero.</summary>
    public void Publish(int count)
    {
        Span<ushort> index = MemoryMarshal.Cast<byte, ushort>(Memory.Slice(Ring.Address + (Size * Vring.DescriptorSize) + 2, 2));
        Volatile.Write(ref index[0], (ushort)(index[0] + count));
    }

    public void Dispose() => Memory.Dispose();

    private void SetDescriptor(int index, ulong address, uint length, DescriptorFlags flags, ushort next)
    {
        var at = Memory.Slice(Ring.Address + (ulong)(index * Vring.DescriptorSize), Vring.DescriptorSize);
        MemoryMarshal.Write(at, address);
        MemoryMarshal.Write(at[8..], length);
        MemoryMarshal.Write(at[12..], (ushort)flags);
        MemoryMarshal.Write(at[14..], next);
    }
}
