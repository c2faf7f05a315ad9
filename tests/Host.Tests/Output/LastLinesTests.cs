// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text;
using LguestPlug.Host.Output;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Host.Tests.Output;

public sealed class LastLinesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lguest-lines").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static IReadOnlyList<string> Of(string text)
    {
        var lines = new LastLines(null);
        lines.Add(Encoding.UTF8.GetBytes(text), null);
        return lines.Read();
    }

    [Theory]
    [InlineData("", "")]
    [InlineData("one\ntwo", "one|two")]
    [InlineData("one\r\n\r\n  \r\ntwo\r\n", "one|two")]
    [InlineData("one\n\rtwo\n\r", "one|two")]
    [InlineData("10%\r20%\r30%", "30%")]
    [InlineData("ab\b\bc", "c")]
    [InlineData("a\tb", "a b")]
    [InlineData("Grüße, 世界 🐕", "Grüße, 世界 🐕")]
    public void It_reads_as_on_a_terminal(string text, string expected) => Assert.Equal(expected, string.Join('|', Of(text)));

    [Theory]
    [InlineData("\x1b[31mred\x1b[0m \x1b[2J\x1b[1;1Hdone", "red done")]
    [InlineData("a\x1b]0;title\ab", "ab")]
    [InlineData("a\x1b]52;c;ZXZpbA==\x1b\\b", "ab")]
    [InlineData("a\x1bPq#0\x1b\\b", "ab")]
    [InlineData("a\x1b(0b\x1b" + "cc", "abc")]
    [InlineData("a\x1b]no end\nb", "a|b")]
    [InlineData("a\x1b", "a")]
    [InlineData("a\u009b31mb", "a31mb")]
    [InlineData("a\0\a\x0e\x7fz", "az")]
    [InlineData("safe\u202eexe.txt", "safeexe.txt")]
    [InlineData("one\u2028two", "onetwo")]
    public void Nothing_in_it_is_obeyed_by_a_terminal(string text, string expected) => Assert.Equal(expected, string.Join('|', Of(text)));

    [Fact]
    public void Bytes_that_are_no_text_are_shown_as_such()
    {
        var lines = new LastLines(null);
        lines.Add([(byte)'a', 0xff, 0xc3, (byte)'b', 0xe4, 0xb8], null);
        Assert.Equal(["a??b?"], lines.Read());
    }

    [Fact]
    public void Pieces_are_put_together()
    {
        var lines = new LastLines(null);
        foreach (var octet in Encoding.UTF8.GetBytes("Grüße\x1b[1m\r\nzwei"))
            lines.Add([octet], null);
        Assert.Equal(["Grüße", "zwei"], lines.Read());
    }

    [Theory]
    [InlineData(100, 90)]
    [InlineData(100_000, 99_990)]
    public void Of_many_the_last_ten(int count, int first)
    {
        var lines = new LastLines(null);
        for (var i = 0; i < count; i++)
            lines.Add(Encoding.ASCII.GetBytes($"line {i}\n"), null);
        Assert.Equal(Enumerable.Range(first, 10).Select(i => $"line {i}"), lines.Read());
    }

    [Fact]
    public void A_flood_in_one_piece_keeps_its_end()
    {
        var lines = new LastLines(null);
        lines.Add("before\n"u8, null);
        lines.Add(Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 50_000).Select(i => $"line {i}\n"))), null);
        Assert.Equal(Enumerable.Range(49_990, 10).Select(i => $"line {i}"), lines.Read());
    }

    [Fact]
    public void A_line_is_cut_to_what_can_be_read()
    {
        var line = Assert.Single(Of(new string('x', 1000)));
        Assert.Equal(new string('x', 200), line);
    }

    [Fact]
    public void Another_boot_begins_with_nothing()
    {
        var lines = new LastLines(null);
        lines.Add("old\n"u8, null);
        lines.Clear();
        lines.Add("new\n"u8, null);
        Assert.Equal(["new"], lines.Read());
    }

    [Fact]
    public void What_went_where_errors_go_is_seen_there()
    {
        using var errors = Open("errors");
        using var sameFile = Open("errors");
        using var other = Open("other");
        var lines = new LastLines(errors);
        lines.Add("seen\n"u8, errors);
        lines.Add("seen too\n"u8, sameFile);
        lines.Add("elsewhere\n"u8, other);
        lines.Add("nowhere\n"u8, null);
        lines.Add("seen again\n"u8, sameFile);
        Assert.Equal(["elsewhere", "nowhere"], lines.Read());
    }

    private SafeFileHandle Open(string name) =>
        File.OpenHandle(Path.Combine(_folder, name), FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
}
