// SPDX-License-Identifier: GPL-2.0-or-later
using System.Collections.Concurrent;
using System.IO.Pipes;

namespace LguestPlug.Virtio.Tests;

/// <summary>Configuration bytes that both the device and its driver write, on a transport that does not tell when.</summary>
public class ConfigTests
{
    private readonly byte[] _page = new byte[8];

    private RunnerBench Bench(VirtioDevice device)
    {
        var bench = new RunnerBench(device);
        bench.Runner.PlaceConfig(() => _page);
        return bench;
    }

    [Fact]
    public void WhatTheDriverWroteBeforeAChainIsKnownBeforeTheChain()
    {
        var device = new WatchingDevice();
        using RunnerBench bench = Bench(device).Start();
        _page[4] = 9;
        bench.Request(0);
        bench.Request(0);
        Assert.Equal(["start", "written 0102030409060708 on test0/q", "chain", "chain"], device.Calls);
    }

    [Fact]
    public void AWaitThatEndsIsALookToo()
    {
        using var pipe = new AnonymousPipeServerStream(PipeDirection.In);
        using var client = new AnonymousPipeClientStream(PipeDirection.Out, pipe.ClientSafePipeHandle);
        var device = new WatchingDevice();
        device.Service = queue =>
        {
            Assert.True(queue.WaitReadable(pipe.SafePipeHandle));
            device.Calls.Enqueue("readable");
            queue.Sleep(Timeout.InfiniteTimeSpan);
        };
        using RunnerBench bench = Bench(device).Start();
        _page[5] = 9;
        client.Write([1]);
        bench.WaitUntil(() => device.Calls.Contains("readable"), "the pipe was not seen");
        Assert.Equal(["start", "written 0102030405090708 on test0/q", "readable"], device.Calls);
        device.Service = queue =>
        {
            if (queue.Sleep(TimeSpan.FromMilliseconds(1)))
                device.Calls.Enqueue("slept");
        };
        bench.Reset();
        device.Calls.Clear();
        bench.Start();
        bench.WaitUntil(() => device.Calls.Contains("slept"), "the device did not sleep");
        _page[6] = 9;
        bench.WaitUntil(() => device.Calls.Contains("written 0102030405090908 on test0/q"), "the device was not told");
    }

    [Fact]
    public void WhatTheDriverWroteLastIsKnownBeforeTheReset()
    {
        var device = new WatchingDevice();
        using RunnerBench bench = Bench(device).Start();
        bench.Request(0);
        bench.WaitUntilIdle(0);
        _page[7] = 9;
        bench.Reset();
        Assert.Equal(["start", "chain", $"written 0102030405060709 on {Thread.CurrentThread.Name}", "reset"], device.Calls);
    }

    [Fact]
    public void WhatTheDriverWroteBeforeTheStartIsKnownAfterIt()
    {
        var device = new WatchingDevice();
        using RunnerBench bench = Bench(device);
        _page[0] = 9;
        bench.Start();
        bench.Reset();
        _page[0] = 8;
        bench.Start();
        Assert.Equal(
            ["start", "written 0902030405060708", "reset", "start", "written 0802030405060708"],
            device.Calls.Select(call => call.Split(" on ")[0]));
    }

    [Fact]
    public void TheDeviceWritesOnlyWhatItChanged()
    {
        var device = new WatchingDevice();
        using RunnerBench bench = Bench(device).Start();
        _page[4] = 9;
        device.Bytes = [1, 7, 3, 4, 5, 6, 7, 8];
        bench.Runner.UpdateConfig();
        Assert.Equal([1, 7, 3, 4, 9, 6, 7, 8], _page);
        device.Bytes = [2, 7, 3, 5, 5, 6, 7, 10];
        bench.Runner.UpdateConfig();
        Assert.Equal([2, 7, 3, 5, 9, 6, 7, 10], _page);
        // Its own bytes are no news to it.
        bench.Request(0);
        Assert.Equal(["start", "written 020703050906070a on test0/q", "chain"], device.Calls);
    }

