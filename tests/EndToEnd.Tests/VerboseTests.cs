// SPDX-License-Identifier: GPL-2.0-or-later
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

    /// <summary>A whole life of two boots, line by line.</summary>
    [Fact]
    public void A_run_is_told_fact_by_fact()
    {
        var disk = _scratch.Disk(51200);
        var initrd = _scratch.File("rd", new byte[5000]);
        using var process = LguestProcess.Start("--verbose", "--block=" + disk, "--rng", "--initrd=" + initrd, "64", LguestProcess.Puppy, "quiet");
        foreach (var command in new[] { "disk write 3 2 0x5a", "disk flush", "disk verify 4 1 0x5a", "disk read 999 1", "reboot", "poweroff" })
        {
            process.WaitFor("puppy> ");
            process.Type(command + "\n");
        }
        Assert.Equal(0, process.WaitForExit());

        string[] layout =
        [
            "bus: Virtqueue page 0x4001000",
            $"bus: device 1: 100 sectors: {Regex.Escape(disk)}",
            "bus: Virtqueue page 0x4004000",
            "bus: device 2: rng",
            "bus: Virtqueue page 0x4007000",
            "bus: Virtqueue page 0x400a000",
            "bus: device 3: console",
            "launcher: Guest base is at 0x[0-9a-f]+000",
            "load: Section 0: size [0-9]+ addr 0x100000",
            "load: Section 1: size [0-9]+ addr 0x11[0-9a-f]000",
            $"load: mapped initrd {Regex.Escape(initrd)} size=8192 @ 0x3ffe000",
            @"launcher: Guest: 0x[0-9a-f]+000 - 0x[0-9a-f]+000 \(0x400d000\)",
        ];
        string[] start =
        [
            "launcher: Notify on address 0x400002e",
            "bus: Resetting device console0",
            "launcher: Notify on address 0x400002e",
            "device: Device console0 OK: offered 0, accepted 0",
            "launcher: Notify on address 0x4000000",
            "bus: Resetting device block0",
            "launcher: Notify on address 0x4000000",
            "device: Device block0 OK: offered 204, accepted 204",
            "launcher: Notify on address 0x4000021",
            "bus: Resetting device rng0",
            "launcher: Notify on address 0x4000021",
            "device: Device rng0 OK: offered 0, accepted 0",
        ];
        string[] requests =
        [
            "block0: Out at sector 3, 1024 bytes: Ok",
            "block0: Flush at sector 0, 0 bytes: Ok",
            "block0: In at sector 4, 512 bytes: Ok",
            "block0: In at sector 999, 512 bytes: IoError",
        ];
        string[] end =
        [
            "device: Resetting device block0",
            "device: Resetting device rng0",
            "device: Resetting device console0",
            "launcher: Engine: [0-9,]+ instructions in .*",
        ];
        string[] expected =
        [
            "launcher: Engine: soft",
            .. layout, "launcher: No capabilities, no new privileges[,;] .*", .. start, .. requests, .. end,
            "launcher: Rebooting the guest",
            .. layout, .. start, .. end,
            "lguest: CRASH: Power down",
        ];
        var told = process.Errors.TrimEnd('\n').Split('\n');
        for (var i = 0; i < Math.Min(expected.Length, told.Length); i++)
            Assert.True(Regex.IsMatch(told[i], $"^{expected[i]}$"), $"line {i}: '{told[i]}' instead of '{expected[i]}'\n{process.Errors}");
        Assert.Equal(expected.Length, told.Length);
        Assert.DoesNotContain("puppy>", process.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Notify", process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_it_nothing_is_told()
    {
        var (code, _, errors) = LguestProcess.Run("--block=" + _scratch.Disk(51200), "--rng", "64", LguestProcess.Puppy, "quiet", "run=disk-sum");
        Assert.Equal((0, "lguest: CRASH: Power down\n"), (code, errors));
    }
}
