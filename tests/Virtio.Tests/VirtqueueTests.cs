// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Testing;

namespace LguestPlug.Virtio.Tests;

/// <summary>The ring with a driver that keeps the rules.</summary>
public class VirtqueueTests
{
    private const DescriptorFlags Next = DescriptorFlags.Next;
    private const DescriptorFlags Write = DescriptorFlags.Write;
    private const DescriptorFlags Indirect = DescriptorFlags.Indirect;

    [Fact]
    public void GivesNothingBeforeTheDriverDoes()
    {
        using var bench = new QueueBench();
        Assert.Null(bench.Queue.TryTake());
        Assert.Equal(0, bench.Driver.UsedFlags);
        Assert.Equal(0, bench.Interrupts);
    }

    [Fact]
    public void HandsOutBothPartsInOrder()
    {
        using var bench = new QueueBench();
        bench.Memory.Slice(QueueBench.Buffers, 4)[0] = 0x11;
        bench.Memory.Slice(QueueBench.Buffers + 100, 4)[0] = 0x22;
        DescriptorChain chain = bench.TakeOne(
            (QueueBench.Buffers, 4, Next, 2),
            (QueueBench.Buffers + 200, 8, Write, 0),
            (QueueBench.Buffers + 100, 4, Next, 1));
        Assert.Equal(0, chain.Head);
        Assert.Equal(8, chain.Readable.Length);
        Assert.Equal(8, chain.Writable.Length);
        Assert.Equal(2, chain.Readable.Pieces.Length);
        byte[] read = new byte[16];
        Assert.Equal(8, chain.Readable.Read(read));
        Assert.Equal(0x11, read[0]);
        Assert.Equal(0x22, read[4]);
        chain.Writable.Write([1, 2, 3]);
        chain.Complete(3);
        Assert.Equal([1, 2, 3, 0], bench.Memory.Slice(QueueBench.Buffers + 200, 4).ToArray());
        Assert.Equal(1, bench.Driver.UsedIndex);
        Assert.Equal((0, 3u), bench.Driver.UsedEntry(0));
    }

    [Fact]
    public void ReportsWhatADeviceMayHaveWrittenBeforeTheDriverSeesIt()
    {
        using var bench = new QueueBench();
        List<(uint Address, uint Length, int UsedIndex)> reports = [];
        bench.Memory.DeviceWrote = (address, length) => reports.Add((address, length, bench.Driver.UsedIndex));
        DescriptorChain chain = bench.TakeOne(
            (QueueBench.Buffers, 4, Next, 1),
            (QueueBench.Buffers + 100, 8, Next | Write, 2),
            (QueueBench.Buffers + 200, 16, Write, 0));
        chain.Writable.Write(new byte[11]); // all of the first piece, part of the second
        chain.Complete(11);
        uint entry = (uint)bench.Driver.UsedRing.Address + 4;
        Assert.Equal([((uint)QueueBench.Buffers + 100, 8, 0), ((uint)QueueBench.Buffers + 200, 16, 0), (entry, 8, 0)], reports);
        Assert.Equal((0, 11u), bench.Driver.UsedEntry(0));
        Assert.Equal(1, bench.Driver.UsedIndex);
    }

    [Fact]
    public void FollowsAnIndirectTable()
    {
        using var bench = new QueueBench();
        ulong table = QueueBench.Buffers + 3; // No alignment is promised.
        bench.Driver.WriteDescriptor(table, QueueBench.Buffers + 0x1000, 5, Next, 2);
        bench.Driver.WriteDescriptor(table + 32, QueueBench.Buffers + 0x2000, 7, Write, 0);
        DescriptorChain chain = bench.TakeOne((table, 48, Indirect | Write, 0));
        Assert.Equal(5, chain.Readable.Length);
        Assert.Equal(7, chain.Writable.Length);
        chain.Complete(7);
        Assert.Equal((0, 7u), bench.Driver.UsedEntry(0));
    }

