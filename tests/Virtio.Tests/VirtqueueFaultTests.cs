// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Testing;
using Bench = LguestPlug.Virtio.Tests.QueueBench;

namespace LguestPlug.Virtio.Tests;

/// <summary>The ring with a driver that breaks one rule at a time: each has a reason of its own.</summary>
public class VirtqueueFaultTests
{
    private const DescriptorFlags None = DescriptorFlags.None;
    private const DescriptorFlags Next = DescriptorFlags.Next;
    private const DescriptorFlags Write = DescriptorFlags.Write;
    private const DescriptorFlags Indirect = DescriptorFlags.Indirect;
    private const ulong Limit = 64 * 4096;

    [Fact]
    public void IndexFurtherAheadThanTheRing() => Faults(
        "queue test: the available index moved from 0 to 9, further than the 8 entries of the ring",
        bench => bench.Driver.AvailableIndex = 9);

    [Fact]
    public void IndexMovedBack() => Faults(
        "queue test: the available index moved from 0 to 65535, further than the 8 entries of the ring",
        bench => bench.Driver.AvailableIndex = 65535);

    [Theory]
    [InlineData(8)]
    [InlineData(65535)]
    public void HeadOutsideTheTable(int head) => Faults(
        $"queue test: available entry 0 names descriptor {head}, but the table has 8",
        bench => bench.Driver.Publish(head));

    [Theory]
    [InlineData(8)]
    [InlineData(65535)]
    public void NextOutsideTheTable(int next) => Faults(
        $"queue test, descriptor 0: next is {next}, but the table has 8 descriptors",
        (Bench.Buffers, 4, Next, next));

    [Fact]
    public void LoopOfOne() => Faults(
        "queue test, descriptor 0: a chain longer than its table of 8 descriptors, or a loop",
        (Bench.Buffers, 4, Next, 0));

    [Fact]
    public void LoopOfTwo() => Faults(
        "queue test, descriptor 0: a chain longer than its table of 8 descriptors, or a loop",
        (Bench.Buffers, 4, Next, 1),
        (Bench.Buffers, 4, Next, 0));

    [Fact]
    public void ReadableBehindWritable() => Faults(
        "queue test, descriptor 1: a device-readable descriptor after a device-writable one",
        (Bench.Buffers, 4, Next | Write, 1),
        (Bench.Buffers, 4, None, 0));

    [Theory]
    [InlineData(Limit, 1u)]
    [InlineData(Limit - 3, 4u)]
    [InlineData(Limit + 1, 0u)]
    [InlineData(0ul, uint.MaxValue)]
    [InlineData(ulong.MaxValue, 1u)]
    [InlineData(ulong.MaxValue, 2u)]
    [InlineData(ulong.MaxValue - 3, 4u)]
    [InlineData(0x1_0000_0000ul, 4u)]
    public void BufferOutsideMemory(ulong address, uint length)
    {
        foreach (DescriptorFlags flags in new[] { None, Write })
        {
            Faults(
                $"queue test, descriptor 0: {length} bytes at 0x{address:x} lie outside guest memory, which ends at 0x40000",
                (address, length, flags, 0));
        }
    }

