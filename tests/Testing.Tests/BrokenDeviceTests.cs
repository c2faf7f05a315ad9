// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using LguestPlug.Tests;

namespace LguestPlug.Testing.Tests;

/// <summary>Devices that each break one rule, and what the kit says of them.</summary>
public class BrokenDeviceTests
{
    private static readonly Chain s_request = new Chain().Readable([1, 2, 3, 4]).Writable(16);

    /// <summary>Sends one request to a device that serves it as given, and a good one behind it; the first complaint is returned.</summary>
    private static string Complaint(Action<IVirtqueue, DescriptorChain> serve)
    {
        using var driver = new TestDriver(new LambdaDevice(queue =>
        {
            if (queue.Take() is { } chain)
                serve(queue, chain);
        }));
        var complaint = Assert.Throws<DeviceTestException>(() =>
        {
            driver.Start();
            driver.Queues[0].Send(s_request);
            driver.Queues[0].Send(s_request);
            driver.Reset();
        });
        return complaint.Message;
    }

    private static void Fill(DescriptorChain chain)
    {
        while (chain.Writable.Length > 0)
            chain.Writable.Write([0x55]);
    }

    [Fact]
    public void CompletesTwice() => Assert.Equal("queue q0: the chain at head 0 was completed twice", Complaint((_, chain) =>
    {
        chain.Complete(0);
        chain.Complete(0);
    }));

    /// <summary>In a host, the object would be the next chain's by then.</summary>
    [Fact]
    public void CompletesAChainItKeptInsteadOfTheNext()
    {
        DescriptorChain? kept = null;
        Assert.Equal("queue q0: the chain at head 0 was completed twice", Complaint((_, chain) => (kept ??= chain).Complete(0)));
    }

    [Fact]
    public void CompletesTwiceAndHidesIt() => Assert.Equal("queue q0: the chain at head 0 was completed twice", Complaint((_, chain) =>
    {
        chain.Complete(0);
        try
        {
            chain.Complete(0);
        }
        catch (InvalidOperationException)
        {
        }
    }));

    [Theory]
    [InlineData(17)]
    [InlineData(-1)]
    public void SaysItWroteMoreThanThereIsRoomFor(long length) => Assert.Equal(
        $"queue q0: the chain at head 0 was completed with {length} bytes written; it has room for 16", Complaint((_, chain) => chain.Complete(length)));

    [Fact]
    public void SaysItWroteWhatItDidNot() => Assert.Equal(
        "queue q0: the chain that reads 4, writes 16 came back with a used length of 16, but the device never wrote byte 4 and those behind it",
        Complaint((_, chain) =>
        {
            chain.Writable.Write([1, 2, 3, 4]);
            chain.Complete(16);
        }));

    [Theory]
    [InlineData(16, "1 byte behind a writable segment of 16 bytes, submission 1 of queue q0")]
    [InlineData(19, "4 bytes behind a writable segment of 16 bytes, submission 1 of queue q0")]
    [InlineData(-2, "2 bytes before a writable segment of 16 bytes, submission 1 of queue q0")]
    public unsafe void WritesZerosBesideItsSegment(int offset, string where) => Assert.EndsWith(where, Complaint((_, chain) =>
    {
        *(byte*)(chain.Writable.Pieces[0].Address + offset) = 0;
        Fill(chain);
        chain.Complete(16);
    }), StringComparison.Ordinal);

    [Fact]
    public unsafe void WritesWhatItMayOnlyRead() => Assert.EndsWith("byte 2 of a readable segment of 4 bytes, submission 1 of queue q0", Complaint((_, chain) =>
    {
        *(byte*)(chain.Readable.Pieces[0].Address + 2) = 9;
        chain.Complete(0);
    }), StringComparison.Ordinal);

