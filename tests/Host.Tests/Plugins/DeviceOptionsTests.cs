// SPDX-License-Identifier: GPL-2.0-or-later
using System.ComponentModel.DataAnnotations;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Plugins;

namespace LguestPlug.Host.Tests.Plugins;

public class DeviceOptionsTests
{
    private static SampleOptions Bind(string text) => (SampleOptions)DeviceOptions.Bind(DeviceRequest.Parse(text), typeof(SampleOptions));

    [Fact]
    public void What_is_not_given_keeps_its_default()
    {
        var options = Bind("sample,disk");
        Assert.Equal("disk", options.File);
        Assert.False(options.ReadOnly);
        Assert.Equal(64, options.QueueSize);
        Assert.Null(options.Level);
    }

    [Fact]
    public void Every_kind_of_value_is_read()
    {
        var options = Bind("sample,file=a=b,,c,read-only=no,queue-size=7,level=255,mode=write-back,limit=2K,io-name=abc");
        Assert.Equal("a=b,c", options.File);
        Assert.False(options.ReadOnly);
        Assert.Equal(7, options.QueueSize);
        Assert.Equal((byte)255, options.Level);
        Assert.Equal(SampleMode.WriteBack, options.Mode);
        Assert.Equal(2048, options.Limit.Bytes);
        Assert.Equal("abc", options.IOName);
    }

    [Theory]
    [InlineData("ReadOnly=on", true)]
    [InlineData("read-only=yes", true)]
    [InlineData("readonly=TRUE", true)]
    [InlineData("READONLY=off", false)]
    [InlineData("readonly=no", false)]
    [InlineData("readonly=false", false)]
    public void Case_and_hyphens_of_a_key_do_not_count(string option, bool expected) =>
        Assert.Equal(expected, Bind("sample,x," + option).ReadOnly);

    [Theory]
    [InlineData("sample", "option 'file' is missing")]
    [InlineData("sample,x,file=y", "option 'file' is given twice")]
    [InlineData("sample,x,bogus=1", "unknown option 'bogus'; its options are: file, read-only, queue-size, level, mode, limit, io-name")]
    [InlineData("sample,x,mod=plain", "unknown option 'mod'; did you mean 'mode'? Its options are: ")]
    [InlineData("sample,x,queue-size", "option 'queue-size' needs a value: queue-size=...")]
    [InlineData("sample,x,queue-size=0", "option 'queue-size' cannot be 0: expected 1 to 256")]
    [InlineData("sample,x,queue-size=257", "option 'queue-size' cannot be 257: expected 1 to 256")]
    [InlineData("sample,x,queue-size=ten", "option 'queue-size' cannot be 'ten': expected 1 to 256")]
    [InlineData("sample,x,queue-size=99999999999", "option 'queue-size' cannot be '99999999999': expected 1 to 256")]
    [InlineData("sample,x,level=256", "option 'level' cannot be '256': expected a whole number from 0 to 255")]
    [InlineData("sample,x,readonly=maybe", "option 'read-only' cannot be 'maybe': expected on or off")]
    [InlineData("sample,x,mode=fast", "option 'mode' cannot be 'fast': expected one of plain, writeback")]
    [InlineData("sample,x,limit=lots", "option 'limit' cannot be 'lots': expected ")]
    [InlineData("sample,x,io-name=UP", "io-name")]
    [InlineData("sample,x,readonly,mode=writeback", "mode=writeback needs a device that can be written")]
    public void Mistakes_are_named(string text, string expected)
    {
        var error = Assert.Throws<HostException>(() => Bind(text));
        Assert.Equal(ExitCode.HostError, error.ExitCode);
        Assert.StartsWith("--device sample", error.Message, StringComparison.Ordinal);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_short_form_sets_the_positional_option_to_all_of_its_text()
    {
        var options = (SampleOptions)DeviceOptions.Bind(new("sample", "a,b=c", [], "--sample=a,b=c"), typeof(SampleOptions));
        Assert.Equal("a,b=c", options.File);
    }

    public sealed class NoOptions;

    public sealed class OnlyAFlag
    {
        public bool Fast { get; set; }
    }

    [Fact]
    public void Devices_without_options_say_so()
    {
        var error = Assert.Throws<HostException>(() => DeviceOptions.Bind(DeviceRequest.Parse("plain,x=1"), typeof(NoOptions)));
        Assert.Equal("--device plain,x=1: unknown option 'x'; it has no options", error.Message);
        error = Assert.Throws<HostException>(() => DeviceOptions.Bind(DeviceRequest.Parse("plain,x"), typeof(NoOptions)));
        Assert.Equal("--device plain,x: 'x' has no key; it has no options", error.Message);
    }

    [Fact]
    public void A_first_word_is_a_flag_where_no_value_is_expected() =>
        Assert.True(((OnlyAFlag)DeviceOptions.Bind(DeviceRequest.Parse("plain,fast"), typeof(OnlyAFlag))).Fast);

    [Fact]
    public void Options_are_described_as_they_are_written()
    {
        OptionDescription[] expected =
        [
            new("file", "text", null, true, true, "the disk"),
            new("read-only", "on|off", "off", false, false, ""),
            new("queue-size", "1..256", "64", false, false, ""),
            new("level", "number", null, false, false, ""),
            new("mode", "plain|write-back", "plain", false, false, ""),
            new("limit", "size", "0", false, false, ""),
            new("io-name", "text", "x", false, false, ""),
        ];
        Assert.Equal(expected, DeviceOptions.Describe("sample", typeof(SampleOptions)));
    }

    public sealed class RequiredWithAValue
    {
        [Required]
        public string Text { get; set; } = "given";
    }

    [Fact]
    public void What_has_a_default_is_not_required() =>
        Assert.Equal([new OptionDescription("text", "text", "given", false, false, "")], DeviceOptions.Describe("sample", typeof(RequiredWithAValue)));

    public sealed class Unreadable
    {
        public object? Anything { get; set; }
    }

    [Fact]
    public void An_option_of_a_type_that_cannot_be_read_is_a_fault_of_the_plugin() =>
        Assert.Contains("option 'anything' has type System.Object, which cannot be read from text", Assert.Throws<HostException>(() => DeviceOptions.Describe("bad", typeof(Unreadable))).Message, StringComparison.Ordinal);
}
