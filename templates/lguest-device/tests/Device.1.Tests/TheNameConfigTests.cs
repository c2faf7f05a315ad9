// Written by 'lguest plugins new-config capacity:le64,flags:le32 --name TheNameConfig --namespace Device._1': change the fields there, and write it again.
using System.Runtime.CompilerServices;
using Xunit;

namespace Device._1.Tests;

/// <summary>Every field at its place, least significant byte first.</summary>
public class TheNameConfigTests
{
    [Fact]
    public void Has_12_bytes() => Assert.Equal(12, Unsafe.SizeOf<TheNameConfig>());

    [Fact]
    public void Capacity_is_at_bytes_0_to_7()
    {
        var config = new TheNameConfig();
        config.Capacity = 0x0807060504030201UL;
        Assert.Equal("010203040506070800000000", Convert.ToHexString(config.ToBytes()));
    }

    [Fact]
    public void Flags_is_at_bytes_8_to_11()
    {
        var config = new TheNameConfig();
        config.Flags = 0x04030201U;
        Assert.Equal("000000000000000001020304", Convert.ToHexString(config.ToBytes()));
    }
}