    [Fact]
    public void TheDeviceMayChangeItsBytesWhileItIsTold()
    {
        var device = new WatchingDevice();
        using RunnerBench bench = Bench(device);
        device.Told = () =>
        {
            device.Bytes = [9, 2, 3, 4, 5, 6, 7, 8];
            bench.Runner.UpdateConfig();
        };
        bench.Start();
        _page[4] = 1;
        bench.Request(0);
        bench.Request(0);
        Assert.Equal([9, 2, 3, 4, 1, 6, 7, 8], _page);
        Assert.Equal(["start", "written 0102030401060708 on test0/q", "chain", "chain"], device.Calls);
    }

    [Fact]
    public void AResetMayChangeTheDevicesBytes()
    {
        var device = new WatchingDevice();
        using RunnerBench bench = Bench(device).Start();
        _page[4] = 9;
        device.Bytes = [7, 2, 3, 4, 5, 6, 7, 8];
        bench.Reset();
        Assert.Equal([7, 2, 3, 4, 9, 6, 7, 8], _page);
    }

    [Fact]
    public void AfterItsPlaceIsGoneNothingIsWritten()
    {
        var device = new WatchingDevice();
        using RunnerBench bench = Bench(device).Start();
        bench.Runner.RemoveConfig();
        _page[4] = 1;
        device.Bytes = new byte[8];
        bench.Runner.UpdateConfig();
        bench.Request(0);
        bench.Reset();
        Assert.Equal([1, 2, 3, 4, 1, 6, 7, 8], _page);
        Assert.Equal(["start", "chain", "reset"], device.Calls);
        bench.Runner.PlaceConfig(() => _page);
        Assert.Equal(new byte[8], _page);
    }

    [Fact]
    public void AnExceptionEndsTheDevice()
    {
        var device = new WatchingDevice();
        device.Told = () => throw new NotSupportedException("no");
        using RunnerBench bench = Bench(device).Start();
        bench.Request(0);
        _page[4] = 1;
        bench.Queues[0].Add([bench.Allocate(1)], []);
        bench.Runner.Kick(0);
        Assert.Equal("queue q: the plugin threw NotSupportedException: no", bench.WaitForFault().Reason);
    }

    [Fact]
    public void AnExceptionAtTheStartLeavesAResetToCome()
    {
        var device = new WatchingDevice();
        device.Told = () => throw new NotSupportedException("no");
        using RunnerBench bench = Bench(device);
        _page[4] = 1;
        Assert.Throws<NotSupportedException>(() => bench.Start());
        device.Told = null;
        bench.Reset();
        Assert.Equal("reset", device.Calls.Last());
        bench.Start();
        bench.Request(0);
    }

    [Fact]
    public void AnExceptionAtTheResetDoesNotTakeItsPlace()
    {
        var device = new WatchingDevice();
        using RunnerBench bench = Bench(device).Start();
        bench.Request(0);
        device.Told = () => throw new NotSupportedException("no");
        _page[4] = 1;
        Assert.Throws<NotSupportedException>(() => bench.Reset());
        Assert.Equal("reset", device.Calls.Last());
        Assert.Equal(DeviceRunState.Stopped, bench.Runner.State);
        device.Told = null;
        bench.Start();
        bench.Request(0);
    }

    private sealed class WatchingDevice : VirtioDevice
    {
        public WatchingDevice() => Service = queue =>
        {
            if (queue.Take() is not { } chain)
                return;

            Calls.Enqueue("chain");
            chain.Complete(0);
        };

        public ConcurrentQueue<string> Calls { get; } = [];

        public byte[] Bytes { get; set; } = [1, 2, 3, 4, 5, 6, 7, 8];

        public QueueService Service { get; set; }

        public Action? Told { get; set; }

        public override ushort DeviceId => 42;

        public override ReadOnlyMemory<byte> Config => Bytes;

        public override IReadOnlyList<QueueDefinition> Queues => [new("q", queue => Service(queue))];

        public override void Start(ulong acceptedFeatures) => Calls.Enqueue("start");

        public override void ConfigWritten(ReadOnlySpan<byte> config)
        {
            Calls.Enqueue($"written {Convert.ToHexStringLower(config)} on {Thread.CurrentThread.Name}");
            Told?.Invoke();
        }

        public override void Reset() => Calls.Enqueue("reset");
    }
}
