// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Globalization;

namespace LguestPlug.EndToEnd.Tests.Faults;

/// <summary>The process may have little: it runs, or says in one line what there is too little of; it is never a stack trace, a core dump or a hang.</summary>
public sealed class LimitTests : IDisposable
{
    private const string End = "lguest: CRASH: Power down\n";

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    /// <summary>All that a test of every count looks at; by itself only every so many.</summary>
    private static int Step(int usual) => Environment.GetEnvironmentVariable("LGUEST_TEST_EVERY_LIMIT") is null ? usual : 1;

    /// <summary>From the fewest with which .NET gets as far as to our first instruction.</summary>
    [Fact]
    public void Descriptors()
    {
        const int Fewest = 19;
        const int Needed = 768;
        for (var count = Fewest; count < Needed; count += count < 40 ? 1 : Step(97))
            Assert.Equal((1, "", $"lguest: only {count} files may be open here (ulimit -n), and lguest needs {Needed}\n"), Run("ulimit", ["-n", Text(count)], "--rng"));
        Assert.Equal((0, "hi\n", End), Run("ulimit", ["-n", Text(Needed)], "--rng"));
        // The most that the bus takes.
        Assert.Equal((0, "hi\n", End), Run("ulimit", ["-n", Text(Needed)], [.. Enumerable.Repeat("--rng", 29)]));
    }

    /// <summary>Below the smallest .NET itself does not start, and says so in its own way.</summary>
    [Fact]
    public void Addresses()
    {
        const int Needed = 2048;
        foreach (var megabytes in (int[])[1850, Needed - 1])
            Assert.Equal((1, "", $"lguest: only {megabytes} MB may be mapped here (ulimit -v), and lguest needs {Needed}\n"), Run("ulimit", ["-v", Text(megabytes * 1024)], "--rng"));
        var succeeded = false;
        for (var megabytes = Needed; megabytes < 5000; megabytes += Step(250))
        {
            var (code, output, errors) = Run("ulimit", ["-v", Text(megabytes * 1024)], "--rng");
            ExpectOneLineOrSuccess(code, output, errors, $"{megabytes} MB");
            succeeded |= code == 0;
        }
        Assert.True(succeeded);
    }

    [Fact]
    public void More_guest_memory_than_there_are_addresses() => Assert.Equal(
        (1, "", "lguest: this machine cannot give the guest 4000 MB of memory: cannot map 4195352576 bytes of guest memory: Cannot allocate memory\n"),
        Run("ulimit", ["-v", Text(4000 * 1024)], "4000"));

    /// <summary>Threads count as processes of the user, of which root may have any number.</summary>
    [Fact]
    public void Threads()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root to become another user");
        Assert.SkipUnless(LguestProcess.WhyNot("", "setpriv", "--version") is null && LguestProcess.WhyNot("", "prlimit", "--version") is null, "needs setpriv and prlimit");
        // Another user may not be able to reach the repository.
        var copy = _scratch.Folder;
        Assert.Null(LguestProcess.WhyNot("cp fails", "cp", "-r", Path.GetDirectoryName(LguestProcess.Executable)!, Path.Combine(copy, "lguest")));
        File.Copy(LguestProcess.Puppy, Path.Combine(copy, "puppy"));
        Assert.Null(LguestProcess.WhyNot("chmod fails", "chmod", "-R", "a+rX", copy));
        var succeeded = false;
        // With fewer .NET itself does not start.
        for (var count = 7; count < 20; count += Step(1))
        {
            var start = new ProcessStartInfo("setpriv",
            [
                // An id of no user, that nobody else can have processes under.
                "--reuid", Text(60_000 + Environment.ProcessId % 5000), "--regid", "65533", "--clear-groups", "prlimit", $"--nproc={count}", "--",
                Path.Combine(copy, "lguest", "lguest"), "--rng", "64", Path.Combine(copy, "puppy"), "quiet", "run=rng,echo:hi",
            ]);
            start.Environment["HOME"] = "/nonexistent";
            using var process = LguestProcess.Start(start);
            process.EndInput();
            var code = process.WaitForExit();
            ExpectOneLineOrSuccess(code, process.Output.EndsWith("hi\n", StringComparison.Ordinal) ? "hi\n" : "", process.Errors, $"{count} threads");
            succeeded |= code == 0;
        }
        Assert.True(succeeded);
    }

    /// <summary>The kernel ends a process that uses more than its group may: nobody could say a word. Only guest memory that is used counts.</summary>
    [Fact]
    public void A_guest_of_more_memory_than_it_uses()
    {
        const string Groups = "/sys/fs/cgroup/memory";
        Assert.SkipUnless(Environment.IsPrivilegedProcess && File.Exists(Groups + "/memory.limit_in_bytes"), "needs root and the memory controller of cgroup v1");
        var group = Directory.CreateDirectory($"{Groups}/lguest-test-{Environment.ProcessId}").FullName;
        try
        {
            File.WriteAllText(group + "/memory.limit_in_bytes", Text(400 << 20));
            var (code, output, errors) = Shell($"echo $$ >{group}/cgroup.procs; exec \"$@\"", ["2000", LguestProcess.Puppy, "quiet", "run=echo:hi"]);
            Assert.Equal((0, "hi\n", End), (code, output, errors));
        }
        finally
        {
            Directory.Delete(group);
        }
    }

    private static void ExpectOneLineOrSuccess(int code, string output, string errors, string what)
    {
        if (code == 0)
        {
            Assert.Equal(("hi\n", End), (output, errors));
            return;
        }
        Assert.True(code == 1 && errors.StartsWith("lguest: ", StringComparison.Ordinal) && errors.Count(c => c == '\n') == 1 && !errors.Contains("internal error", StringComparison.Ordinal), $"{what}: {code}, {errors}");
    }

    private static (int Code, string Output, string Errors) Run(string command, string[] limit, params string[] options)
    {
        string[] words = int.TryParse(options.LastOrDefault(), CultureInfo.InvariantCulture, out _) ? options : [.. options, "64"];
        return Shell($"{command} {string.Join(' ', limit)}; exec \"$@\"", [.. words, LguestProcess.Puppy, "quiet", "run=echo:hi"]);
    }

    private static (int Code, string Output, string Errors) Shell(string script, string[] words)
    {
        using var process = LguestProcess.StartBehind(["sh", "-c", script, "sh"], words);
        process.EndInput();
        return (process.WaitForExit(), process.Output.ReplaceLineEndings("\n"), process.Errors);
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
