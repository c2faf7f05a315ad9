// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Tests;
using LguestPlug.Virtio;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Testing.Tests;

/// <summary>The kit with devices that keep the rules.</summary>
public class TestDriverTests
{
    /// <summary>Answers with what it was sent, each byte plus one, as much as there is room for.</summary>
    private static void Echo(IVirtqueue queue)
    {
        if (queue.Take() is not { } chain)
            return;

        long written = 0;
        Span<byte> one = stackalloc byte[1];
        while (chain.Writable.Length > 0 && chain.Readable.Read(one) == 1)
        {
            one[0]++;
            written += chain.Writable.Write(one);
        }

        chain.Complete(written);
    }

    private static TestDriver NewEcho(ushort queueSize = 256, int memoryMegabytes = 64) =>
        new(new LambdaDevice(Echo) { QueueSize = queueSize, OfferedFeatures = 0b1011 }, memoryMegabytes: memoryMegabytes);

    [Fact]
    public void ARequestComesBackWithItsAnswer()
    {
        using TestDriver driver = NewEcho().Start();
        Chain chain = new Chain().Readable([1, 2, 3]).Writable(2).Writable([9, 9, 9, 9]);
        Completion answer = driver.Queues[0].Send(chain);
        Assert.Same(chain, answer.Chain);
        Assert.Equal(3u, answer.Length);
        Assert.Equal([2, 3, 4], answer.Written);
        Assert.Equal([2, 3, 4, 9, 9, 9], answer.Writable);
        Assert.Equal(0x0403, answer.Read<ushort>(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => answer.Read<ulong>());
        Assert.Throws<ArgumentOutOfRangeException>(() => answer.Read<byte>(6));
    }

    [Fact]
    public void NoLayoutMakesADifference()
    {
        using TestDriver driver = NewEcho(queueSize: 16).Start();
        byte[] sent = [.. Enumerable.Range(0, 100).Select(i => (byte)i)];
        byte[] expected = [.. sent.Select(b => (byte)(b + 1))];
        Chain chain = new Chain().Readable(sent, 10, 0, 20).Writable(100, 1, 50);
        Assert.Equal("reads 10 + 0 + 20 + 70, writes 1 + 50 + 49", chain.ToString());
        var layouts = new HashSet<string>();
        for (int seed = 0; seed < 200; seed++)
        {
            Chain other = seed % 2 == 0 ? chain.Scattered(seed) : chain.Scattered(seed).Indirect();
            layouts.Add(other.ToString());
            Assert.InRange(other.SegmentCount, 2, 8);
            Assert.Equal((100L, 100L), (other.ReadableLength, other.WritableLength));
            Assert.Equal(expected, driver.Queues[0].Send(other).Written);
        }

        Assert.True(layouts.Count > 100, $"only {layouts.Count} layouts");
        Assert.Contains(layouts, layout => layout.Contains(" 0 ", StringComparison.Ordinal));
    }

    [Fact]
    public void ChainsSubmittedTogetherAreSeenTogether()
    {
        int seen = 0;
        using var driver = new TestDriver(new LambdaDevice(queue =>
        {
            if (queue.Take() is not { } chain)
                return;

            var all = new Stack<DescriptorChain>([chain]);
            while (queue.TryTake() is { } next)
                all.Push(next);

            Interlocked.Exchange(ref seen, all.Count);
            foreach (DescriptorChain taken in all)
                taken.Complete(0);
        })).Start();
        Chain[] chains = [new Chain().Readable([1]), new Chain().Readable([2]), new Chain().Readable([3])];
        driver.Queues[0].Submit(chains);
        Assert.Same(chains[1], driver.Queues[0].WaitForCompletion(chains[1]).Chain);
        Assert.Equal(3, Volatile.Read(ref seen));
        Assert.Equal(2, driver.Queues[0].InFlight);
        Assert.Equal([chains[2], chains[0]], driver.Queues[0].WaitForAll().Select(c => c.Chain));
        Assert.Null(driver.Queues[0].TryGetCompletion());
    }

    [Fact]
    public void AChainMayBeSubmittedAgainAndBeforeTheStart()
    {
        using TestDriver driver = NewEcho();
        Chain chain = new Chain().Readable([1]).Writable(1);
        driver.Queues[0].Submit(chain, chain, chain);
        Assert.Null(driver.Queues[0].TryGetCompletion());
        driver.Start();
        Assert.Equal([0, 2, 4], driver.Queues[0].WaitForAll().Select(c => c.Head).Order());
    }

    [Fact]
    public void KicksOnlyWhoWantsToBeKicked()
    {
        using var goOn = new ManualResetEventSlim();
        using var driver = new TestDriver(new LambdaDevice(queue =>
        {
            if (queue.Take() is { } chain)
            {
                goOn.Wait();
                chain.Complete(0);
            }
        })).Start();
        driver.Queues[0].WaitUntilIdle();
        Assert.True(driver.Queues[0].WantsKicks);
        driver.Queues[0].Submit(new Chain().Readable([1]));
        Assert.Equal(1, driver.Queues[0].Kicks);
        driver.WaitUntil(() => !driver.Queues[0].WantsKicks, "the device was not woken");
        driver.Queues[0].Submit(new Chain().Readable([2]));
        Assert.Equal(1, driver.Queues[0].Kicks);
        goOn.Set();
        driver.Queues[0].WaitForAll();
        driver.Queues[0].Kick();
        Assert.Equal(2, driver.Queues[0].Kicks);
    }

    [Fact]
    public void InterruptsAreCountedAndWaitedForOneByOne()
    {
        using TestDriver driver = NewEcho().Start();
        for (int i = 1; i <= 3; i++)
        {
            driver.Queues[0].Send(new Chain().Readable([1]));
            driver.Queues[0].WaitForInterrupt();
            driver.Queues[0].WaitUntilIdle();
            Assert.Equal(i, driver.Queues[0].Interrupts);
        }

        driver.Queues[0].WantsInterrupts = false;
        driver.Queues[0].Send(new Chain().Readable([1]));
        driver.Queues[0].WaitUntilIdle();
        Assert.False(driver.Queues[0].WantsInterrupts);
        Assert.Equal(3, driver.Queues[0].Interrupts);
    }

    [Fact]
    public void FeaturesAreNegotiated()
    {
        using TestDriver driver = NewEcho();
        Assert.Equal(0b1011ul, driver.OfferedFeatures);
        Assert.Equal(0ul, driver.AcceptedFeatures);
        driver.Start(0b0110);
        Assert.Equal(0b0010ul, driver.AcceptedFeatures);
        Assert.True(driver.IsRunning);
        Assert.Equal(["start 2"], ((LambdaDevice)driver.Device).Calls);
        driver.Reset();
        Assert.Equal(0ul, driver.AcceptedFeatures);
        driver.Start();
        Assert.Equal(["start 2", "reset", "start b"], ((LambdaDevice)driver.Device).Calls);
    }

    [Fact]
    public void AResetForgetsWhatWasInFlight()
    {
        using var driver = new TestDriver(new LambdaDevice(queue =>
        {
            if (queue.Take() is not null)
                queue.Sleep(Timeout.InfiniteTimeSpan);
        })).Start();
        driver.Queues[0].Submit(new Chain().Writable(10), new Chain().Writable(10));
        driver.Reset();
        Assert.Equal(0, driver.Queues[0].InFlight);
        Assert.Null(driver.Queues[0].TryGetCompletion());
        driver.Start();
    }

    [Fact]
    public void TheDriverWritesTheConfigurationTooAndTheDeviceIsToldWhenItsHostLooks()
    {
        var device = new ConfiguredDevice();
        using var driver = new TestDriver(device);
        driver.WriteConfig(0, (byte)1);
        driver.Start();
        Assert.Equal("01000000", device.Written);
        driver.WriteConfig(2, (ushort)0x0403);
        Assert.Equal("01000304", Convert.ToHexString(driver.Config.Span));
        Assert.Equal("01000000", device.Written);
        driver.Queues[0].Send(new Chain().Readable([1]));
        Assert.Equal("01000304", device.Written);
        driver.WriteConfig(1, (byte)2);
        driver.Reset();
        Assert.Equal("01020304", device.Written);
        Assert.Equal(0x04030201u, driver.ReadConfig<uint>());
        Assert.Throws<ArgumentOutOfRangeException>(() => driver.WriteConfig(1, 0u));
    }

    [Fact]
    public void TheDeviceIsDisposedOnceAndLast()
    {
        TestDriver driver = NewEcho().Start();
        driver.Dispose();
        driver.Dispose();
        Assert.Equal(["start b", "reset", "dispose"], ((LambdaDevice)driver.Device).Calls);
    }

    [Fact]
    public void APluginGetsAContextThatNotesWhatItSays()
    {
        using TestDriver driver = TestDriver.Create(new TalkingPlugin(), new TalkingOptions { Number = 7 }, new TestDeviceContext("talker3"));
        Assert.Equal(7u, driver.ReadConfig<uint>());
        Assert.Equal(7, driver.ReadConfig<ushort>(0));
        var device = (TalkingDevice)driver.Device;
        TestDeviceContext context = driver.Context;
        device.Change(8);
        Assert.Equal((8u, 1), (driver.ReadConfig<uint>(), driver.ConfigChanges));
        context.RequestStop("enough");
        Assert.Equal(["enough"], context.StopRequests);
        Assert.Equal([new LogEntry(LogLevel.Debug, "talker3 is made"), new LogEntry(LogLevel.Warning, "8 is even")], context.Log);
        Assert.Equal(["8 is even"], context.Warnings);
    }

    [Fact]
    public void AQueueIsFoundByItsName()
    {
        using TestDriver driver = NewEcho();
        Assert.Same(driver.Queues[0], driver.Queue("q0"));
        Assert.StartsWith("the device has no queue 'q1'; its queues are: q0", Assert.Throws<ArgumentException>(() => driver.Queue("q1")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ChainsThatAreNoneAreRefused()
    {
        using TestDriver driver = NewEcho(queueSize: 4).Start();
        TestQueue queue = driver.Queues[0];
        Assert.Throws<InvalidOperationException>(() => new Chain().Writable(1).Readable([1]));
        Assert.Throws<InvalidOperationException>(() => queue.Submit(new Chain()));
        Assert.Throws<InvalidOperationException>(() => queue.Submit(new Chain().Writable(10, 1, 1, 1, 1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Chain().Writable(-1));
        Assert.Throws<InvalidOperationException>(() => new Chain().Readable(driver.Allocate(1)).Scattered(1));
        using var silent = new TestDriver(new LambdaDevice(Echo) { QueueSize = 4 });
        silent.Queues[0].Submit(new Chain().Writable(3, 1, 1));
        var error = Assert.Throws<InvalidOperationException>(() => silent.Queues[0].Submit(new Chain().Writable(2, 1)));
        Assert.Equal("queue q0 has 1 free descriptors; the chain needs 2: wait for some that are in flight", error.Message);
    }

    [Fact]
    public void MemoryIsUsedAgainAndStaysWatched()
    {
        using TestDriver driver = NewEcho(memoryMegabytes: 1).Start();
        byte[] sent = new byte[30_000];
        for (int i = 0; i < 50; i++)
        {
            new Random(i).NextBytes(sent);
            Assert.Equal(sent.Select(b => (byte)(b + 1)), driver.Queues[0].Send(new Chain().Readable(sent, i).Writable(sent.Length + i)).Written);
        }

        Assert.StartsWith("no room for 2000000 bytes", Assert.Throws<InvalidOperationException>(() => driver.Allocate(2_000_000)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MemoryOfTheTestsOwnMayBeLookedAtAndChangedMeanwhile()
    {
        using var goOn = new ManualResetEventSlim();
        using var driver = new TestDriver(new LambdaDevice(queue =>
        {
            if (queue.Take() is not { } chain)
                return;

            chain.Writable.Write([1, 2]);
            goOn.Wait();
            byte[] read = new byte[2];
            chain.Readable.Read(read);
            chain.Writable.Write(read);
            chain.Complete(4);
        })).Start();
        GuestBuffer source = driver.Allocate(2);
        GuestBuffer target = driver.Allocate(6, alignment: 4096);
        Assert.Equal(0ul, target.Address % 4096);
        driver.Write(target, new byte[6]);
        driver.Queues[0].Submit(new Chain().Readable(source).Writable(target, 1));
        driver.WaitUntil(() => driver.Read(target)[1] == 2, "nothing was written");
        driver.Write(source, [7, 8]);
        goOn.Set();
        Assert.Equal([1, 2, 7, 8, 0, 0], driver.Queues[0].WaitForCompletion().Writable);
        Assert.Equal([7, 8], driver.Read(target.Slice(2, 2)));
        Assert.Throws<ArgumentOutOfRangeException>(() => target.Slice(5, 2));
    }

    public static TheoryData<RingDefect> Defects => [.. Enum.GetValues<RingDefect>()];

    [Theory]
    [MemberData(nameof(Defects))]
    public void EveryDefectOfTheRingIsAFaultAndGoneAfterAReset(RingDefect defect)
    {
        using TestDriver driver = NewEcho(queueSize: 8).Start();
        for (int i = 0; i < 2; i++)
        {
            driver.Queues[0].Inject(defect);
            DeviceFaultException fault = driver.WaitForFault();
            Assert.Equal("q0", fault.Queue);
            Assert.Equal(defect switch
            {
                RingDefect.HeadOutsideTable => "available entry 0 names descriptor 8, but the table has 8",
                RingDefect.NextOutsideTable => "next is 8, but the table has 8 descriptors",
                RingDefect.Loop => "a chain longer than its table of 8 descriptors, or a loop",
                RingDefect.BufferOutsideMemory => "16 bytes at 0x4001ff8 lie outside guest memory, which ends at 0x4002000",
                RingDefect.BufferWrapsAround => "16 bytes at 0xfffffffffffffff8 lie outside guest memory, which ends at 0x4002000",
                RingDefect.ReadableBehindWritable => "a device-readable descriptor after a device-writable one",
                RingDefect.IndexTooFarAhead => "the available index moved from 0 to 9, further than the 8 entries of the ring",
                RingDefect.IndirectTableOutsideMemory => "32 bytes at 0x4001ff0 lie outside guest memory, which ends at 0x4002000",
                RingDefect.IndirectTableOfOddLength => "an indirect table of 17 bytes, not a positive multiple of 16",
                RingDefect.IndirectTableEmpty => "an indirect table of 0 bytes, not a positive multiple of 16",
                RingDefect.IndirectTableInTable => "an indirect descriptor inside an indirect table",
                RingDefect.IndirectTableWithNext => "an indirect descriptor with a next one",
                RingDefect.IndirectTableLoop => "a chain longer than its table of 1 descriptors, or a loop",
                _ => "",
            }, fault.Reason);
            Assert.False(driver.IsRunning);
            driver.Reset();
            driver.Start();
            Assert.Equal([2], driver.Queues[0].Send(new Chain().Readable([1]).Writable(1)).Written);
            driver.Reset();
            driver.Start();
        }
    }

    [Fact]
    public void ARingTakenOverIsTheTestsOwn()
    {
        using TestDriver driver = NewEcho(queueSize: 8).Start();
        GuestBuffer buffer = driver.Allocate(4);
        driver.Write(buffer, [1, 2, 0, 0]);
        RawRing ring = driver.Queues[0].TakeOver();
        ring.SetDescriptor(7, new Descriptor(buffer.Address, 2, Descriptor.HasNext, 6));
        ring.SetDescriptor(6, new Descriptor(buffer.Address + 2, 2, Descriptor.Write));
        ring.Publish(7);
        driver.Queues[0].Kick();
        driver.WaitUntil(() => ring.UsedIndex == 1, "the chain did not come back");
        Assert.Equal((7, 2u), ring.UsedEntry(0));
        Assert.Equal([1, 2, 2, 3], driver.Read(buffer));
        Assert.Null(driver.Queues[0].TryGetCompletion());
        driver.Reset();
        Assert.Equal([2], driver.Start().Queues[0].Send(new Chain().Readable([1]).Writable(1)).Written);
    }

    /// <summary>The device writes two bytes; the test opens both, or one.</summary>
    [Theory]
    [InlineData(2, false)]
    [InlineData(1, true)]
    public void ARingTakenOverMayGoOnBeingWatched(int opened, bool isStray)
    {
        using TestDriver driver = NewEcho(queueSize: 8).Start();
        GuestBuffer buffer = driver.Allocate(4);
        driver.Write(buffer, [1, 2, 0, 0]);
        var open = new List<GuestBuffer>();
        RawRing ring = driver.Queues[0].TakeOver(open);
        ring.SetDescriptor(7, new Descriptor(buffer.Address, 2, Descriptor.HasNext, 6));
        ring.SetDescriptor(6, new Descriptor(buffer.Address + 2, 2, Descriptor.Write));
        open.Add(buffer.Slice(2, opened));
        ring.Publish(7);
        driver.Queues[0].Kick();
        driver.WaitUntil(() => ring.UsedIndex == 1, "the chain did not come back");
        if (isStray)
            Assert.Contains("the device wrote outside of what it may write", Assert.Throws<DeviceTestException>(driver.Verify).Message, StringComparison.Ordinal);
        else
            driver.Verify();

        driver.Reset();
        Assert.Equal([2], driver.Start().Queues[0].Send(new Chain().Readable([1]).Writable(1)).Written);
    }

    [Fact]
    public void MemoryThatWasNeverAllocatedIsLookedAtOnDemand()
    {
        using TestDriver driver = NewEcho(queueSize: 8).Start();
        driver.Verify();
        driver.Memory.Memory.Slice(driver.Memory.Memory.RamSize - 1, 1)[0] = 1;
        Assert.Contains("in memory that belongs to nothing", Assert.Throws<DeviceTestException>(driver.Verify).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void DescriptorsAreTheRingsOwn() => Assert.Equal(
        (Vring.DescriptorSize, DescriptorFlags.Next, DescriptorFlags.Write, DescriptorFlags.Indirect),
        (Descriptor.Size, (DescriptorFlags)Descriptor.HasNext, (DescriptorFlags)Descriptor.Write, (DescriptorFlags)Descriptor.Indirect));

    [Fact]
    public void NothingIsWrongWithADeviceThatIsRight()
    {
        using TestDriver driver = NewEcho(queueSize: 32).Start();
        var random = new Random(1);
        for (int round = 0; round < 300; round++)
        {
            int count = 1 + random.Next(3);
            Chain[] chains = [.. Enumerable.Range(0, count).Select(_ =>
            {
                byte[] sent = new byte[random.Next(300)];
                random.NextBytes(sent);
                Chain chain = new Chain().Readable(sent).Writable(random.Next(300)).Scattered(random.Next());
                return random.Next(2) == 0 ? chain : chain.Indirect();
            })];
            driver.Queues[0].Submit(chains);
            foreach (Completion completion in driver.Queues[0].WaitForAll())
                Assert.Equal((uint)Math.Min(completion.Chain.ReadableLength, completion.Chain.WritableLength), completion.Length);

            if (round % 50 == 0)
            {
                driver.Reset();
                driver.Start();
            }
        }
    }

    private sealed class ConfiguredDevice : VirtioDevice
    {
        private volatile string _written = "";

        public string Written => _written;

        public override ushort DeviceId => 42;

        public override ReadOnlyMemory<byte> Config => new byte[4];

        public override IReadOnlyList<QueueDefinition> Queues => [new("q", queue => queue.Take()?.Complete(0))];

        public override void ConfigWritten(ReadOnlySpan<byte> config) => _written = Convert.ToHexString(config);
    }

    private sealed class TalkingOptions
    {
        public uint Number { get; set; }
    }

    private sealed class TalkingPlugin : DevicePlugin<TalkingOptions>
    {
        public override VirtioDevice Create(TalkingOptions options, IDeviceContext context)
        {
            context.Logger.LogDebug("{Name} is made", context.Name);
            return new TalkingDevice(options.Number, context);
        }
    }

    private sealed class TalkingDevice(uint number, IDeviceContext context) : VirtioDevice
    {
        private uint _number = number;

        public override ushort DeviceId => 42;

        public override ReadOnlyMemory<byte> Config => BitConverter.GetBytes(_number);

        public override IReadOnlyList<QueueDefinition> Queues => [];

        public void Change(uint to)
        {
            _number = to;
            context.ConfigChanged();
            context.Logger.LogWarning("{Number} is even", to);
        }
    }
}
