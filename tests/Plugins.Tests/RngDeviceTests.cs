// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Rng;
using LguestPlug.Testing;
using LguestPlug.Virtio;

namespace LguestPlug.Plugins.Tests;

public class RngDeviceTests
{
    private static VirtioDevice Create() => new RngPlugin().Create(new RngOptions(), new RecordingContext());

    [Fact]
    public void IsWhatTheCLauncherOffers()
    {
        using VirtioDevice device = Create();
        Assert.Equal(4, device.DeviceId);
        Assert.Equal(0ul, device.Features);
        Assert.Equal(0, device.Config.Length);
        Assert.Equal([256], device.Queues.Select(q => (int)q.Size));
    }

    [Fact]
    public void FillsTheWholeChainHoweverItIsCut()
    {
        using DeviceBench bench = new DeviceBench(Create()).Start();
        GuestBuffer buffer = bench.Allocate(200_000);
        UsedChain used = bench.Request(0, [], DeviceBench.Cut(buffer, 1, 70_000, 3, 100_000));
        Assert.Equal(200_000u, used.Length);
        bench.WaitForInterrupt(0);

        // Of 200,000 random bytes each value comes about 781 times; never fewer than 500.
        int[] histogram = new int[256];
        foreach (byte value in bench.Read(buffer))
            histogram[value]++;

        Assert.InRange(histogram.Min(), 500, 781);
    }

    [Fact]
    public void TouchesNothingOutsideTheChain()
    {
        using DeviceBench bench = new DeviceBench(Create()).Start();
        GuestBuffer buffer = bench.Allocate(64);
        bench.Request(0, [], [new(buffer.Address + 16, 16)]);
        byte[] content = bench.Read(buffer);
        Assert.All(content[..16].Concat(content[32..]), b => Assert.Equal(0, b));
    }

    [Fact]
    public void GivesOtherBytesEachTime()
    {
        using DeviceBench bench = new DeviceBench(Create()).Start();
        GuestBuffer first = bench.Allocate(32);
        GuestBuffer second = bench.Allocate(32);
        bench.Request(0, [], [first]);
        bench.Request(0, [], [second]);
        Assert.NotEqual(bench.Read(first), bench.Read(second));
    }

    [Fact]
    public void AnswersAnEmptyRequest()
    {
        using DeviceBench bench = new DeviceBench(Create()).Start();
        Assert.Equal(0u, bench.Request(0, [], [bench.Allocate(0)]).Length);
    }

    [Fact]
    public void FaultsOnAReadableBuffer()
    {
        using DeviceBench bench = new DeviceBench(Create()).Start();
        bench.Queues[0].Add([bench.Allocate(1)], [bench.Allocate(1)]);
        bench.Queues[0].Kick();
        Assert.Equal("test0: queue input, descriptor 0: a device-readable descriptor in a request for entropy", bench.WaitForFault().ToString());
    }

    [Fact]
    public void AHugeRequestDoesNotHoldUpAReset()
    {
        using DeviceBench bench = new DeviceBench(Create(), 32 << 20).Start();
        GuestBuffer buffer = bench.Allocate(16 << 20);
        bench.Queues[0].Add([], [.. Enumerable.Repeat(buffer, 200)]);
        bench.Queues[0].Kick();
        bench.WaitUntil(() => bench.Read(new(buffer.Address, 64)).Any(b => b != 0), "nothing was filled");
        bench.Reset();
        Assert.Equal(DeviceRunState.Stopped, bench.Runner.State);
    }
}
