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
        LguestProcess.SkipWhenIgnored(signal);
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

    [Fact]
    public void Three_interrupt_characters_leave_it_as_it_was()
    {
        using var pty = new Pty();
        var before = pty.LocalModes;
        using var process = LguestProcess.StartOnTerminal(pty.Path, "64", LguestProcess.Puppy, "quiet");
        var screen = new Screen(pty);
        screen.WaitFor("puppy> ");
        for (var i = 0; i < 3; i++)
        {
            // Each must be read by itself, and within the second.
            pty.Type(3);
            Thread.Sleep(100);
        }
        Assert.Equal(130, process.WaitForExit());
        screen.WaitFor("lguest: three ^C within a second\r\n");
        Assert.Equal(before, pty.LocalModes);
    }

    [Theory]
    [InlineData("panic oh dear", 4, "lguest: CRASH: oh dear\r\n")]
    [InlineData("crash", 4, "lguest: CRASH: puppy: crash requested\r\n")]
    [InlineData("crash hard", 3, "lguest: unhandled trap 14 ")]
    public void A_bad_end_of_the_guest_leaves_it_as_it_was(string command, int exitCode, string message)
    {
        using var pty = new Pty();
        var before = pty.LocalModes;
        using var process = LguestProcess.StartOnTerminal(pty.Path, "64", LguestProcess.Puppy, "quiet");
        var screen = new Screen(pty);
        screen.WaitFor("puppy> ");
        Assert.NotEqual(before, pty.LocalModes);
        pty.Type(System.Text.Encoding.ASCII.GetBytes(command + "\n"));
        screen.WaitFor(message);
        Assert.Equal(exitCode, process.WaitForExit());
        Assert.Equal(before, pty.LocalModes);
    }

    [Fact]
    public void A_device_that_has_to_be_stopped_leaves_it_as_it_was()
    {
        using var pty = new Pty();
        using var scratch = new Scratch();
        var before = pty.LocalModes;
        using var process = LguestProcess.StartOnTerminal(pty.Path, "64", scratch.File("broken-ring", BrokenRingGuest.Image()));
        var screen = new Screen(pty);
        screen.WaitFor("lguest: console0: queue transmit: ");
        Assert.Equal(1, process.WaitForExit());
        Assert.Equal(before, pty.LocalModes);
    }

    [Theory]
    [InlineData("lguest: --block=/no/such/disk: ", "--block=/no/such/disk", "64", "PUPPY")]
    [InlineData("lguest: cannot open kernel image '/no/such/kernel': ", "64", "/no/such/kernel")]
    [InlineData("lguest: --username: there is no user ", "--username=no-such-user", "64", "PUPPY")]
    [InlineData("lguest: unknown option ", "--no-such-option", "64", "PUPPY")]
    public void A_mistake_leaves_it_as_it_was(string message, params string[] words)
    {
        using var pty = new Pty();
        var before = pty.LocalModes;
        using var process = LguestProcess.StartOnTerminal(pty.Path, [.. words.Select(word => word == "PUPPY" ? LguestProcess.Puppy : word)]);
        new Screen(pty).WaitFor(message);
        Assert.NotEqual(0, process.WaitForExit());
        Assert.Equal(before, pty.LocalModes);
    }
}
