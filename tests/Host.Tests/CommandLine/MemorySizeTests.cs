// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.CommandLine;

namespace LguestPlug.Host.Tests.CommandLine;

public class MemorySizeTests
{
    [Theory]
    [InlineData("1", 1)]
    [InlineData("64", 64)]
    [InlineData("64M", 64)]
    [InlineData("64m", 64)]
    [InlineData("1G", 1024)]
    [InlineData("3g", 3072)]
    [InlineData("4091", 4091)]
    public void Megabytes_and_suffixes_are_read(string text, ulong megabytes) =>
        Assert.Equal(megabytes << 20, MemorySize.Parse(text));

    [Theory]
    [InlineData("abc")]
    [InlineData("")]
    [InlineData("M")]
    [InlineData("-64")]
    [InlineData("+64")]
    [InlineData("64K")]
    [InlineData("1.5G")]
    [InlineData("64 ")]
    [InlineData("0x40")]
    public void Anything_else_is_no_number_of_megabytes(string text) =>
        Assert.Contains($"'{text}' is not a number of megabytes", Assert.Throws<UsageException>(() => MemorySize.Parse(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("4092")]
    [InlineData("4G")]
    [InlineData("99999999999999999999999")]
    [InlineData("18446744073709551615G")]
    public void More_than_a_32_bit_guest_can_have_is_refused(string text) =>
        Assert.Contains("4091 megabytes", Assert.Throws<UsageException>(() => MemorySize.Parse(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("0")]
    [InlineData("0G")]
    [InlineData("000")]
    public void No_memory_is_refused(string text) =>
        Assert.Contains("no memory", Assert.Throws<UsageException>(() => MemorySize.Parse(text)).Message, StringComparison.Ordinal);
}
