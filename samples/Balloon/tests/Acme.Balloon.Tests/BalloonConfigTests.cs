// Written by 'lguest plugins new-config num_pages:le32,actual:le32 --name BalloonConfig --namespace Acme.Balloon': change the fields there, and write it again.
using System.Runtime.CompilerServices;
using Xunit;

namespace Acme.Balloon.Tests;

/// <summary>Every field at its place, least significant byte first.</summary>
public class BalloonConfigTests
{
    [Fact]
    public void Has_8_bytes() => Assert.Equal(8, Unsafe.SizeOf<BalloonConfig>());

    [Fact]
    public void NumPages_is_at_bytes_0_to_3()
    {
        var config = new BalloonConfig();
        config.NumPages = 0x04030201U;
        Assert.Equal("0102030400000000", Convert.ToHexString(config.ToBytes()));
    }

    [Fact]
    public void Actual_is_at_bytes_4_to_7()
    {
        var config = new BalloonConfig();
        config.Actual = 0x04030201U;
        Assert.Equal("0000000001020304", Convert.ToHexString(config.ToBytes()));
    }
}
