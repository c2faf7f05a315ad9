// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Text.RegularExpressions;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// docs/first-device.md: what it shows is the sample, and whoever does what it says, from an empty folder and with our packages
/// in a folder of their own, has a guest that uses the device.
/// </summary>
public sealed class FirstDeviceTests(ITestOutputHelper output) : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(15);
    private readonly Scratch _scratch = new();

    private static string Guide => File.ReadAllText(Path.Combine(LguestProcess.RepositoryRoot, "docs", "first-device.md"));

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Shows_the_sample_and_all_of_it()
    {
        var sample = Path.Combine(LguestProcess.RepositoryRoot, "samples", "Balloon");
        var shown = Steps().Where(step => step.File is not null).ToDictionary(step => step.File!, step => step.Text);
        foreach (var (file, text) in shown)
            Assert.Equal(Regex.Replace(File.ReadAllText(Path.Combine(sample, file)), "^// SPDX-.*\n", ""), text);
        // What is not shown was written by a command that is.
        Assert.Equal(
            ["src/Acme.Balloon/BalloonConfig.cs", "tests/Acme.Balloon.Tests/BalloonConfigTests.cs"],
            Sources(sample).Except(shown.Keys).Order());
        foreach (var file in Sources(sample).Except(shown.Keys))
        {
            var command = Regex.Match(File.ReadAllText(Path.Combine(sample, file)), "^// Written by '(.*)':").Groups[1].Value;
            Assert.Contains(command, Guide, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(LinuxGuest.Kernels), MemberType = typeof(LinuxGuest))]
    public void Followed_word_by_word_it_ends_with_a_guest_that_uses_the_device(string kernel)
    {
        var initrd = LinuxGuest.Initrd(kernel);
        BalloonSampleTests.SkipWithoutDriver(kernel);
        var home = Directory.CreateDirectory(Path.Combine(_scratch.Folder, "home")).FullName;
        var work = Directory.CreateDirectory(Path.Combine(_scratch.Folder, "work")).FullName;
        File.CreateSymbolicLink(Path.Combine(work, "bzImage"), Path.GetFullPath(kernel));
        File.CreateSymbolicLink(Path.Combine(work, "initrd.gz"), Path.GetFullPath(initrd));
        Run(LguestProcess.RepositoryRoot, Environment.GetEnvironmentVariable("HOME"), $"dotnet pack -c {LguestProcess.Configuration} --no-build -o {home}/lguest-feed");

        var since = Stopwatch.StartNew();
        var launch = Regex.Match(Guide, @"^\$ (lguest .*) 2> log$", RegexOptions.Multiline);
        Assert.True(launch.Success);
        Run(work, home, $"set -e\n{Script(launch.Index, before: true)}declare -p PATH KERNEL INITRD PLUGIN > ../../variables\n");
        var took = since.Elapsed;

        var device = Path.Combine(work, "Acme.Balloon");
        using var process = LguestProcess.Start(Shell(device, home, $". ../../variables; exec {launch.Groups[1].Value}"));
        var guest = new LinuxGuest(process);
        guest.WaitForPrompt();
        BalloonSampleTests.WaitFor(() => process.Errors.Contains("says that 8192 of 8192 pages", StringComparison.Ordinal), "the balloon was never full");
        guest.Type("poweroff -f");
        Assert.Equal(0, process.WaitForExit());
        Assert.Contains("balloon0: 8192 pages were in the balloon at the end\n", process.Errors, StringComparison.Ordinal);

        Run(device, home, $"set -e\n. ../../variables\n{Script(launch.Index, before: false)}");

        var written = Steps().Where(step => step.File is not null).ToList();
        int Lines(string folder) => written.Where(step => step.File!.StartsWith(folder, StringComparison.Ordinal)).Sum(step => step.Text.Split('\n').Count(line => line.Trim().Length > 0));
        output.WriteLine($"lines that are not empty: {Lines("src")} of the device, {Lines("tests")} of its tests; installing, building and testing took {took.TotalSeconds:F0} s, with the guest {since.Elapsed.TotalSeconds:F0} s");
    }

    /// <summary>The guide's commands, and the files it has the reader write.</summary>
    private static IEnumerable<(int Index, string? File, string Text)> Steps() =>
        Regex.Matches(Guide, @"^(?:\*\*`(?<file>[^`]+)`\*\*\n```csharp|```sh)\n(?<text>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)
            .Select(match => (match.Index, match.Groups["file"].Success ? match.Groups["file"].Value : null, match.Groups["text"].Value));

    /// <summary>What the reader does before or after the guest is started.</summary>
    private static string Script(int launch, bool before) => string.Concat(
        Steps().Where(step => (step.Index < launch) == before)
            .Select(step => step.File is null ? step.Text : $"cat > {step.File} <<'END OF FILE'\n{step.Text}END OF FILE\n"));

    private static IEnumerable<string> Sources(string folder) =>
        Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(folder, file))
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal));

    /// <summary>As on a machine with nothing but the SDK: no packages, no settings, no tools.</summary>
    private static ProcessStartInfo Shell(string folder, string? home, string script)
    {
        var start = new ProcessStartInfo("bash", ["-c", script]) { WorkingDirectory = folder };
        foreach (var name in start.Environment.Keys.Where(name => !(name is "PATH" or "LANG" or "TMPDIR" or "DOTNET_ROOT" || name.EndsWith("_proxy", StringComparison.OrdinalIgnoreCase))).ToList())
            start.Environment.Remove(name);
        start.Environment["HOME"] = home;
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        start.Environment["DOTNET_NOLOGO"] = "1";
        // Nothing that outlives the command.
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        return start;
    }

    private static void Run(string folder, string? home, string script)
    {
        var start = Shell(folder, home, $"({script}) 2>&1");
        start.RedirectStandardOutput = true;
        using var process = Process.Start(start)!;
        var text = process.StandardOutput.ReadToEndAsync();
        if (!text.Wait(s_patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"not done within {s_patience.TotalMinutes} minutes: {script}");
        }
        process.WaitForExit();
        Assert.SkipWhen(process.ExitCode != 0 && text.Result.Contains("NU1301", StringComparison.Ordinal), "no package registry can be reached");
        Assert.True(process.ExitCode == 0, text.Result);
    }
}
