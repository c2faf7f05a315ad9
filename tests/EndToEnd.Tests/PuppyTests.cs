// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text.RegularExpressions;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>The test guest on the embedded engine, every device through the real command line.</summary>
public sealed class PuppyTests : IDisposable
{
    private const int Sigint = 2;
    private const int Sigterm = 15;
    private const int Sighup = 1;
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private static (int ExitCode, string Output, string Errors) Puppy(string run, params string[] options) =>
        LguestProcess.Run([.. options, "64", LguestProcess.Puppy, "quiet", "run=" + run]);

    [Fact]
    public void It_passes_its_own_checks_with_disk_and_random_source()
    {
        var (code, output, errors) = Puppy("self-test", "--block=" + _scratch.Disk(1 << 20), "--rng");
        Assert.True(output.Contains(" passed, 0 failed", StringComparison.Ordinal), output + errors);
        Assert.Equal("lguest: CRASH: Power down\n", errors);
        Assert.Equal(0, code);
    }

    [Fact]
    public void It_passes_its_own_checks_with_a_network_card()
    {
        Assert.SkipWhen(LguestProcess.WhyNoNetwork() is not null, LguestProcess.WhyNoNetwork() ?? "");
        using var process = LguestProcess.StartInOwnNetwork(
            "--block=" + _scratch.Disk(1 << 20), "--tunnet=192.168.19.1", "--rng", "64", LguestProcess.Puppy, "quiet", "run=self-test,net-ping:192.168.19.1:5");
        process.EndInput();
        Assert.True(process.WaitForExit() == 0, process.Output + process.Errors);
        Assert.Contains(" passed, 0 failed", process.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Devices_are_in_the_order_of_the_command_line_with_the_console_last()
    {
        var (code, output, _) = Puppy("devices", "--rng", "--block=" + _scratch.Disk(4096), "--device", "rng");
        Assert.Equal(0, code);
        Assert.Matches(new Regex("rng.*block.*rng.*console", RegexOptions.Singleline), output);
    }

    [Fact]
    public void What_it_writes_is_on_the_disk_and_stays_over_a_reboot()
    {
        var disk = _scratch.Disk(1 << 20);
        var before = File.ReadAllBytes(disk);
        var (code, output, _) = Puppy("disk-write:8:4:0x5a,disk-flush,disk-verify:8:4:0x5a", "--block=" + disk);
        Assert.True(code == 0, output);
        var after = File.ReadAllBytes(disk);
        Assert.Equal(Enumerable.Repeat((byte)0x5a, 4 * 512), after[(8 * 512)..(12 * 512)]);
        Assert.Equal(before[..(8 * 512)], after[..(8 * 512)]);
        Assert.Equal(before[(12 * 512)..], after[(12 * 512)..]);
        Assert.Equal(0, Puppy("disk-verify:8:4:0x5a", "--block=" + disk).ExitCode);
    }

    [Fact]
    public void A_disk_that_may_not_be_written_is_offered_read_only()
    {
        Assert.SkipUnless(!Environment.IsPrivilegedProcess || File.Exists("/usr/bin/setpriv"), "needs setpriv: root may write any file");
        const ulong ReadOnly = 1 << 5;
        var disk = _scratch.Disk(1 << 20);
        File.SetUnixFileMode(disk, UnixFileMode.UserRead);
        string[] words = ["--dry-run", "--format", "{{ devices.block[0].features }}", "--block=" + disk, "64", LguestProcess.Puppy];
        var (code, output, errors) = Environment.IsPrivilegedProcess ? LguestProcess.RunWithoutRights(words) : LguestProcess.Run(words);
        Assert.Equal((0, $"lguest: '{disk}' cannot be opened for writing; the disk is read-only\n"), (code, errors));
        Assert.Equal(ReadOnly, ulong.Parse(output, System.Globalization.CultureInfo.InvariantCulture) & ReadOnly);
    }

    [Fact]
    public void Its_view_of_a_disk_is_the_hosts()
    {
        var disk = _scratch.Disk(256 * 1024, seed: 7);
        var (code, output, _) = Puppy("disk-sum", "--block=" + disk);
        Assert.Equal(0, code);
        Assert.Contains($"512 sectors, crc32 {Crc32(File.ReadAllBytes(disk)):x8}", output, StringComparison.Ordinal);
    }

    private static uint Crc32(byte[] bytes)
    {
        var crc = uint.MaxValue;
        foreach (var octet in bytes)
        {
            crc ^= octet;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xedb88320;
        }
        return ~crc;
    }

    [Theory]
    [InlineData("poweroff", 0, "CRASH: Power down")]
    [InlineData("panic:oh:dear", 4, "CRASH: oh dear")]
    [InlineData("crash", 4, "CRASH: puppy: crash requested")]
    [InlineData("crash:hard", 3, "unhandled trap 14 ")]
    public void Its_end_decides_the_exit_code(string run, int exitCode, string message)
    {
        var (code, _, errors) = Puppy(run);
        Assert.Contains("lguest: " + message, errors, StringComparison.Ordinal);
        Assert.Equal(exitCode, code);
    }

    [Fact]
    public void No_reboot_ends_with_its_own_exit_code()
    {
        var (code, _, errors) = Puppy("reboot", "--no-reboot");
        Assert.Equal("lguest: the guest asked for a reboot\n", errors);
        Assert.Equal(5, code);
    }

    [Fact]
    public void At_its_prompt_it_answers_reboots_and_powers_off()
    {
        using var process = LguestProcess.Start("64", LguestProcess.Puppy);
        for (var boot = 0; boot < 3; boot++)
        {
            process.WaitFor("puppy> ");
            process.Type($"echo boot {boot} here\n");
            process.WaitFor($"\nboot {boot} here");
            process.WaitFor("puppy> ");
            process.Type(boot < 2 ? "reboot\n" : "poweroff\n");
        }
        Assert.Equal(0, process.WaitForExit());
    }

    [Theory]
    [InlineData(Sigint, 130, "SIGINT")]
    [InlineData(Sigterm, 143, "SIGTERM")]
    [InlineData(Sighup, 129, "SIGHUP")]
    public void A_signal_ends_it_in_an_orderly_way(int signal, int exitCode, string name)
    {
        LguestProcess.SkipWhenIgnored(signal);
        using var process = LguestProcess.Start("--rng", "64", LguestProcess.Puppy);
        process.WaitFor("puppy> ");
        process.Signal(signal);
        Assert.Equal(exitCode, process.WaitForExit());
        Assert.Equal($"lguest: stopped by {name}\n", process.Errors);
    }

    [Fact]
    public void Three_interrupt_characters_end_it()
    {
        using var process = LguestProcess.Start("64", LguestProcess.Puppy);
        process.WaitFor("puppy> ");
        for (var i = 0; i < 3; i++)
        {
            process.Type("\x03");
            Thread.Sleep(100);
        }
        Assert.Equal(130, process.WaitForExit());
    }
}
