// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.CommandLine;

namespace LguestPlug.Host.Tests.CommandLine;

public class DeviceRequestTests
{
    [Fact]
    public void A_name_alone_is_enough()
    {
        var request = DeviceRequest.Parse("rng");
        Assert.Equal("rng", request.Name);
        Assert.Null(request.Value);
        Assert.Empty(request.Options);
    }

    [Fact]
    public void The_first_word_without_a_key_is_the_value()
    {
        var request = DeviceRequest.Parse("block,disk.img,read-only,size=5");
        Assert.Equal("disk.img", request.Value);
        Assert.Equal([new("read-only", null), new("size", "5")], request.Options);
    }

    [Fact]
    public void A_doubled_comma_is_a_comma_and_later_equals_signs_belong_to_the_value()
    {
        var request = DeviceRequest.Parse("block,file=a,,b=c,,,d=");
        Assert.Equal([new("file", "a,b=c,"), new("d", "")], request.Options);
    }

    [Theory]
    [InlineData("")]
    [InlineData(",file=x")]
    [InlineData("file=x")]
    [InlineData("block,")]
    [InlineData("block,=x")]
    public void Nonsense_is_refused(string text) => Assert.Throws<UsageException>(() => DeviceRequest.Parse(text));
}
