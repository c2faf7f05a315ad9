// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Bus;
using LguestPlug.Virtio;

namespace LguestPlug.Host.Tests.Bus;

/// <summary>Expected bytes are worked out by hand from the description of the device page, for the devices of the C launcher.</summary>
public class DevicePageLayoutTests
{
    private const ulong Ram = 64 << 20;
    private const ulong NetFeatures = (1 << 0) | (1 << 1) | (1 << 5) | (1 << 7) | (1 << 8) | (1 << 9) | (1 << 11) | (1 << 12) | (1 << 13) | (1 << 28);

    private static readonly byte[] s_disk = [0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0, 0, 0];
    private static readonly byte[] s_mac = [2, 0x11, 0x22, 0x33, 0x44, 0x55, 0, 0];

    private static DeviceShape Block => new("block0", 2, (1 << 2) | (1 << 9), 16, [256]);

    private static DeviceShape Rng => new("rng0", 4, 0, 0, [256]);

    private static DeviceShape Net => new("net0", 1, NetFeatures, 8, [256, 256]);

    private static DeviceShape Console => new("console0", 3, 0, 0, [256, 256]);

    private static byte[] Page(params (DeviceShape Shape, byte[] Config)[] devices)
    {
        using var memory = GuestMemory.Allocate(Ram, DevicePageLayout.DevicePages);
        var layout = DevicePageLayout.Compute(Ram, [.. devices.Select(d => d.Shape)]);
        foreach (var (place, (shape, config)) in layout.Places.Zip(devices))
        {
            DevicePageLayout.Write(memory, place, shape);
            config.CopyTo(memory.Slice(place.Config, config.Length));
        }
        return memory.Slice(Ram, 4096).ToArray();
    }

    private static byte[] Padded(params byte[] bytes) => [.. bytes, .. new byte[4096 - bytes.Length]];

    [Fact]
    public void The_console_alone() =>
        Assert.Equal(
            Padded(
                3, 2, 0, 0, 0,
                0, 1, 1, 0, 0x01, 0x40, 0, 0,
                0, 1, 2, 0, 0x04, 0x40, 0, 0),
            Page((Console, [])));

    [Fact]
    public void All_four_in_a_row() =>
        Assert.Equal(
            Padded(
                2, 1, 2, 16, 0, /**/ 0, 1, 1, 0, 0x01, 0x40, 0, 0, /**/ 0x04, 0x02, /**/ 0, 0, /**/
                0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0, 0, 0,
                4, 1, 0, 0, 0, /**/ 0, 1, 2, 0, 0x04, 0x40, 0, 0,
                1, 2, 4, 8, 0, /**/ 0, 1, 3, 0, 0x07, 0x40, 0, 0, /**/ 0, 1, 4, 0, 0x0a, 0x40, 0, 0, /**/
                0xa3, 0x3b, 0x00, 0x10, /**/ 0, 0, 0, 0, /**/ 2, 0x11, 0x22, 0x33, 0x44, 0x55, 0, 0,
                3, 2, 0, 0, 0, /**/ 0, 1, 5, 0, 0x0d, 0x40, 0, 0, /**/ 0, 1, 6, 0, 0x10, 0x40, 0, 0),
            Page((Block, s_disk), (Rng, []), (Net, s_mac), (Console, [])));

    [Fact]
    public void The_limit_is_the_end_of_the_last_ring()
    {
        Assert.Equal(Ram + 0x1000 + (2 * 0x3000), DevicePageLayout.Compute(Ram, [Console]).Limit);
        Assert.Equal(Ram + 0x1000, DevicePageLayout.Compute(Ram, []).Limit);
        Assert.Equal(Ram + 0x1000 + 0x2000 + 0x2000 + 0x3000, DevicePageLayout.Compute(Ram, [new("x", 9, 0, 0, [8, 128, 256])]).Limit);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1 << 7, 1)]
    [InlineData(1 << 8, 2)]
    [InlineData(1 << 28, 4)]
    [InlineData(0, 0)]
    public void The_bitmap_is_as_long_as_the_highest_feature_needs(ulong features, int bytes) =>
        Assert.Equal(bytes, DevicePageLayout.Compute(Ram, [new("x", 9, features, 0, [256])]).Places[0].FeatureLength);

    [Fact]
    public void Accepted_features_are_read_back()
    {
        using var memory = GuestMemory.Allocate(Ram, DevicePageLayout.DevicePages);
        var place = DevicePageLayout.Compute(Ram, [Rng, Net]).Places[1];
        ((ReadOnlySpan<byte>)[0x21, 0x43, 0x65, 0x87]).CopyTo(memory.Slice(place.AcceptedFeatures, 4));
        Assert.Equal(0x87654321UL, DevicePageLayout.ReadAccepted(memory, place));
    }

    [Fact]
    public void The_length_of_the_configuration_fills_its_byte()
    {
        byte[] config = [.. Enumerable.Range(1, 255).Select(i => (byte)i)];
        var page = Page((new("x", 9, 0, 255, [8]), config), (Rng, []));
        Assert.Equal(255, page[3]);
        Assert.Equal(config, page[13..268]);
        Assert.Equal(4, page[268]);
    }

    private static string Refused(params DeviceShape[] devices) =>
        Assert.Throws<HostException>(() => DevicePageLayout.Compute(Ram, devices)).Message;

    [Fact]
    public void The_thirty_second_queue_is_one_too_many()
    {
        _ = DevicePageLayout.Compute(Ram, [.. Enumerable.Repeat(Rng, 31)]);
        Assert.StartsWith("too many devices: console0 is the one too many for the 31 interrupt lines", Refused([.. Enumerable.Repeat(Rng, 30), Console]), StringComparison.Ordinal);
    }

    [Fact]
    public void Rings_that_do_not_fit_are_one_too_many() =>
        Assert.StartsWith("too many devices: b is the one too many for the 256 pages", Refused(new DeviceShape("a", 9, 0, 0, [32768]), new("b", 9, 0, 0, [32768])), StringComparison.Ordinal);

    [Fact]
    public void Descriptors_that_do_not_fit_are_one_too_many() =>
        Assert.StartsWith(
            "too many devices: z is the one too many for the page of descriptors",
            Refused([.. Enumerable.Range(0, 15).Select(i => new DeviceShape("a", 9, 0, 255, [8])), new("z", 9, 0, 255, [8])]), StringComparison.Ordinal);

    [Theory]
    [InlineData(0, 0UL, 0, "virtio device type 0 ")]
    [InlineData(256, 0UL, 0, "virtio device type 256 ")]
    [InlineData(9, 1UL << 32, 0, "features 0x100000000 ")]
    [InlineData(9, 0UL, 256, "256 configuration bytes ")]
    public void What_the_page_cannot_express_is_refused(ushort id, ulong features, int config, string expected) =>
        Assert.StartsWith("x: " + expected, Refused(new DeviceShape("x", id, features, config, [256])), StringComparison.Ordinal);
}