    [Fact]
    public unsafe void WritesAChainItHasHandedBack()
    {
        nint late = 0;
        Assert.EndsWith("byte 5 of a writable segment of 16 bytes, submission 1 of queue q0", Complaint((_, chain) =>
        {
            if (late != 0)
                *(byte*)(late + 5) ^= 0xFF;

            late = chain.Writable.Pieces[0].Address;
            chain.Complete(0);
        }), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(24, "in descriptor 1 of queue q0")]
    [InlineData((16 * 256) + 2, "in or behind the available ring of queue q0")]
    public unsafe void WritesTheDriversPartOfTheRing(int offset, string where)
    {
        long ring = 0;
        using var driver = new TestDriver(new LambdaDevice(queue =>
        {
            if (queue.Take() is not { } chain)
                return;

            *(byte*)((nint)Volatile.Read(ref ring) + offset) ^= 0xFF;
            chain.Complete(0);
            queue.Sleep(Timeout.InfiniteTimeSpan); // The index it wrote would be a fault.
        }));
        Volatile.Write(ref ring, driver.Memory.Memory.BaseAddress + (nint)driver.Queues[0].TakeOver().Address);
        driver.Reset();
        driver.Start().Queues[0].Send(s_request);
        Assert.EndsWith(where, Assert.Throws<DeviceTestException>(driver.Verify).Message, StringComparison.Ordinal);
    }

    [Fact]
    public unsafe void WritesItsIndirectTable()
    {
        Chain request = new Chain().Readable([1, 2, 3, 4]).Writable(16).Indirect();
        using var driver = new TestDriver(new LambdaDevice(queue =>
        {
            // The table lies 64 bytes behind the last segment.
            if (queue.Take() is not { } chain)
                return;

            *(byte*)(chain.Writable.Pieces[0].Address + 16 + 64 + 8) ^= 0xFF;
            chain.Complete(0);
        }));
        var complaint = Assert.Throws<DeviceTestException>(() => driver.Start().Queues[0].Send(request));
        Assert.EndsWith("byte 8 of the indirect table of submission 1 of queue q0", complaint.Message, StringComparison.Ordinal);
    }

    /// <summary>What no call of the contract can do: the used ring written by hand.</summary>
    [Theory]
    [InlineData(77, 0, "queue q0: the device handed back a chain at head 77, which it was not given or had handed back before")]
    [InlineData(0, 17, "queue q0: the chain that reads 4, writes 16 came back with a used length of 17, but it has 16 writable bytes")]
    public unsafe void HandsBackWhatItWasNotGiven(uint head, uint length, string message)
    {
        long ring = 0;
        using var driver = new TestDriver(new LambdaDevice(queue =>
        {
            if (queue.Take() is null)
                return;

            ushort* used = (ushort*)((nint)Volatile.Read(ref ring) + 8192);
            ((uint*)(used + 2))[0] = head;
            ((uint*)(used + 2))[1] = length;
            Volatile.Write(ref used[1], 1);
            queue.Sleep(Timeout.InfiniteTimeSpan);
        }));
        Volatile.Write(ref ring, driver.Memory.Memory.BaseAddress + (nint)driver.Queues[0].TakeOver().Address);
        driver.Reset();
        driver.Start();
        Assert.Equal(message, Assert.Throws<DeviceTestException>(() => driver.Queues[0].Send(s_request)).Message);
    }

    [Fact]
    public void ForgetsAChain() => Assert.Equal("queue q0: the service returned without completing the chain at head 0", Complaint((_, _) => { }));

    [Fact]
    public void Throws()
    {
        using var driver = new TestDriver(new LambdaDevice(queue => throw new NotSupportedException("no such thing")));
        driver.Start();
        var complaint = Assert.Throws<DeviceTestException>(() => driver.Queues[0].Send(s_request));
        Assert.Equal("queue q0: the service threw NotSupportedException: no such thing", complaint.Message);
        Assert.IsType<NotSupportedException>(complaint.InnerException);
    }

    [Fact]
    public void ThrowsWhenStopped()
    {
        var driver = new TestDriver(new LambdaDevice(queue =>
        {
            if (queue.Take() is null)
                throw new NotSupportedException("too late");
        })).Start();
        driver.Queues[0].WaitUntilIdle();
        Assert.StartsWith("queue q0: the service threw NotSupportedException: too late", Assert.Throws<DeviceTestException>(driver.Dispose).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void IsAllowedToThrowThatItWasCancelled()
    {
        using var driver = new TestDriver(new LambdaDevice(queue =>
        {
            queue.Stopping.WaitHandle.WaitOne();
            queue.Stopping.ThrowIfCancellationRequested();
        })).Start();
        driver.Reset();
    }

    [Fact]
    public void CompletesOnAnotherThread() => Assert.Equal("queue q0: Complete on a thread that is not the queue's own", Complaint((_, chain) =>
        Task.Run(() => chain.Complete(0)).Wait()));

    [Fact]
    public void ReadsOnAnotherThread() => Assert.Equal("queue q0: Readable.Read on a thread that is not the queue's own", Complaint((_, chain) =>
        Task.Run(() => chain.Readable.Read(new byte[1])).Wait()));

    [Fact]
    public void WaitsOnAnotherThread() => Assert.Equal("queue q0: Sleep on a thread that is not the queue's own", Complaint((queue, _) =>
        Task.Run(() => queue.Sleep(TimeSpan.Zero)).Wait()));

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void UsesAPartOfAChainItHasHandedBack(bool writes) => Assert.StartsWith(
        $"queue q0: {(writes ? "Writable.Write" : "Readable.Read")} of the chain at head 0 after it was completed",
        Complaint((queue, chain) =>
        {
            chain.Complete(0);
            int moved = writes ? chain.Writable.Write([1]) : chain.Readable.Read(new byte[1]);
        }),
        StringComparison.Ordinal);

    [Fact]
    public void KeepsAChainOverAReset()
    {
        DescriptorChain? kept = null;
        var driver = new TestDriver(new LambdaDevice(queue =>
        {
            DescriptorChain? chain = queue.Take();
            if (kept is null)
            {
                kept = chain;
                queue.Sleep(Timeout.InfiniteTimeSpan);
            }
            else
            {
                kept.Complete(0);
            }
        })).Start();
        driver.Queues[0].Submit(s_request);
        driver.WaitUntil(() => Volatile.Read(ref kept) is not null, "the chain was not taken");
        driver.Reset();
        var complaint = Assert.Throws<DeviceTestException>(() => driver.Start().Queues[0].Send(s_request));
        Assert.StartsWith("queue q0: Complete after the device was reset: it kept something it had to forget", complaint.Message, StringComparison.Ordinal);
        driver.Dispose();
    }

    [Fact]
    public void SwallowsAFaultOfTheRing()
    {
        using var driver = new TestDriver(new LambdaDevice(queue =>
        {
            try
            {
                queue.Take()?.Complete(0);
            }
            catch (DeviceFaultException)
            {
            }
        })).Start();
        driver.Queues[0].Inject(RingDefect.Loop);
        Assert.StartsWith("queue q0: the service went on after a fault, which had to leave it:", Assert.Throws<DeviceTestException>(driver.WaitForFault).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MakesAFaultAndDoesNotThrowIt() => Assert.Equal("queue q0: the service went on after a fault, which had to leave it: no such request", Complaint((queue, chain) =>
    {
        _ = queue.Fault("no such request");
        chain.Complete(0);
    }));

    [Theory]
    [InlineData("")]
    [InlineData("two\nlines")]
    [InlineData("a sentence.")]
    public void FaultsInAnotherFormThanOneLine(string reason) => Assert.Contains("expected one line without a full stop", Complaint((queue, _) =>
        throw queue.Fault(reason)), StringComparison.Ordinal);

    [Fact]
    public void FaultsADriverThatIsRight()
    {
        var driver = new TestDriver(new LambdaDevice(queue =>
        {
            if (queue.Take() is not null)
                throw queue.Fault("no such request");
        })).Start();
        var complaint = Assert.Throws<DeviceTestException>(() => driver.Queues[0].Send(s_request));
        Assert.Equal(
            "queue q0: the device did not hand back the chain that reads 4, writes 16, since it stopped: queue q0, descriptor 0: no such request", complaint.Message);
        driver.Dispose(); // It was told of.

        driver = new TestDriver(driver.Device).Start();
        driver.Queues[0].Submit(s_request);
        driver.WaitUntil(() => !driver.IsRunning, "it went on");
        complaint = Assert.Throws<DeviceTestException>(driver.Reset);
        Assert.Equal("the device faulted its driver, which the test did not expect: queue q0, descriptor 0: no such request", complaint.Message);
        driver.Dispose();
    }

    [Fact]
    public void NeverAnswers()
    {
        using var driver = new TestDriver(new LambdaDevice(queue =>
        {
            if (queue.Take() is not null)
                queue.Sleep(Timeout.InfiniteTimeSpan);
        })).Start();
        driver.Patience = TimeSpan.FromSeconds(0.1);
        driver.Queues[0].Submit(s_request);
        driver.WaitUntil(() => driver.Activity(0) == "waits in Sleep", "the chain was not taken");
        const string Situation = "within 0.1 s; 1 chain in flight (the oldest reads 4, writes 16), the service waits in Sleep";
        Assert.Equal($"queue q0: the device handed no chain back {Situation}", Assert.Throws<DeviceTestException>(driver.Queues[0].WaitForCompletion).Message);
        Assert.Equal($"queue q0: the device raised no interrupt {Situation}", Assert.Throws<DeviceTestException>(driver.Queues[0].WaitForInterrupt).Message);
        Assert.StartsWith("queue q0: the device did not become idle", Assert.Throws<DeviceTestException>(driver.Queues[0].WaitUntilIdle).Message, StringComparison.Ordinal);
        Assert.Equal("the device did not fault its driver within 0.1 s; it is running", Assert.Throws<DeviceTestException>(driver.WaitForFault).Message);
    }

    [Fact]
    public void BlocksWhereNothingWakesIt()
    {
        using var entered = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        using var ended = new ManualResetEventSlim();
        var driver = new TestDriver(new LambdaDevice(queue =>
        {
            entered.Set();
            release.Wait();
            ended.Set();
        })).Start();
        Assert.True(entered.Wait(driver.Patience));
        var complaint = Assert.Throws<DeviceTestException>(driver.Reset);
        Assert.StartsWith("the device did not stop; one of its services blocks where nothing wakes it (that of q0 works)", complaint.Message, StringComparison.Ordinal);
        driver.Dispose(); // What the thread uses is still there.
        release.Set();
        Assert.True(ended.Wait(driver.Patience));
    }

    [Fact]
    public void ChangesTheLengthOfItsConfiguration()
    {
        var context = new TestDeviceContext();
        var device = new ConfiguredDevice { Bytes = [1, 2] };
        using var driver = new TestDriver(device, context);
        device.Bytes = [1];
        context.ConfigChanged();
        Assert.Equal("the configuration changed its length from 2 to 1 bytes", Assert.Throws<DeviceTestException>(driver.Verify).Message);
    }

    [Fact]
    public unsafe void IsFoundOutAtTheEndIfNotBefore()
    {
        using var collected = new ManualResetEventSlim();
        var driver = new TestDriver(new LambdaDevice(queue =>
        {
            if (queue.Take() is not { } chain)
                return;

            nint address = chain.Writable.Pieces[0].Address;
            chain.Complete(0);
            collected.Wait();
            Unsafe.InitBlock((void*)address, 0, 16);
        })).Start();
        driver.Queues[0].Send(s_request);
        collected.Set();
        driver.Queues[0].WaitUntilIdle();
        Assert.EndsWith("byte 0 of a writable segment of 16 bytes, submission 1 of queue q0", Assert.Throws<DeviceTestException>(driver.Dispose).Message, StringComparison.Ordinal);
    }

    private sealed class ConfiguredDevice : VirtioDevice
    {
        public byte[] Bytes { get; set; } = [];

        public override ushort DeviceId => 42;

        public override ReadOnlyMemory<byte> Config => Bytes;

        public override IReadOnlyList<QueueDefinition> Queues => [];
    }
}
