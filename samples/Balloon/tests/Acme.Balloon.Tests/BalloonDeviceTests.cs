// SPDX-License-Identifier: MIT
using LguestPlug;
using LguestPlug.Testing;

namespace Acme.Balloon.Tests;

public class BalloonDeviceTests
{
    private static TestDriver CreateDriver(string target, string? grow = null, double period = 0.01) => TestDriver.Create(
        new BalloonPlugin(),
        new BalloonOptions { Target = ByteSize.Parse(target, null), Grow = grow is null ? null : ByteSize.Parse(grow, null), Period = period });

    private static Chain Pages(params uint[] numbers) => new Chain().Readable([.. numbers.SelectMany(BitConverter.GetBytes)]);

    [Fact]
    public void Wants_as_many_pages_as_it_was_told()
    {
        using var driver = CreateDriver("16M");
        Assert.Equal(new BalloonConfig { NumPages = 4096, Actual = 0 }, driver.ReadConfig<BalloonConfig>());
    }

    [Fact]
    public void Counts_the_pages_inside()
    {
        using var driver = CreateDriver("16M").Start();
        driver.Queue("inflate").Send(Pages(100, 200, 300));
        driver.Queue("inflate").Send(Pages(400, 300).Scattered(seed: 1));
        driver.Queue("deflate").Send(Pages(200, 500));
        driver.Reset();
        Assert.Contains(driver.Context.Log, entry => entry.Message == "3 pages were in the balloon at the end");
    }

    [Fact]
    public void Learns_how_many_pages_the_driver_says_it_gave()
    {
        using var driver = CreateDriver("16M").Start();
        driver.WriteConfig(offset: 4, 256u);
        driver.Queue("inflate").Send(Pages(1));
        Assert.Contains(driver.Context.Log, entry => entry.Message == "the guest says that 256 of 4096 pages are in the balloon");
    }

    [Fact]
    public void Grows_with_each_look_at_the_statistics()
    {
        using var driver = CreateDriver("10M", grow: "4M").Start();
        byte[] statistics = [4, 0, .. BitConverter.GetBytes(2048ul), 5, 0, .. BitConverter.GetBytes(4096ul)];
        foreach (uint target in new[] { 1024u, 2048u, 2560u, 2560u })
        {
            Assert.Equal(target, driver.ReadConfig<BalloonConfig>().NumPages);
            driver.Queue("statistics").Send(new Chain().Readable(statistics));
        }

        Assert.Equal(2, driver.ConfigChanges);
        Assert.Equal(3, driver.Context.Log.Count(entry => entry.Message == "the guest has 2 KiB of free memory"));
        driver.Reset();
        Assert.Equal(1024u, driver.ReadConfig<BalloonConfig>().NumPages);
    }

    [Fact]
    public void Refuses_what_is_no_list_of_pages()
    {
        using var driver = CreateDriver("16M");
        foreach (Chain chain in new[] { new Chain().Readable([1, 2, 3]), Pages(uint.MaxValue) })
        {
            driver.Start();
            driver.Queue("inflate").Submit(chain);
            driver.WaitForFault();
            driver.Reset();
        }
    }

    [Fact]
    public void Refuses_a_target_no_guest_can_have() => Assert.Throws<DeviceSetupException>(() => CreateDriver("5G"));

    [Theory]
    [InlineData(RingDefect.Loop)]
    [InlineData(RingDefect.BufferOutsideMemory)]
    public void Survives_a_hostile_driver(RingDefect defect)
    {
        using var driver = CreateDriver("16M").Start();
        driver.Queue("inflate").Inject(defect);
        driver.WaitForFault();
        driver.Reset();
        driver.Start().Queue("inflate").Send(Pages(1));
    }
}
