// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Plugins.Tests;

namespace LguestPlug.EndToEnd.Tests.Faults;

/// <summary>A guest that comes to a bad end: what it said last is shown with the reason, unless it is there to be seen.</summary>
public class LastLinesTests
{
    private const string Lines = "lguest: the guest's last lines:\n";

    private static string[] Run(string commands) => ["--rng", "64", LguestProcess.Puppy, "quiet", "run=" + commands];

    [Theory]
    [InlineData("echo:one,echo:two,panic:oh", 4, Lines + "lguest: | one\nlguest: | two\nlguest: CRASH: oh\n")]
    [InlineData("echo:one,crash:hard", 3, Lines + "lguest: | one\nlguest: unhandled trap 14 ")]
    [InlineData("echo:one,villain:end:nowhere", 1, Lines + "lguest: | one\nlguest: Bad NOTIFY 0xfffff000\n")]
    [InlineData("echo:\x1b[31mred\x1b[0m\x1b]0;title\a,panic:oh", 4, Lines + "lguest: | red\nlguest: CRASH: oh\n")]
    [InlineData("panic:oh", 4, "lguest: CRASH: oh\n")]
    [InlineData("echo:one", 0, "lguest: CRASH: Power down\n")]
    public void With_output_elsewhere_they_are_shown(string commands, int exitCode, string errors)
    {
        var run = LguestProcess.Run(Run(commands));
        Assert.Equal(exitCode, run.ExitCode);
        Assert.StartsWith(errors, run.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_many_the_last_ten()
    {
        var (_, _, errors) = LguestProcess.Run(Run(string.Join(',', Enumerable.Range(0, 30).Select(i => $"echo:{i}")) + ",panic:oh"));
        Assert.Equal(Lines + string.Concat(Enumerable.Range(20, 10).Select(i => $"lguest: | {i}\n")) + "lguest: CRASH: oh\n", errors);
    }

    [Theory]
    [InlineData(">FILE", Lines + "lguest: | one\n")]
    [InlineData(">/dev/null", Lines + "lguest: | one\n")]
    [InlineData(">&-", Lines + "lguest: | one\n")]
    [InlineData(">/dev/full", "lguest: console output cannot be written (No space left on device); it is lost from here on\n" + Lines + "lguest: | one\n")]
    [InlineData(">PTY", Lines + "lguest: | one\n")]
    public void Wherever_that_is(string output, string before)
    {
        using var scratch = new Scratch();
        using var pty = new Pty();
        var target = output.Replace("FILE", Path.Combine(scratch.Folder, "output"), StringComparison.Ordinal).Replace("PTY", pty.Path, StringComparison.Ordinal);
        using var process = LguestProcess.StartBehind(["sh", "-c", $"exec \"$@\" </dev/null {target}", "sh"], Run("echo:one,panic:oh"));
        Assert.Equal(4, process.WaitForExit());
        Assert.Equal(before + "lguest: CRASH: oh\n", process.Errors);
    }

    [Fact]
    public void In_the_same_file_or_pipe_they_are_not_repeated()
    {
        using var scratch = new Scratch();
        var file = Path.Combine(scratch.Folder, "both");
        using var process = LguestProcess.StartBehind(["sh", "-c", "\"$@\" </dev/null 2>&1 | cat; \"$0\" \"$@\" </dev/null >" + file + " 2>&1", "env"], Run("echo:one,panic:oh"));
        Assert.Equal(4, process.WaitForExit());
        const string Expected = "one\nlguest: CRASH: oh\n";
        Assert.Equal(Expected, process.Output.ReplaceLineEndings("\n"));
        Assert.Equal(Expected, File.ReadAllText(file).ReplaceLineEndings("\n"));
    }

    /// <summary>Two names of one terminal.</summary>
    [Fact]
    public void On_the_same_terminal_they_are_not_repeated()
    {
        Assert.SkipUnless(LguestProcess.WhyNot("", "setsid", "--version") is null, "needs setsid");
        using var pty = new Pty();
        using var process = LguestProcess.StartBehind(
            ["sh", "-c", $"exec setsid --ctty sh -c 'exec \"$@\" >/dev/tty 2>{pty.Path}' sh \"$@\" <{pty.Path} >{pty.Path} 2>&1", "sh"], Run("echo:one,panic:oh"));
        var screen = new Screen(pty);
        screen.WaitFor("lguest: CRASH: oh\r\n");
        Assert.Equal("one\r\nlguest: CRASH: oh\r\n", screen.Text);
    }

    [Fact]
    public void A_new_boot_begins_with_nothing()
    {
        using var process = LguestProcess.Start("--rng", "64", LguestProcess.Puppy, "quiet");
        process.WaitFor("puppy> ");
        process.Type("echo before\nreboot\n");
        process.WaitFor("reboot");
        process.WaitFor("puppy> ");
        process.Type("panic oh\n");
        Assert.Equal(4, process.WaitForExit());
        Assert.Equal(Lines + "lguest: | puppy> panic oh\nlguest: CRASH: oh\n", process.Errors);
    }
}