    [Fact]
    public void FollowsAnIndirectTableBehindPlainDescriptors()
    {
        using var bench = new QueueBench();
        bench.Driver.WriteDescriptor(QueueBench.Buffers, QueueBench.Buffers + 0x1000, 5, Write, 0);
        DescriptorChain chain = bench.TakeOne((QueueBench.Buffers + 0x2000, 3, Next, 1), (QueueBench.Buffers, 16, Indirect, 0));
        Assert.Equal(3, chain.Readable.Length);
        Assert.Equal(5, chain.Writable.Length);
    }

    [Fact]
    public void TakesAChainAsLongAsTheRing()
    {
        using var bench = new QueueBench(8);
        DescriptorChain chain = bench.TakeOne([.. Enumerable.Range(0, 8).Select(i =>
            (QueueBench.Buffers + (ulong)i, 1u, i < 7 ? Next : DescriptorFlags.None, i + 1))]);
        Assert.Equal(8, chain.Readable.Length);
    }

    [Fact]
    public void TakesEmptyDescriptors()
    {
        using var bench = new QueueBench();
        DescriptorChain chain = bench.TakeOne((bench.Memory.Limit, 0, Next, 1), (QueueBench.Buffers, 2, Next, 2), (0, 0, Write, 0));
        Assert.Equal(2, chain.Readable.Length);
        Assert.Equal(1, chain.Readable.Pieces.Length);
        Assert.Equal(0, chain.Writable.Length);
    }

    [Fact]
    public void KeepsCountThroughTheWrapOfTheIndices()
    {
        using var bench = new QueueBench(8);
        GuestBuffer buffer = new(QueueBench.Buffers, 4);
        for (int i = 0; i < 70_000; i++)
        {
            int head = bench.Driver.Add([buffer], []);
            DescriptorChain? chain = bench.Queue.TryTake();
            Assert.NotNull(chain);
            chain.Complete(0);
            Assert.Equal(head, bench.Driver.Collect()!.Value.Head);
        }
    }

    [Fact]
    public void GoesOnFromASavedState()
    {
        using var bench = new QueueBench(8);
        bench.State.NextAvailable = 65535;
        bench.State.NextUsed = 65535;
        bench.Driver.SetDescriptor(3, QueueBench.Buffers, 4, DescriptorFlags.None);
        bench.Driver.SetAvailableEntry(65535, 3);
        bench.Driver.AvailableIndex = 0;
        Assert.NotNull(bench.Queue.TryTake());
        Assert.Equal(0, bench.State.NextAvailable);
    }

    [Fact]
    public void InterruptsOnceForABatchAndOnlyBeforeSleeping()
    {
        using var bench = new QueueBench();
        for (int i = 0; i < 5; i++)
            bench.Driver.Add([new(QueueBench.Buffers, 4)], []);

        for (int i = 0; i < 5; i++)
            bench.Queue.Take()!.Complete(0);

        Assert.Equal(0, bench.Interrupts);
        Assert.True(bench.Queue.HasUnsignalledCompletions);
        bench.Queue.Sleep(TimeSpan.Zero);
        Assert.Equal(1, bench.Interrupts);
        Assert.False(bench.Queue.HasUnsignalledCompletions);
        bench.Queue.Interrupt();
        Assert.Equal(1, bench.Interrupts);
    }

    [Fact]
    public void HonoursNoInterruptAndSendsNoneLater()
    {
        using var bench = new QueueBench();
        bench.Driver.AvailableFlags = 1;
        bench.Driver.Add([new(QueueBench.Buffers, 4)], []);
        bench.Queue.TryTake()!.Complete(0);
        bench.Queue.Interrupt();
        Assert.Equal(0, bench.Interrupts);
        bench.Driver.AvailableFlags = 0;
        bench.Queue.Interrupt();
        Assert.Equal(0, bench.Interrupts);
    }

