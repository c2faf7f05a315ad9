// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>The console on whatever the shell gives: nothing, files, pipes that are slow or broken.</summary>
public sealed class StandardStreamsTests : IDisposable
{
    private const string Quiet = "64 \"$PUPPY\" quiet";
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    /// <summary>Runs a line of shell in which <c>$LGUEST</c> is the command.</summary>
    private (int ExitCode, string Output, string Errors) Shell(string line)
    {
        var start = new ProcessStartInfo("sh", ["-c", line]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _scratch.Folder };
        start.Environment["LGUEST"] = LguestProcess.Executable;
        start.Environment["PUPPY"] = LguestProcess.Puppy;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output.Result, errors);
    }

    private string Contents(string file) => File.ReadAllText(Path.Combine(_scratch.Folder, file));

    [Theory]
    [InlineData("<&-")]
    [InlineData("</dev/null")]
    [InlineData("</etc/hostname")]
    public void Without_a_keyboard_the_guest_goes_on(string input)
    {
        var (code, output, errors) = Shell($"\"$LGUEST\" {Quiet} run=sleep:300,echo:still,echo:here {input}");
        Assert.Equal("lguest: CRASH: Power down\n", errors);
        Assert.Equal("still\nhere\n", output.ReplaceLineEndings("\n"));
        Assert.Equal(0, code);
    }

    [Fact]
    public void A_file_can_be_typed()
    {
        _scratch.File("keys", "echo from a file\npoweroff\n"u8.ToArray());
        var (code, output, errors) = Shell($"\"$LGUEST\" {Quiet} <keys");
        Assert.Equal("lguest: CRASH: Power down\n", errors);
        Assert.Contains("\nfrom a file", output.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.Equal(0, code);
    }

    [Fact]
    public void Output_goes_into_a_file_behind_what_is_there()
    {
        var (code, _, errors) = Shell($"(echo before; \"$LGUEST\" {Quiet} run=echo:inside </dev/null; echo after) >out");
        Assert.Equal("lguest: CRASH: Power down\n", errors);
        Assert.Equal("before\ninside\nafter\n", Contents("out").ReplaceLineEndings("\n"));
        Assert.Equal(0, code);
    }

    [Fact]
    public void Output_and_errors_may_be_closed()
    {
        var (code, _, errors) = Shell($"\"$LGUEST\" {Quiet} run=echo:lost </dev/null >&-");
        Assert.Equal("lguest: CRASH: Power down\n", errors);
        Assert.Equal(0, code);
        Assert.Equal(0, Shell($"\"$LGUEST\" {Quiet} run=echo:lost <&- >&- 2>&-").ExitCode);
    }

    /// <summary>The reader takes a byte now and then, so that the pipe is full and every write a partial one.</summary>
    [Fact]
    public void A_slow_reader_gets_every_byte()
    {
        const int Repeats = 100;
        var run = string.Join(',', Enumerable.Repeat("help", Repeats));
        var help = Shell($"\"$LGUEST\" {Quiet} run=help </dev/null").Output;
        Assert.InRange(help.Length * Repeats, 2 * 65536, int.MaxValue);
        var (code, output, errors) = Shell($"\"$LGUEST\" {Quiet} run={run} </dev/null | (sleep 1; dd bs=7 count=100 2>/dev/null; sleep 1; cat)");
        Assert.Equal("lguest: CRASH: Power down\n", errors);
        Assert.Equal(string.Concat(Enumerable.Repeat(help, Repeats)), output);
        Assert.Equal(0, code);
    }

    [Fact]
    public void A_reader_that_goes_away_does_not_end_the_guest()
    {
        var disk = _scratch.Disk(4096);
        var (_, _, errors) = Shell($"\"$LGUEST\" --block={disk} {Quiet} run=help,sleep:300,help,disk-write:1:1:0x5a,disk-flush </dev/null | head -c 1 >/dev/null");
        Assert.EndsWith("lguest: CRASH: Power down\n", errors, StringComparison.Ordinal);
        Assert.Equal(Enumerable.Repeat((byte)0x5a, 512), File.ReadAllBytes(disk)[512..1024]);
    }
}
