// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.Text.RegularExpressions;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>What <c>--verbose</c> tells: the facts the C launcher told, in its order.</summary>
public sealed partial class VerboseTests(Oracle oracle) : IClassFixture<Oracle>, IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    /// <summary>
    /// All the C launcher tells up to the guest's first instruction. Its own words are read, not ours; two facts are left out:
    /// where its memory lies, which is another place each time, and the number of a device, which it gets wrong behind an rng.
    /// </summary>
    [Theory]
    [InlineData("")]
    [InlineData("--rng")]
    [InlineData("--block=DISK --rng --initrd=RD")]
    [InlineData("--tunnet=192.168.19.1:02:11:22:33:44:55 --block=DISK")]
    [InlineData("--rng --tunnet=bridge:br0 --block=DISK --rng")]
    public void The_layout_is_told_as_by_the_C_launcher(string options)
    {
        Assert.SkipWhen(oracle.WhyNot is not null, oracle.WhyNot ?? "");
        string[] words = [.. options.Replace("DISK", _scratch.Disk(51200), StringComparison.Ordinal).Replace("RD", _scratch.File("rd", new byte[5000]), StringComparison.Ordinal)
            .Split(' ', StringSplitOptions.RemoveEmptyEntries), "64", oracle.TinyKernel];
        if (Oracle.NeedsNetwork(words))
            Assert.SkipWhen(LguestProcess.WhyNoBridge() is not null, LguestProcess.WhyNoBridge() ?? "");

        var theirs = Facts(oracle.VerboseInC(words));
        var ours = Facts(Oracle.VerboseHere(words));
        Assert.Contains("console", theirs);
        Assert.Equal(theirs, ours);
    }

    /// <summary>One form for both launchers' lines, a fact each; other lines are none.</summary>
    private static List<string> Facts(string told) => [.. told.Split('\n').Select(line => Category().Replace(line, "")).Select(line => line switch
    {
        _ when Device().Match(line) is { Success: true } device => device.Groups[1].Value,
        _ when Limit().Match(line) is { Success: true } limit => "limit " + limit.Groups[1].Value,
        _ when line.StartsWith("Virtqueue page ", StringComparison.Ordinal) || line.StartsWith("Section ", StringComparison.Ordinal)
            || line.StartsWith("mapped initrd ", StringComparison.Ordinal) => line,
        _ => null,
    }).OfType<string>()];

    [GeneratedRegex("^(bus|load|launcher): ")]
    private static partial Regex Category();

    // The C launcher names the disk's kind, ours its file.
    [GeneratedRegex("^device [0-9]+: (?:virtblock )?([^:]*(?:: (?!/).*)?)")]
    private static partial Regex Device();

    [GeneratedRegex(@"^Guest: \S+ - \S+ \((0x[0-9a-f]+)\)$")]
    private static partial Regex Limit();

    /// <summary>A whole run, every line: what only the guest's own boot can bring about comes in the order it does so.</summary>
    [Fact]
    public void A_run_is_told_fact_by_fact()
    {
        var disk = _scratch.Disk(51200);
        var initrd = _scratch.File("rd", new byte[5000]);
        var (code, output, errors) = LguestProcess.Run(
            "--verbose", "--block=" + disk, "--rng", "--initrd=" + initrd, "64", LguestProcess.Puppy, "quiet",
            "run=disk-write:3:2:0x5a,disk-flush,disk-verify:3:1:0x5a,reboot", "once");
        Assert.Equal(4, code);
    }
}