    [Fact]
    public void AsksForNoKickWhileAwakeAndForKicksWhileAsleep()
    {
        using var bench = new QueueBench();
        var seen = new List<ushort>();
        Assert.Equal(0, bench.Driver.UsedFlags);
        var service = new Thread(() =>
        {
            while (bench.Queue.Take() is { } chain)
            {
                seen.Add(bench.Driver.UsedFlags);
                chain.Complete(0);
            }
        });
        service.Start();
        for (int i = 0; i < 3; i++)
        {
            SpinWait.SpinUntil(() => bench.Driver.UsedIndex == i && bench.Driver.UsedFlags == 0, RunnerBench.Patience);
            bench.Driver.Add([new(QueueBench.Buffers, 4)], []);
            bench.Signals.Kick();
            SpinWait.SpinUntil(() => bench.Driver.UsedIndex == i + 1 && bench.Driver.UsedFlags == 0, RunnerBench.Patience);
            Assert.Equal(i + 1, bench.Driver.UsedIndex);
            Assert.Equal(0, bench.Driver.UsedFlags);
        }

        bench.Signals.Stop();
        service.Join();

        // The first may have been seen before the queue ever slept.
        Assert.All(seen.Skip(1), flags => Assert.Equal(1, flags));
    }

    [Fact]
    public void SeveralChainsMayBeInHandAndGoBackInAnyOrder()
    {
        using var bench = new QueueBench();
        bench.Driver.Add([new(QueueBench.Buffers, 4)], [new(QueueBench.Buffers + 16, 1)]);
        bench.Driver.Add([new(QueueBench.Buffers + 32, 5)], [new(QueueBench.Buffers + 48, 2)]);
        DescriptorChain first = bench.Queue.TryTake()!;
        DescriptorChain second = bench.Queue.TryTake()!;
        Assert.Null(bench.Queue.TryTake());
        Assert.Equal((4, 5), (first.Readable.Length, second.Readable.Length));

        second.Complete(2);
        Assert.True(bench.Queue.HasChainInHand);
        Assert.Equal(4, first.Readable.Length);
        first.Complete(1);

        Assert.False(bench.Queue.HasChainInHand);
        Assert.Equal(2, bench.Driver.UsedIndex);
        Assert.Throws<InvalidOperationException>(() => second.Complete(0));
    }

    [Fact]
    public void ADriverThatMakesMoreAvailableThanTheRingHoldsIsRefused()
    {
        using var bench = new QueueBench();
        bench.Driver.SetDescriptor(0, QueueBench.Buffers, 4, DescriptorFlags.None);
        for (int i = 0; i <= bench.Queue.Size; i++)
        {
            // The same head again and again: no honest driver does that before it has the chain back.
            bench.Driver.Publish(0);
            if (i < bench.Queue.Size)
                Assert.NotNull(bench.Queue.TryTake());
        }

        var fault = Assert.Throws<DeviceFaultException>(() => bench.Queue.TryTake());
        Assert.Contains("are in the device's hand", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CompletingIsForOnceAndForWhatIsThere()
    {
        using var bench = new QueueBench();
        DescriptorChain chain = bench.TakeOne((QueueBench.Buffers, 4, Next, 1), (QueueBench.Buffers, 8, Write, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Complete(9));
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Complete(-1));
        chain.Complete(8);
        Assert.Throws<InvalidOperationException>(() => chain.Complete(0));
        Assert.Equal(0, chain.Readable.Length);
        Assert.Equal(0, chain.Writable.Length);
        Assert.Equal(1, bench.Driver.UsedIndex);
    }

    [Fact]
    public void AllocatesNothingForARequest()
    {
        using var bench = new QueueBench();
        var chains = new (ulong, uint, DescriptorFlags, int)[] { (QueueBench.Buffers, 16, Next, 1), (QueueBench.Buffers, 512, Write, 0) };
        for (int i = 0; i < chains.Length; i++)
            bench.Driver.SetDescriptor(i, chains[i].Item1, chains[i].Item2, chains[i].Item3, chains[i].Item4);

        Span<byte> data = stackalloc byte[512];
        long before = 0;
        const int Rounds = 10_000;
        for (int i = -1000; i < Rounds; i++)
        {
            if (i == 0)
                before = GC.GetAllocatedBytesForCurrentThread();

            bench.Driver.Publish(0);
            DescriptorChain chain = bench.Queue.Take()!;
            chain.Readable.TryRead(out ulong _);
            chain.Writable.Write(data);
            chain.Complete(512);
            bench.Queue.Interrupt();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
