// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Plugins.Tests;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>A person at a terminal: it shows the guest's output and the last line, nothing else, and is as before at the end.</summary>
public class TerminalTests
{
    private const string End = "lguest: CRASH: Power down\r\n";

    [Fact]
    public void It_shows_the_guests_output_alone()
    {
        using var pty = new Pty();
        using var process = LguestProcess.StartOnTerminal(pty.Path, "64", LguestProcess.Puppy, "quiet");
        var screen = new Screen(pty);
        screen.WaitFor("puppy> ");
        pty.Type("echo one\n"u8);
        screen.WaitFor("puppy> ");
        pty.Type("poweroff\n"u8);
        screen.WaitFor(End);
        Assert.Equal(0, process.WaitForExit());
        Assert.Equal("puppy> echo one\r\none\r\npuppy> poweroff\r\n" + End, screen.Text);
    }

    [Fact]
    public void It_gets_no_control_codes_from_other_commands_either()
    {
        foreach (var words in new[] { new[] { "--help" }, ["--version"], ["plugins"], ["--no-such-option"] })
        {
            using var pty = new Pty();
            using var process = LguestProcess.StartOnTerminal(pty.Path, words);
            var screen = new Screen(pty);
            process.WaitForExit();
            screen.WaitFor("\r\n");
            Assert.DoesNotContain('\x1b', screen.Text);
        }
    }

    [Theory]
    [InlineData(2, 130, "lguest: stopped by SIGINT\r\n")]
    [InlineData(15, 143, "lguest: stopped by SIGTERM\r\n")]
    [InlineData(1, 129, "lguest: stopped by SIGHUP\r\n")]
    public void A_signal_leaves_it_as_it_was(int signal, int exitCode, string message)
    {
        using var pty = new Pty();
        var before = pty.LocalModes;
        using var process = LguestProcess.StartOnTerminal(pty.Path, "--rng", "64", LguestProcess.Puppy, "quiet");
        var screen = new Screen(pty);
        screen.WaitFor("puppy> ");
        Assert.NotEqual(before, pty.LocalModes);
        process.Signal(signal);
        Assert.Equal(exitCode, process.WaitForExit());
        screen.WaitFor(message);
        Assert.Equal("puppy> " + message, screen.Text);
        Assert.Equal(before, pty.LocalModes);
    }

    [Fact]
    public void Reboots_keep_it_working()
    {
        using var pty = new Pty();
        var before = pty.LocalModes;
        using var process = LguestProcess.StartOnTerminal(pty.Path, "64", LguestProcess.Puppy, "quiet");
        var screen = new Screen(pty);
        for (var boot = 0; boot < 3; boot++)
        {
            screen.WaitFor("puppy> ");
            Assert.NotEqual(before, pty.LocalModes);
            pty.Type(boot < 2 ? "reboot\n"u8 : "poweroff\n"u8);
        }
        screen.WaitFor(End);
        Assert.Equal(0, process.WaitForExit());
        Assert.Equal(before, pty.LocalModes);
        Assert.DoesNotContain('\x1b', screen.Text);
    }
}
