// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// The host's process is killed at random moments under a guest that writes, and no flush that was answered is lost.
/// LGUEST_TEST_KILLS says how often; the seed of the moments is printed.
/// </summary>
public sealed partial class DurabilityTests : IDisposable
{
    private const int Sigkill = 9;
    private const int Sectors = 2048;
    private const int ForEver = 0;
    private readonly Scratch _scratch = new();

    private readonly string _temporary = Directory.CreateTempSubdirectory("lguest-killed").FullName;

    public void Dispose()
    {
        _scratch.Dispose();
        Directory.Delete(_temporary, recursive: true);
    }

    private static int Kills { get; } =
        int.TryParse(Environment.GetEnvironmentVariable("LGUEST_TEST_KILLS"), NumberStyles.None, CultureInfo.InvariantCulture, out var kills) ? kills : 10;

    private LguestProcess Stamp(string disk, uint first, int count, bool through) => LguestProcess.Start(
        new ProcessStartInfo(LguestProcess.Executable, ["--block=" + disk, "64", LguestProcess.Puppy, "quiet", $"run=disk-stamp:{first}:{count}{(through ? ":through" : "")}"])
        {
            // What a killed runtime leaves behind goes with the rest.
            Environment = { ["TMPDIR"] = _temporary },
        });

    /// <summary>What puppy says is durable; the last line may be half a line.</summary>
    private static uint Flushed(string output) =>
        FlushedLine().Matches(output).Select(m => uint.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture)).DefaultIfEmpty().Max();

    [GeneratedRegex(@"^flushed (\d+)\r?\n", RegexOptions.Multiline)]
    private static partial Regex FlushedLine();

    /// <summary>Starts a guest that writes, and stops it dead some time later: mostly when writing is well under way.</summary>
    /// <returns>Up to which write it was told that all is durable.</returns>
    private uint RunUntilKilled(string path, StampedDisk disk, bool through, Random chance, Action kill)
    {
        using var process = Stamp(path, disk.First, ForEver, through);
        if (chance.Next(10) > 0)
            process.WaitFor("flushed ");
        Thread.Sleep(TimeSpan.FromMilliseconds(chance.NextDouble() * 100));
        kill();
        process.Signal(Sigkill);
        Assert.True(process.WaitForExit() == 128 + Sigkill, process.Output + process.Errors);
        return Flushed(process.Output);
    }

    /// <summary>
    /// The process is killed and the machine goes on: the page cache survives, so this shows nothing of fdatasync. It shows that
    /// no answered request was still in the process, that each is carried out in its turn, and that the next guest gets the disk.
    /// </summary>
    [Fact]
    public void Killed_it_has_done_all_it_answered_and_everything_in_order()
    {
        var path = _scratch.File("disk", new byte[Sectors * 512]);
        var disk = new StampedDisk(Sectors);
        var chance = Seeded();
        long promised = 0;
        for (var kill = 0; kill < Kills; kill++)
        {
            var first = disk.First;
            var flushed = RunUntilKilled(path, disk, through: false, chance, () => { });
            disk.Check(File.ReadAllBytes(path), flushed, inOrder: true);
            promised += flushed == 0 ? 0 : flushed - first + 1;
        }
        Tell($"{Kills} kills survived; {promised} writes promised by flushes, all found; {disk.UnpromisedSeen} sectors of later ones found, in order");
        Assert.True(promised > 0, "no flush was ever answered");
    }

    /// <summary>The power is cut: what no completed fdatasync covers is lost, or not, sector by sector.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void When_the_power_fails_it_has_lost_no_answered_flush(bool withoutFlushes) => PowerCutDisk.Run(_scratch.Folder, Sectors * 512, cut =>
    {
        var disk = new StampedDisk(Sectors);
        var chance = Seeded();
        long promised = 0;
        for (var kill = 0; kill < Kills; kill++)
        {
            var first = disk.First;
            var flushed = RunUntilKilled(cut.Path, disk, withoutFlushes, chance, cut.CutPower);
            disk.Check(cut.RestorePower(chance), flushed, inOrder: false);
            promised += flushed == 0 ? 0 : flushed - first + 1;
        }
        Tell($"{Kills} power cuts survived; {cut.Writes} writes and {cut.Flushes} flushes reached the disk, {promised} writes were promised and found; "
            + $"{cut.SectorsLost} sectors of others were lost, {disk.UnpromisedSeen} of them found");
        Assert.True(promised > 0, "no flush was ever answered");
        Assert.True(cut.SectorsLost > 0 || withoutFlushes, "no cut lost anything, so none showed anything");
    });

    [Fact]
    public void A_flush_that_fails_is_answered_with_an_error() => PowerCutDisk.Run(_scratch.Folder, Sectors * 512, cut =>
    {
        cut.FailsFlushes = true;
        var (code, output, errors) = LguestProcess.Run(
            "--block=" + cut.Path, "64", LguestProcess.Puppy, "quiet", "run=disk-write:3:2:hello,disk-flush");
        Assert.Equal("2 sectors written from 3\nflush: I/O error\npuppy: disk flush failed\n", output.Replace("\r", "", StringComparison.Ordinal));
        Assert.Equal(
            $"lguest: cannot flush '{cut.Path}': Input/output error; the guest gets an I/O error, later ones are not reported\n"
            + "lguest: the guest's last lines:\nlguest: | 2 sectors written from 3\nlguest: | flush: I/O error\nlguest: | puppy: disk flush failed\n"
            + "lguest: CRASH: puppy: disk flush failed\n",
            errors);
        Assert.Equal(4, code);
    });

    [Fact]
    public void Without_a_kill_every_write_is_there_the_later_over_the_earlier()
    {
        const int Count = 20_000;
        foreach (var through in new[] { false, true })
        {
            var path = _scratch.File("disk", new byte[Sectors * 512]);
            var disk = new StampedDisk(Sectors);
            using var process = Stamp(path, disk.First, Count, through);
            Assert.True(process.WaitForExit() == 0, process.Output + process.Errors);
            Assert.Equal((uint)Count, Flushed(process.Output));
            disk.Check(File.ReadAllBytes(path), Count, inOrder: true);
            Assert.Equal(0, disk.UnpromisedSeen);
        }
    }

    [Fact]
    public void A_disk_in_use_is_refused_and_a_killed_host_gives_it_back()
    {
        var path = _scratch.Disk(1 << 20);
        using (var first = LguestProcess.Start("--block=" + path, "64", LguestProcess.Puppy, "quiet"))
        {
            first.WaitFor("puppy> ");
            Assert.Equal(
                (1, "", $"lguest: --block={path}: cannot use '{path}' as a disk: another guest or program has it open; with share=on both do\n"),
                LguestProcess.Run("--block=" + path, "64", LguestProcess.Puppy, "quiet", "run=disk-sum"));
            Assert.Equal(0, LguestProcess.Run("--device", $"block,{path},share=on", "64", LguestProcess.Puppy, "quiet", "run=disk-sum").ExitCode);
            first.Signal(Sigkill);
            Assert.Equal(128 + Sigkill, first.WaitForExit());
        }
        Assert.Equal(0, LguestProcess.Run("--block=" + path, "64", LguestProcess.Puppy, "quiet", "run=disk-sum").ExitCode);
    }

    private static Random Seeded()
    {
        var seed = Environment.TickCount;
        Tell($"seed {seed}");
        return new Random(seed);
    }

    private static void Tell(string text) => TestContext.Current.TestOutputHelper?.WriteLine(text);
}