    [Fact]
    public void SecondBufferOutsideMemory() => Faults(
        "queue test, descriptor 3: 4 bytes at 0x40000 lie outside guest memory, which ends at 0x40000",
        (Bench.Buffers, 4, Next, 3),
        default,
        default,
        (Limit, 4, Write, 0));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(17)]
    public void IndirectTableOfOddSize(uint length) => Faults(
        $"queue test, descriptor 0: an indirect table of {length} bytes, not a positive multiple of 16",
        (Bench.Buffers, length, Indirect, 0));

    [Fact]
    public void IndirectTableOutsideMemory() => Faults(
        "queue test, descriptor 0: 32 bytes at 0x3fff0 lie outside guest memory, which ends at 0x40000",
        (Limit - 16, 32, Indirect, 0));

    [Fact]
    public void IndirectWithNext() => Faults(
        "queue test, descriptor 0: an indirect descriptor with a next one",
        (Bench.Buffers, 16, Indirect | Next, 1));

    [Fact]
    public void IndirectInsideIndirect() => Faults(
        "queue test, descriptor 0: an indirect descriptor inside an indirect table",
        bench =>
        {
            bench.Driver.WriteDescriptor(Bench.Buffers, Bench.Buffers, 16, Indirect, 0);
            bench.Driver.SetDescriptor(0, Bench.Buffers, 16, Indirect);
            bench.Driver.Publish(0);
        });

    [Fact]
    public void NextOutsideAnIndirectTable() => Faults(
        "queue test, descriptor 0: next is 2, but the table has 2 descriptors",
        bench =>
        {
            bench.Driver.WriteDescriptor(Bench.Buffers, Bench.Buffers, 16, Next, 2);
            bench.Driver.SetDescriptor(0, Bench.Buffers, 32, Indirect);
            bench.Driver.Publish(0);
        });

    [Fact]
    public void LoopInAnIndirectTable() => Faults(
        "queue test, descriptor 1: a chain longer than its table of 2 descriptors, or a loop",
        bench =>
        {
            bench.Driver.WriteDescriptor(Bench.Buffers, Bench.Buffers, 16, Next, 1);
            bench.Driver.WriteDescriptor(Bench.Buffers + 16, Bench.Buffers, 16, Next, 1);
            bench.Driver.SetDescriptor(0, Bench.Buffers, 32, Indirect);
            bench.Driver.Publish(0);
        });

    [Fact]
    public void IndirectChainLongerThanTheRing() => Faults(
        "queue test, descriptor 8: a chain longer than its table of 8 descriptors, or a loop",
        bench =>
        {
            for (int i = 0; i < 16; i++)
                bench.Driver.WriteDescriptor(Bench.Buffers + (16 * (ulong)i), Bench.Buffers, 1, Next, i + 1);

            bench.Driver.SetDescriptor(0, Bench.Buffers, 256, Indirect);
            bench.Driver.Publish(0);
        });

    [Fact]
    public void FourGibibytesInOneChain()
    {
        // The memory is only reserved: it takes pages when touched, and nothing touches it.
        using var memory = GuestMemory.Allocate(1UL << 31, 16);
        var ring = new Vring(memory, 1UL << 31, 8);
        using var signals = new QueueSignals();
        var queue = new Virtqueue("test", memory, ring, new VirtqueueState(), signals, () => { });
        var driver = new DriverRing(memory, ring);
        driver.SetDescriptor(0, 0, 0x8000_0000, Next, 1);
        driver.SetDescriptor(1, 0, 0x7FFF_FFFF, None);
        driver.Publish(0);
        Assert.Equal(uint.MaxValue, queue.TryTake()!.Readable.Length);
        queue = new Virtqueue("test", memory, ring, new VirtqueueState(), signals, () => { });
        driver.SetDescriptor(1, 0, 0x8000_0000, None);
        Assert.Equal("queue test, descriptor 1: a chain of 4 GiB or more", Assert.Throws<DeviceFaultException>(queue.TryTake).Message);
    }

    [Fact]
    public void MemoryAboveTheLimitIsNoMemory()
    {
        using var bench = new Bench(8);
        bench.Memory.Limit = 0x20000;
        bench.Driver.SetDescriptor(0, 0x1FFFF, 2, None);
        bench.Driver.Publish(0);
        var fault = Assert.Throws<DeviceFaultException>(bench.Queue.TryTake);
        Assert.Equal("queue test, descriptor 0: 2 bytes at 0x1ffff lie outside guest memory, which ends at 0x20000", fault.Message);
    }

    private static void Faults(string message, params (ulong Address, uint Length, DescriptorFlags Flags, int Next)[] descriptors) => Faults(
        message,
        bench =>
        {
            for (int i = 0; i < descriptors.Length; i++)
                bench.Driver.SetDescriptor(i, descriptors[i].Address, descriptors[i].Length, descriptors[i].Flags, descriptors[i].Next);

            bench.Driver.Publish(0);
        });

    private static void Faults(string message, Action<Bench> misbehave)
    {
        using var bench = new Bench(8);
        misbehave(bench);
        Assert.Equal(message, Assert.Throws<DeviceFaultException>(bench.Queue.TryTake).Message);
        Assert.Equal(0, bench.Driver.UsedIndex);
    }
}
