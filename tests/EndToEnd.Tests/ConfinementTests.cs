// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Plugins.Tests;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>The whole command inside an empty root directory, as a user who may do nothing.</summary>
public sealed class ConfinementTests : IDisposable
{
    private const string User = "nobody";
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    /// <summary>The options that confine; skips where that cannot work.</summary>
    private string[] Confined
    {
        get
        {
            Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root to change the root directory and the user");
            Assert.SkipUnless(File.ReadLines("/etc/passwd").Any(line => line.StartsWith(User + ":", StringComparison.Ordinal)), $"needs the user {User}");
            return ["--chroot", EmptyDirectory, "--username", User];
        }
    }

    private string EmptyDirectory => Directory.CreateDirectory(Path.Combine(_scratch.Folder, "empty")).FullName;

    private (int ExitCode, string Output, string Errors) Puppy(string run, params string[] options) =>
        LguestProcess.Run([.. Confined, .. options, "64", LguestProcess.Puppy, "quiet", "run=" + run]);

    /// <summary>What the system's own tool says of the user.</summary>
    private static string Id(string option)
    {
        using var id = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("id", [option, User]) { RedirectStandardOutput = true })!;
        var answer = id.StandardOutput.ReadToEnd().Trim();
        id.WaitForExit();
        return answer;
    }

    [Fact]
    public void Puppy_passes_its_own_checks_with_disk_and_random_source()
    {
        var (code, output, errors) = Puppy("self-test", "--block=" + _scratch.Disk(1 << 20), "--rng");
        Assert.True(output.Contains(" passed, 0 failed", StringComparison.Ordinal), output + errors);
        Assert.Equal("lguest: CRASH: Power down\n", errors);
        Assert.Equal(0, code);
        Assert.Empty(Directory.GetFileSystemEntries(EmptyDirectory));
    }

    [Fact]
    public void Every_thread_has_the_users_ids_and_the_empty_root()
    {
        using var process = LguestProcess.Start([.. Confined, "--rng", "64", LguestProcess.Puppy, "quiet"]);
        process.WaitFor("puppy> ");
        var (user, group) = (Id("-u"), Id("-g"));
        Assert.NotInRange(Directory.GetDirectories($"/proc/{process.Id}/task").Length, 0, 3);
        Assert.Equal([string.Join('\t', user, user, user, user)], ThreadStatus.OfAll(process.Id, "Uid"));
        Assert.Equal([string.Join('\t', group, group, group, group)], ThreadStatus.OfAll(process.Id, "Gid"));
        Assert.Equal(Id("-G").Split(' ').Order(), Assert.Single(ThreadStatus.OfAll(process.Id, "Groups")).Split(' ').Order());
        Assert.Equal(["0000000000000000"], ThreadStatus.OfAll(process.Id, "CapEff"));
        Assert.Equal(["0000000000000000"], ThreadStatus.OfAll(process.Id, "CapPrm"));
        Assert.Equal(EmptyDirectory, File.ResolveLinkTarget($"/proc/{process.Id}/root", returnFinalTarget: false)!.FullName);
        Assert.Equal(EmptyDirectory, File.ResolveLinkTarget($"/proc/{process.Id}/cwd", returnFinalTarget: false)!.FullName);
        process.Type("poweroff\n");
        Assert.Equal(0, process.WaitForExit());
    }

    [Fact]
    public void Either_may_be_had_alone()
    {
        var confined = Confined;
        foreach (var options in new[] { confined[..2], confined[2..] })
        {
            var (code, output, errors) = LguestProcess.Run([.. options, "--rng", "64", LguestProcess.Puppy, "quiet", "run=rng,echo:done"]);
            Assert.Contains("done", output, StringComparison.Ordinal);
            Assert.Equal("lguest: CRASH: Power down\n", errors);
            Assert.Equal(0, code);
        }
    }

    [Theory]
    [InlineData("panic:oh:dear", 4, "CRASH: oh dear\n")]
    [InlineData("crash", 4, "CRASH: puppy: crash requested\n")]
    [InlineData("crash:hard", 3, "unhandled trap 14 ")]
    [InlineData("no-such-command", 4, "CRASH: puppy: ")]
    public void A_bad_end_keeps_its_line_and_its_exit_code(string run, int exitCode, string message)
    {
        var (code, _, errors) = Puppy(run);
        Assert.Contains("lguest: " + message, errors, StringComparison.Ordinal);
        Assert.Equal(exitCode, code);
    }

    [Fact]
    public void A_faulting_device_keeps_its_line_and_its_exit_code()
    {
        var image = Path.Combine(_scratch.Folder, "broken-ring");
        File.WriteAllBytes(image, BrokenRingGuest.Image());
        var (code, _, errors) = LguestProcess.Run([.. Confined, "64", image]);
        Assert.Equal("lguest: console0: queue transmit: the available index moved from 0 to 300, further than the 256 entries of the ring\n", errors);
        Assert.Equal(1, code);
    }

    [Fact]
    public void A_signal_ends_it_in_an_orderly_way()
    {
        using var process = LguestProcess.Start([.. Confined, "64", LguestProcess.Puppy]);
        process.WaitFor("puppy> ");
        process.Signal(15);
        Assert.Equal(143, process.WaitForExit());
        Assert.Equal("lguest: stopped by SIGTERM\n", process.Errors);
    }

    [Fact]
    public void Verbose_tells_of_it_after_the_set_up_and_before_the_guest_runs()
    {
        var (code, _, errors) = Puppy("disk-sum", "--verbose", "--block=" + _scratch.Disk(1 << 16));
        Assert.Equal(0, code);
        string[] facts = ["Guest: 0x", "chroot done", "Dropping privileges completed", "Notify on address 0x", "Device block0 OK: offered", "In at sector 0"];
        Assert.Equal(facts.Order(Comparer<string>.Create((a, b) => errors.IndexOf(a, StringComparison.Ordinal) - errors.IndexOf(b, StringComparison.Ordinal))), facts);
        Assert.All(facts, fact => Assert.Contains(fact, errors, StringComparison.Ordinal));
    }

    [Fact]
    public void The_terminal_is_restored()
    {
        var confined = Confined;
        using var pty = new Pty();
        var before = pty.LocalModes;
        using var process = LguestProcess.StartOnTerminal(pty.Path, [.. confined, "64", LguestProcess.Puppy, "quiet"]);
        var screen = new Screen(pty);
        screen.WaitFor("puppy> ");
        Assert.NotEqual(before, pty.LocalModes);
        pty.Type("poweroff\n"u8);
        Assert.Equal(0, process.WaitForExit());
        Assert.Equal(before, pty.LocalModes);
    }

    [Fact]
    public void It_leaves_nothing_in_the_folder_for_temporary_files()
    {
        var folder = Directory.CreateDirectory(Path.Combine(_scratch.Folder, "tmp")).FullName;
        File.SetUnixFileMode(folder, (UnixFileMode)0b1_111_111_111);
        using var process = LguestProcess.StartBehind(["/usr/bin/env", $"TMPDIR={folder}"], [.. Confined, "64", LguestProcess.Puppy]);
        process.WaitFor("puppy> ");
        process.Type("poweroff\n");
        Assert.Equal(0, process.WaitForExit());
        Assert.Empty(Directory.GetFileSystemEntries(folder));
    }

    [Theory]
    [InlineData("--username", "no-such-user", "lguest: --username: there is no user 'no-such-user' on this machine\n")]
    [InlineData("--chroot", "/no/such/directory", "lguest: --chroot '/no/such/directory': no such directory\n")]
    [InlineData("--chroot", "/proc/version", "lguest: --chroot '/proc/version': it is not a directory\n")]
    public void What_is_not_there_is_one_line(string option, string value, string message) =>
        Assert.Equal((1, "", message), LguestProcess.Run(option, value, "64", LguestProcess.Puppy));

    [Fact]
    public void Without_rights_it_is_one_line()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root to start something without root's rights");
        Assert.SkipUnless(File.Exists("/usr/bin/setpriv"), "needs setpriv to start something without root's rights");
        foreach (var (option, value, message) in new[]
        {
            ("--chroot", EmptyDirectory, $"lguest: --chroot: cannot make '{EmptyDirectory}' the root directory: that needs root's rights\n"),
            ("--username", User, $"lguest: --username: cannot take on the groups of '{User}': that needs root's rights\n"),
        })
        {
            Assert.Equal((1, "", message), LguestProcess.RunWithoutRights(option, value, "64", LguestProcess.Puppy));
        }
    }
}
