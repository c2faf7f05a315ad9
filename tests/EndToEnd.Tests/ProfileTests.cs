// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text.Json;
using System.Text.RegularExpressions;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>What <c>--stats</c> and <c>--trace-cpu</c> tell of the embedded CPU.</summary>
public sealed partial class ProfileTests : IDisposable
{
    private const int Sigterm = 15;
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private static readonly string[] s_subjects =
    [
        "executed", "translated", "left code for", "called host for", "interpreted there", "memory", "traps", "interrupts", "hypercalls",
        "async hypercalls", "notifies", "sleeps", "seconds in",
    ];

    private static (int Code, string Output, string Errors) Puppy(string run, params string[] options) =>
        LguestProcess.Run(["--engine=soft", .. options, "64", LguestProcess.Puppy, "quiet", "run=" + run]);

    private static JsonElement Statistics(string errors) => JsonDocument.Parse(errors.Split('\n')[0]).RootElement;

    private static string[] Subjects(string errors) =>
        [.. errors.Split('\n').Where(line => Subject().IsMatch(line)).Select(line => line[..line.IndexOf(':', StringComparison.Ordinal)])];

    [GeneratedRegex("^(?!lguest)[a-z ]+: +[A-Za-z0-9]")]
    private static partial Regex Subject();

    [Fact]
    public void The_table_has_a_line_for_each_subject()
    {
        var (code, _, errors) = Puppy("self-test", "--stats", "--cpu=interpreter");
        Assert.True(code == 0, errors);
        Assert.Equal(s_subjects.Where(s => s is not ("translated" or "left code for" or "called host for" or "interpreted there")), Subjects(errors));
        Assert.Matches(@"\ntraps: +.*14 page fault [0-9]", errors);
        Assert.Matches(@"\nhypercalls: +.*HALT [0-9]", errors);
        Assert.Matches(@"\nseconds in: +guest code [0-9]+\.[0-9]{3}, translation ", errors);
        Assert.EndsWith("\nlguest: CRASH: Power down\n", errors, StringComparison.Ordinal);

        Assert.SkipUnless(System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture == System.Runtime.InteropServices.Architecture.X64, "the translator needs x86-64");
        (code, _, errors) = Puppy("self-test", "--stats", "--cpu=translator");
        Assert.True(code == 0, errors);
        Assert.Equal(s_subjects, Subjects(errors));
    }

    [Theory]
    [InlineData("poweroff", 0)]
    [InlineData("panic:oh", 4)]
    [InlineData("crash:hard", 3)]
    [InlineData("reboot", 5, "--no-reboot")]
    public void It_is_told_whatever_the_end(string run, int exitCode, params string[] options)
    {
        var (code, _, errors) = Puppy(run, ["--stats", .. options]);
        Assert.Equal(exitCode, code);
        Assert.StartsWith("executed: ", errors, StringComparison.Ordinal);
        Assert.Contains("\nlguest: ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_told_after_a_signal_and_for_each_boot()
    {
        using var process = LguestProcess.Start("--engine=soft", "--stats", "64", LguestProcess.Puppy);
        process.WaitFor("puppy> ");
        process.Type("reboot\n");
        process.WaitFor("puppy> ");
        process.Signal(Sigterm);
        Assert.Equal(143, process.WaitForExit());
        Assert.Equal(2, Subjects(process.Errors).Count(s => s == "executed"));
        Assert.EndsWith("\nlguest: stopped by SIGTERM\n", process.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void As_json_it_is_one_object_in_one_line()
    {
        var (code, _, errors) = Puppy("self-test", "--stats=json");
        Assert.True(code == 0, errors);
        Assert.Equal(["lguest: CRASH: Power down", ""], errors.Split('\n')[1..]);
        var statistics = Statistics(errors);
        Assert.True(statistics.GetProperty("instructions").GetInt64() > 100_000);
        Assert.Equal(1, statistics.GetProperty("hypercalls").GetProperty("SHUTDOWN").GetInt64());
        Assert.True(statistics.GetProperty("traps").GetProperty("14").GetInt64() > 0);
        Assert.True(statistics.GetProperty("memory").GetProperty("page_walks").GetInt64() > 0);
        Assert.True(statistics.GetProperty("sleeps").GetInt64() > 0);
        Assert.True(statistics.GetProperty("times").GetProperty("asleep").GetDouble() > 0);
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("interpreter")]
    public void The_trace_has_every_instruction_that_an_untraced_run_executes(string cpu)
    {
        var file = Path.Combine(_scratch.Folder, "trace");
        var (_, _, plain) = Puppy("poweroff", "--cpu=" + cpu, "--stats=json");
        var (code, _, traced) = Puppy("poweroff", "--cpu=" + cpu, "--stats=json", "--trace-cpu=" + file);
        Assert.True(code == 0, traced);
        var expected = Statistics(plain).GetProperty("instructions").GetInt64();
        Assert.Equal(expected, Statistics(traced).GetProperty("instructions").GetInt64());

        var lines = File.ReadAllLines(file);
        Assert.StartsWith("# ", lines[0], StringComparison.Ordinal);
        Assert.Equal(expected, lines.LongCount(line => line.Contains(" efl=", StringComparison.Ordinal)));
        Assert.Contains(lines, line => line.Contains(" - hypercall 1 LGUEST_INIT ", StringComparison.Ordinal));
        Assert.Contains(" - hypercall 2 SHUTDOWN ", lines[^1], StringComparison.Ordinal);

        var window = Path.Combine(_scratch.Folder, "window,5");
        Assert.Equal(0, Puppy("poweroff", "--cpu=" + cpu, $"--trace-cpu={window.Replace(",", ",,", StringComparison.Ordinal)},600000,1000").Code);
        Assert.Equal(
            lines.Where(line => line.Contains(" efl=", StringComparison.Ordinal)).Skip(600_000).Take(1000),
            File.ReadAllLines(window).Where(line => line.Contains(" efl=", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_traced_guest_passes_its_own_checks()
    {
        var (code, output, errors) = Puppy("self-test", "--trace-cpu=/dev/null", "--rng", "--block=" + _scratch.Disk(1 << 20));
        Assert.True(output.Contains(" passed, 0 failed", StringComparison.Ordinal), output + errors);
        Assert.Equal((0, "lguest: CRASH: Power down\n"), (code, errors));
    }

    [Fact]
    public void A_full_disk_ends_the_trace_with_a_line_but_not_the_guest()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        var (code, _, errors) = Puppy("poweroff", "--trace-cpu=/dev/full");
        Assert.Equal(0, code);
        Assert.Matches("^lguest: --trace-cpu: cannot write '/dev/full': .*; the trace ends there\nlguest: CRASH: Power down\n$", errors);
    }
}
