// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text.RegularExpressions;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>A guest's requests written down, read and given to a device again without a guest.</summary>
public sealed class TraceTests : IDisposable
{
    private const string Work = "disk-write:8:4:0x5a,disk-flush,disk-verify:8:4:0x5a,disk-read:0:3,disk-sum,rng:64";
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private string Path(string name) => System.IO.Path.Combine(_scratch.Folder, name);

    private static (int ExitCode, string Output, string Errors) Puppy(string run, params string[] options) =>
        LguestProcess.Run([.. options, "64", LguestProcess.Puppy, "quiet", "run=" + run]);

    /// <summary>A traced run of the guest.</summary>
    /// <returns>The disk as it was before, the disk, and the trace.</returns>
    private (string Before, string Disk, string Trace) Record(string traceOptions)
    {
        var disk = _scratch.Disk(1 << 20);
        var before = _scratch.File("before", File.ReadAllBytes(disk));
        var trace = Path("trace");
        var (code, output, errors) = Puppy(Work, "--block=" + disk, "--rng", "--trace", trace + traceOptions);
        Assert.True(code == 0, output + errors);
        Assert.Equal("lguest: CRASH: Power down\n", errors);
        return (before, disk, trace);
    }

    [Fact]
    public void A_guests_requests_are_replayed_on_a_copy_of_its_disk()
    {
        var (before, disk, trace) = Record(",format=json,data=full");
        var (code, output, errors) = LguestProcess.Run("trace", trace);
        Assert.Equal((0, ""), (code, errors));
        Assert.Matches(new Regex(@"block0 requests chain 1 head \d+: reads 2064, writes up to 1:(?: r [0-9a-f]{8}\+\d+)+ w [0-9a-f]{8}\+1\n *\d+\.\d{6} block0 requests chain 1 done: used 1 in \d"), output);
        Assert.Contains(" rng0 input chain 1 head ", output, StringComparison.Ordinal);
        Assert.Contains(" console0 transmit chain 1 head ", output, StringComparison.Ordinal);

        var summary = LguestProcess.Run("trace", trace, "--summary").Output;
        Assert.Matches(@"(?m)^rng0 +input +\d+ +\d+ +0 +0 +64 ", summary);
        var chains = int.Parse(Regex.Match(summary, @"(?m)^block0 +requests +(\d+) ").Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture);
        Assert.True(chains > 5, summary);

        var replayed = LguestProcess.Run("replay", trace, "--device", "block," + before);
        Assert.Equal((0, $"replayed block0: {chains} chains, {chains} completed, 0 not waited for, 0 differences\n", ""), replayed);
        Assert.Equal(File.ReadAllBytes(disk), File.ReadAllBytes(before));
    }

    [Fact]
    public void A_replay_on_another_disk_finds_the_difference()
    {
        var (before, _, trace) = Record(",format=json,data=full,device=block0,device=rng");
        var content = File.ReadAllBytes(before);
        content[5] ^= 1;
        File.WriteAllBytes(before, content);
        var (code, output, errors) = LguestProcess.Run("replay", trace, "--device", "block,file=" + before);
        Assert.Equal((1, ""), (code, errors));
        Assert.Matches(new Regex($@"^{Regex.Escape(trace)}:\d+: requests chain \d+: byte 5 of 1537 written is 0x{content[5]:x2}, recorded 0x{content[5] ^ 1:x2}\n"), output);
        Assert.Matches(@"\nreplayed block0: (\d+) chains, \1 completed, 0 not waited for, 2 differences\n$", output);
        Assert.Equal(0, LguestProcess.Run("replay", trace, "--device", "block,file=" + before, "--ignore-data").ExitCode);

        // Random bytes are others each time; their number is not.
        Assert.Equal(1, LguestProcess.Run("replay", trace, "--device", "rng").ExitCode);
        Assert.Equal(0, LguestProcess.Run("replay", trace, "--device", "rng", "--ignore-data").ExitCode);

        // One sector shorter: what the driver knew of the disk is not so.
        File.WriteAllBytes(before, content[..^512]);
        Assert.Contains(":2: the configuration is ff07", LguestProcess.Run("replay", trace, "--device", "block,file=" + before).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void As_text_it_is_there_to_be_read()
    {
        var lines = File.ReadAllLines(Record("").Trace);
        Assert.StartsWith("# lguest ", lines[0], StringComparison.Ordinal);
        Assert.Contains(lines, line => line.Contains(" block0 start: plugin block, type 2, offered 00000204", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.EndsWith(" block0 reset", StringComparison.Ordinal));
        Assert.Equal(
            lines.Count(line => line.Contains(" block0 requests chain ", StringComparison.Ordinal) && line.Contains(" head ", StringComparison.Ordinal)),
            lines.Count(line => line.Contains(" block0 requests chain ", StringComparison.Ordinal) && line.Contains(" done: ", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_traced_guest_passes_its_own_checks()
    {
        var (code, output, errors) = Puppy("self-test", "--trace", Path("trace") + ",format=json,data=full", "--rng", "--block=" + _scratch.Disk(1 << 20));
        Assert.True(output.Contains(" passed, 0 failed", StringComparison.Ordinal), output + errors);
        Assert.Equal((0, "lguest: CRASH: Power down\n"), (code, errors));
        Assert.Equal(0, LguestProcess.Run("trace", Path("trace"), "--summary").ExitCode);
    }

    [Fact]
    public void Every_boot_is_in_it()
    {
        using var process = LguestProcess.Start("--trace", Path("trace") + ",device=console", "64", LguestProcess.Puppy);
        process.WaitFor("puppy> ");
        process.Type("reboot\n");
        process.WaitFor("puppy> ");
        process.Type("poweroff\n");
        Assert.Equal(0, process.WaitForExit());
        Assert.Equal(2, File.ReadLines(Path("trace")).Count(line => line.Contains(" console0 start: ", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_broken_ring_is_told_of()
    {
        var (code, _, errors) = LguestProcess.Run("--trace", Path("trace"), "64", _scratch.File("guest", BrokenRingGuest.Image()));
        Assert.Equal(1, code);
        Assert.EndsWith("console0 fault: " + errors["lguest: ".Length..].TrimEnd('\n'), File.ReadLines(Path("trace")).First(line => line.Contains(" fault: ", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_disk_ends_the_trace_with_a_line_but_not_the_guest()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        var (code, _, errors) = Puppy("rng:16", "--rng", "--trace=/dev/full");
        Assert.Equal(0, code);
        Assert.Matches("^lguest: --trace: cannot write '/dev/full': .*; the trace ends there\nlguest: CRASH: Power down\n$", errors);
    }

    [Fact]
    public void A_trace_that_was_cut_off_changes_no_disk()
    {
        var (before, _, trace) = Record(",format=json");
        var content = File.ReadAllBytes(before);
        using (var file = File.OpenWrite(trace))
            file.SetLength(file.Length - 3);
        var (code, output, errors) = LguestProcess.Run("replay", trace, "--device", "block," + before);
        Assert.Equal((1, ""), (code, output));
        Assert.Equal($"lguest: {trace}:{File.ReadAllLines(trace).Length}: the line is cut off: the trace was not written to its end\n", errors);
        Assert.Equal(content, File.ReadAllBytes(before));
    }
}
