using System.Text;
using LguestPlug.Testing;

namespace Device._1.Tests;

/// <summary>The device, driven as a guest's driver would; what is checked without being asked for is in the kit's documentation.</summary>
public class TheNameDeviceTests
{
    private static TestDriver StartDriver(string text = "abc") =>
        TestDriver.Create(new TheNamePlugin(), new TheNameOptions { Text = text }).Start();

    [Fact]
    public void Is_what_it_says()
    {
        using var driver = StartDriver();
        Assert.Equal(VIRTIO_DEVICE_ID, driver.Device.DeviceId);
#if (hasFeatures)
        Assert.Equal(FEATURE_EXPRESSION, driver.OfferedFeatures);
#else
        Assert.Equal(0UL, driver.OfferedFeatures);
#endif
#if (withConfig)
        Assert.Equal(3UL, driver.ReadConfig<TheNameConfig>().Capacity);
#endif
    }

    [Fact]
    public void Fills_every_buffer_with_the_text()
    {
        using var driver = StartDriver("abc");
        foreach (var queue in driver.Queues)
        {
            Completion answer = queue.Send(new Chain().Writable(8));
            Assert.Equal("abcabcab", Encoding.UTF8.GetString(answer.Written));
        }
    }

    [Fact]
    public void Takes_any_layout()
    {
        using var driver = StartDriver();
        for (int seed = 0; seed < 20; seed++)
            Assert.Equal(100u, driver.Queue("requests").Send(new Chain().Readable(new byte[16]).Writable(100).Scattered(seed)).Length);
    }

    [Theory]
    [InlineData(RingDefect.Loop)]
    [InlineData(RingDefect.BufferOutsideMemory)]
    public void Survives_a_hostile_driver(RingDefect defect)
    {
        using var driver = StartDriver();
        driver.Queue("requests").Inject(defect);
        driver.WaitForFault();
        driver.Reset();
        driver.Start().Queue("requests").Send(new Chain().Writable(100));
    }
}
