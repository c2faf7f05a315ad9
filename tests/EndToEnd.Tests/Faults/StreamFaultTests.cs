// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Plugins.Tests;

namespace LguestPlug.EndToEnd.Tests.Faults;

/// <summary>Standard input, output and the terminal fail or go away: the guest goes on, or ends in order.</summary>
public sealed class StreamFaultTests : IDisposable
{
    private const string End = "lguest: CRASH: Power down\n";
    private const string Full = "No space left on device";

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Output_on_a_full_disk_is_lost_and_nothing_else()
    {
        var disk = _scratch.Disk(1 << 20);
        var (code, errors) = Shell("exec \"$@\" </dev/null >/dev/full", $"--block={disk}", "64", LguestProcess.Puppy, "run=help,disk-write:1:1:0x5a");
        Assert.Equal((0, $"lguest: console output cannot be written ({Full}); it is lost from here on\n{End}"), (code, errors));
        Assert.All(File.ReadAllBytes(disk)[512..1024], b => Assert.Equal(0x5a, b));
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("--version")]
    [InlineData("plugins")]
    [InlineData("--dry-run", "64", "PUPPY")]
    public void What_the_command_itself_cannot_write_is_an_error(params string[] words)
    {
        words = [.. words.Select(w => w == "PUPPY" ? LguestProcess.Puppy : w)];
        Assert.Equal((1, $"lguest: cannot write to standard output: {Full}\n"), Shell("exec \"$@\" >/dev/full", words));
        // Who reads no further has what was wanted.
        Assert.Equal((0, ""), Shell("\"$@\" | true", words));
    }

    [Fact]
    public void Errors_that_cannot_be_written_change_nothing()
    {
        Assert.Equal(2, Shell("exec \"$@\" 2>/dev/full", "--no-such-option").Code);
        Assert.Equal(4, Shell("exec \"$@\" </dev/null >/dev/full 2>/dev/full", "64", LguestProcess.Puppy, "run=panic:oh").Code);
    }

    /// <summary>The window is closed: the terminal is no more, and whoever has it as his own gets SIGHUP.</summary>
    [Fact]
    public void A_terminal_that_hangs_up_ends_the_guest_in_order()
    {
        LguestProcess.SkipWhenIgnored(1);
        Assert.SkipUnless(LguestProcess.WhyNot("", "setsid", "--version") is null, "needs setsid");
        var disk = _scratch.Disk(1 << 20);
        using var pty = new Pty();
        using var guest = LguestProcess.StartBehind(
            ["sh", "-c", $"exec setsid --ctty \"$@\" <{pty.Path} >{pty.Path} 2>&1", "sh"], [$"--block={disk}", "64", LguestProcess.Puppy, "quiet"]);
        var screen = new Screen(pty);
        screen.WaitFor("puppy> ");
        pty.Type("disk write 1 1 0x5a\n"u8);
        screen.WaitFor("1 sector");
        pty.Dispose();
        Assert.Equal(129, guest.WaitForExit());
        Assert.All(File.ReadAllBytes(disk)[512..1024], b => Assert.Equal(0x5a, b));
    }

    /// <summary>The same where it is not its own: nobody tells it, so the guest goes on without keys and screen.</summary>
    [Fact]
    public void A_terminal_of_others_that_hangs_up_does_not()
    {
        var disk = _scratch.Disk(1 << 20);
        using var pty = new Pty();
        using var guest = LguestProcess.StartOnTerminal(pty.Path, $"--block={disk}", "64", LguestProcess.Puppy, "quiet", "run=echo:begun,sleep:1500,help,disk-write:1:1:0x5a,disk-flush");
        new Screen(pty).WaitFor("begun");
        pty.Dispose();
        Assert.Equal(0, guest.WaitForExit());
        Assert.All(File.ReadAllBytes(disk)[512..1024], b => Assert.Equal(0x5a, b));
    }

    private static (int Code, string Errors) Shell(string script, params string[] words)
    {
        using var process = LguestProcess.StartBehind(["sh", "-c", script, "sh"], words);
        process.EndInput();
        return (process.WaitForExit(), process.Errors);
    }
}
