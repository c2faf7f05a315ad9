// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Rng;
using LguestPlug.Testing;

namespace LguestPlug.Plugins.Tests;

public class RngDeviceTests
{
    private static TestDriver Create() => TestDriver.Create(new RngPlugin(), new RngOptions());

    [Fact]
    public void IsWhatTheCLauncherOffers()
    {
        using TestDriver driver = Create();
        Assert.Equal(4, driver.Device.DeviceId);
        Assert.Equal(0ul, driver.OfferedFeatures);
        Assert.Equal(0, driver.Config.Length);
        Assert.Equal([256], driver.Queues.Select(q => q.Size));
    }

    [Fact]
    public void FillsTheWholeChainHoweverItIsCut()
    {
        using TestDriver driver = Create().Start();
        Completion answer = driver.Queue("input").Send(new Chain().Writable(200_000, 1, 70_000, 3, 100_000));
        Assert.Equal(200_000u, answer.Length);
        driver.Queue("input").WaitForInterrupt();

        // Of 200,000 random bytes each value comes about 781 times; never fewer than 500.
        int[] histogram = new int[256];
        foreach (byte value in answer.Written)
            histogram[value]++;

        Assert.InRange(histogram.Min(), 500, 781);
    }

    [Fact]
    public void TakesAnyLayout()
    {
        using TestDriver driver = Create().Start();
        for (int seed = 0; seed < 100; seed++)
            Assert.Equal(1000u, driver.Queues[0].Send(new Chain().Writable(1000).Scattered(seed)).Length);
    }

    [Fact]
    public void GivesOtherBytesEachTime()
    {
        using TestDriver driver = Create().Start();
        var request = new Chain().Writable(32);
        Assert.NotEqual(driver.Queues[0].Send(request).Written, driver.Queues[0].Send(request).Written);
    }

    [Fact]
    public void AnswersAnEmptyRequest()
    {
        using TestDriver driver = Create().Start();
        Assert.Equal(0u, driver.Queues[0].Send(new Chain().Writable(0)).Length);
    }

    [Fact]
    public void FaultsOnAReadableBuffer()
    {
        using TestDriver driver = Create().Start();
        driver.Queues[0].Submit(new Chain().Readable([1]).Writable(1));
        Assert.Equal("queue input, descriptor 0: a device-readable descriptor in a request for entropy", driver.WaitForFault().Message);
    }

    [Fact]
    public void AHugeRequestDoesNotHoldUpAReset()
    {
        using TestDriver driver = Create().Start();
        GuestBuffer buffer = driver.Allocate(16 << 20);
        driver.Queues[0].Submit(Enumerable.Repeat(buffer, 200).Aggregate(new Chain(), (chain, again) => chain.Writable(again)));
        driver.WaitUntil(() => driver.Read(buffer.Slice(0, 64)).Any(b => b != 0), "nothing was filled");
        driver.Reset();
        Assert.False(driver.IsRunning);
    }
}
