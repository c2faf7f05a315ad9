// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Generation;

namespace LguestPlug.Host.Tests.Generation;

/// <summary>What is refused; that what is written compiles and passes is tested with the template.</summary>
public sealed class ConfigStructTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lguest-config").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private IReadOnlyList<string> Write(string fields, string name = "FooConfig", string ns = "Acme.Foo") => ConfigStruct.Write(new(fields, name, ns, _folder, _folder));

    [Fact]
    public void Fields_lie_one_behind_the_other() =>
        Assert.Equal(
            [new("Capacity", 0, 8, null), new("Mac", 8, 1, 6), new("MaxVirtqueuePairs", 14, 2, null), new("Rest", 16, 4, 2)],
            ConfigField.ParseAll("capacity:le64,mac:u8[6], max_virtqueue-pairs:le16,rest:le32[2]"));

    [Theory]
    [InlineData("", "'' is not a field")]
    [InlineData("a", "'a' is not a field")]
    [InlineData("a:be32", "'a:be32' is not a field")]
    [InlineData("9:u8", "'9:u8' is not a field")]
    [InlineData("a b:u8", "is not a field")]
    [InlineData("a:u8[0]", "is not a field")]
    [InlineData("a:u8[x]", "is not a field")]
    [InlineData("a:u8[2", "is not a field")]
    [InlineData("a:u8,", "'' is not a field")]
    [InlineData("a:u8,A:le16", "there are two fields 'A'")]
    [InlineData("a:u8[255],b:u8", "more than 255 bytes, with 'b:u8'")]
    [InlineData("foo_config:u8", "a field cannot be named 'FooConfig'")]
    [InlineData("to-bytes:u8", "a field cannot be named 'ToBytes'")]
    public void Fields_that_are_none_are_mistakes_of_the_command_line(string fields, string expected) =>
        Assert.Contains(expected, Assert.Throws<UsageException>(() => Write(fields)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("9Config", "Acme")]
    [InlineData("A;B", "Acme")]
    [InlineData("Foo", "Acme..Foo")]
    [InlineData("Foo", "9p")]
    public void Names_are_those_of_the_language(string name, string ns) => Assert.Throws<UsageException>(() => Write("a:u8", name, ns));

    [Fact]
    public void Every_byte_is_tested_at_its_place()
    {
        var files = Write("a:le16,b:u8[2],c:le32");
        Assert.Equal([Path.Combine(_folder, "FooConfig.cs"), Path.Combine(_folder, "FooConfigTests.cs")], files);
        var tests = File.ReadAllText(files[1]);
        Assert.Contains("A_is_at_bytes_0_to_1()", tests, StringComparison.Ordinal);
        Assert.Contains("\"0102000000000000\"", tests, StringComparison.Ordinal);
        Assert.Contains("\"0000010200000000\"", tests, StringComparison.Ordinal);
        Assert.Contains("config.C = 0x04030201U;", tests, StringComparison.Ordinal);
        Assert.Contains("\"0000000001020304\"", tests, StringComparison.Ordinal);
    }

    [Fact]
    public void What_it_wrote_is_written_again_and_what_others_wrote_is_left_alone()
    {
        var files = Write("a:u8");
        Assert.Equal(files, Write("a:u8,b:u8"));
        File.WriteAllText(files[1], "// my own");
        var before = File.ReadAllText(files[0]);
        Assert.Equal($"'{files[1]}' is there, and was not written by this command", Assert.Throws<HostException>(() => Write("c:u8")).Message);
        Assert.Equal(before, File.ReadAllText(files[0]));
    }
}
