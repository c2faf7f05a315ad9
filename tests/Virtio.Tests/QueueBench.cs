// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Testing;

namespace LguestPlug.Virtio.Tests;

/// <summary>Both sides of one queue on the test's own thread: 64 pages of guest memory, the ring at the second.</summary>
internal sealed class QueueBench : IDisposable
{
    internal const ulong RingAddress = 0x1000;

    /// <summary>Free guest memory from here on.</summary>
    internal const ulong Buffers = 0x8000;

    internal QueueBench(int size = 256)
    {
        Memory = GuestMemory.Allocate(64 * 4096, 0);
        var ring = new Vring(Memory, RingAddress, size);
        Driver = new DriverRing(Memory, ring);
        Queue = new Virtqueue("test", Memory, ring, State, Signals, () => Interrupts++, stopping: Stopping.Token);
    }

    internal GuestMemory Memory { get; }

    internal DriverRing Driver { get; }

    internal Virtqueue Queue { get; }

    internal VirtqueueState State { get; } = new();

    internal QueueSignals Signals { get; } = new();

    internal CancellationTokenSource Stopping { get; } = new();

    internal int Interrupts { get; private set; }

    /// <summary>Cuts a buffer into pieces of the given lengths; what is left over is the last.</summary>
    internal static IReadOnlyList<GuestBuffer> Cut(GuestBuffer buffer, params IEnumerable<int> lengths)
    {
        var pieces = new List<GuestBuffer>();
        int at = 0;
        foreach (int length in lengths)
        {
            int piece = Math.Min(length, buffer.Length - at);
            pieces.Add(buffer.Slice(at, piece));
            at += piece;
        }

        if (at < buffer.Length)
            pieces.Add(buffer.Slice(at, buffer.Length - at));

        return pieces;
    }

    /// <summary>Publishes a chain of descriptors written by hand, numbered from 0, and takes it.</summary>
    internal DescriptorChain TakeOne(params (ulong Address, uint Length, DescriptorFlags Flags, int Next)[] descriptors)
    {
        for (int i = 0; i < descriptors.Length; i++)
            Driver.SetDescriptor(i, descriptors[i].Address, descriptors[i].Length, descriptors[i].Flags, descriptors[i].Next);

        Driver.Publish(0);
        DescriptorChain? chain = Queue.TryTake();
        Assert.NotNull(chain);
        return chain;
    }

    public void Dispose()
    {
        Signals.Dispose();
        Stopping.Dispose();
        Memory.Dispose();
    }
}

/// <summary>Descriptors in the words of the ring under test.</summary>
internal static class DriverRingExtensions
{
    internal static void SetDescriptor(this DriverRing ring, int index, ulong address, uint length, DescriptorFlags flags, int next = 0) =>
        ring.SetDescriptor(index, new Descriptor(address, length, (ushort)flags, (ushort)next));

    internal static void WriteDescriptor(this DriverRing ring, ulong at, ulong address, uint length, DescriptorFlags flags, int next) =>
        ring.WriteDescriptor(at, new Descriptor(address, length, (ushort)flags, (ushort)next));
}
