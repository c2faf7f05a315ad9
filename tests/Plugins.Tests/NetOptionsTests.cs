// SPDX-License-Identifier: GPL-2.0-or-later
using System.ComponentModel.DataAnnotations;
using LguestPlug.Net;

namespace LguestPlug.Plugins.Tests;

/// <summary>What the network card's options accept.</summary>
public class NetOptionsTests
{
    [Theory]
    [InlineData("192.168.19.1", 0xC0A81301u)]
    [InlineData("0.0.0.0", 0u)]
    [InlineData("255.255.255.255", 0xFFFFFFFFu)]
    public void ReadsAnAddress(string text, uint value)
    {
        Assert.Equal(new IPv4Address(value), IPv4Address.Parse(text, null));
        Assert.Equal(text, new IPv4Address(value).ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("192.168.300.1")]
    [InlineData("192.168.1")]
    [InlineData("192.168.1.1.1")]
    [InlineData("192.168.01.1")]
    [InlineData("192.168..1")]
    [InlineData("192.168.1.1 ")]
    [InlineData("192.168.1.+1")]
    [InlineData("0x10.1.1.1")]
    [InlineData("3232235777")]
    public void RefusesWhatIsNoAddress(string text)
    {
        var error = Assert.Throws<FormatException>(() => IPv4Address.Parse(text, null));
        Assert.Equal("expected an IPv4 address, four numbers up to 255 such as 192.168.19.1", error.Message);
    }

    [Fact]
    public void ReadsAMacAddress()
    {
        MacAddress mac = MacAddress.Parse("02:11:22:AA:bb:0c", null);
        byte[] bytes = new byte[6];
        mac.CopyTo(bytes);
        Assert.Equal("021122AABB0C", Convert.ToHexString(bytes));
        Assert.Equal("02:11:22:aa:bb:0c", mac.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("02:11:22:33:44")]
    [InlineData("02:11:22:33:44:55:66")]
    [InlineData("2:11:22:33:44:55")]
    [InlineData("02:11:22:33:44:5g")]
    [InlineData("02-11-22-33-44-55")]
    [InlineData("02:11:22:33:44: 5")]
    [InlineData("00:00:00:00:00:00")]
    [InlineData("01:00:5e:00:00:01")]
    [InlineData("ff:ff:ff:ff:ff:ff")]
    public void RefusesWhatIsNoMacAddressOfOneCard(string text)
    {
        var error = Assert.Throws<FormatException>(() => MacAddress.Parse(text, null));
        Assert.StartsWith("expected a MAC address of one card", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("192.168.19.1", "192.168.19.1", null, null)]
    [InlineData("192.168.19.1:02:11:22:33:44:55", "192.168.19.1", null, "02:11:22:33:44:55")]
    [InlineData("bridge:br0", null, "br0", null)]
    [InlineData("bridge:br0:02:11:22:33:44:55", null, "br0", "02:11:22:33:44:55")]
    public void ReadsTheShortForm(string text, string? address, string? bridge, string? mac)
    {
        HostLink link = HostLink.Parse(text, null);
        Assert.Equal(address, link.Address?.ToString());
        Assert.Equal(bridge, link.Bridge);
        Assert.Equal(mac, link.Mac?.ToString());
        Assert.True(HostLink.TryParse(text, null, out _));
    }

    [Theory]
    [InlineData("", "expected an IPv4 address")]
    [InlineData("eth0", "expected an IPv4 address")]
    [InlineData("192.168.19.1:", "expected a MAC address")]
    [InlineData("192.168.19.1:02", "expected a MAC address")]
    [InlineData("bridge:", "expected a bridge")]
    [InlineData("bridge::02:11:22:33:44:55", "expected a bridge")]
    [InlineData("bridge:a-name-of-16-byte", "expected a bridge")]
    [InlineData("bridge:br 0", "expected a bridge")]
    [InlineData("bridge:br0:zz", "expected a MAC address")]
    public void RefusesAWrongShortForm(string text, string message)
    {
        Assert.StartsWith(message, Assert.Throws<FormatException>(() => HostLink.Parse(text, null)).Message, StringComparison.Ordinal);
        Assert.False(HostLink.TryParse(text, null, out _));
    }

    [Fact]
    public void WantsOneConnection()
    {
        Assert.Equal(["expected the host's address (192.168.19.1), a bridge (bridge:br0) or tap=NAME"], Validate(new NetOptions()));
        Assert.Equal(["expected ip or bridge, not both"], Validate(new NetOptions { Ip = new IPv4Address(1), Bridge = "br0" }));
        Assert.Equal(["expected link, ip or bridge, not two of them"], Validate(new NetOptions { Link = HostLink.Parse("1.2.3.4", null), Bridge = "br0" }));
        Assert.Equal(
            ["expected the guest's MAC address once, not twice"],
            Validate(new NetOptions { Link = HostLink.Parse("1.2.3.4:02:11:22:33:44:55", null), Mac = new MacAddress(2) }));
        Assert.StartsWith("expected the name of a tap interface", Validate(new NetOptions { Tap = "tap%d" }).Single(), StringComparison.Ordinal);
        Assert.Empty(Validate(new NetOptions { Tap = "tap7" }));
        Assert.Empty(Validate(new NetOptions { Tap = "tap7", Ip = new IPv4Address(1) }));
        Assert.Empty(Validate(new NetOptions { Bridge = "br0", Mac = new MacAddress(2) }));
    }

    private static IEnumerable<string?> Validate(NetOptions options)
    {
        var results = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true);
        return results.Select(r => r.ErrorMessage);
    }
}
