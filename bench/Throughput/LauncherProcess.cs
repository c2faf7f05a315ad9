// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;

namespace LguestPlug.Bench.Throughput;

/// <summary>Runs either launcher through the driver's operations, each time as a process of its own.</summary>
/// <param name="oracle">The C launcher and the stand-in.</param>
/// <param name="program">This program; beside it lie the plugins and the product's runtime settings.</param>
/// <param name="cpu">The only CPU it may use, if not any; with two, waking the other CPU would hide everything else.</param>
internal sealed class LauncherProcess(OracleBuild oracle, string program, int? cpu = null)
{
    /// <summary>The word that makes this program our side.</summary>
    public const string OursCommand = "ours";

    private const string MemoryMegabytes = "256";
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    public IReadOnlyList<Measurement> RunC(string disk, IReadOnlyList<string> specs) =>
        Run([oracle.Launcher], disk, specs, ("LD_PRELOAD", oracle.Preload));

    /// <summary>The runtime's settings are the product's own: its configuration file is given instead of this program's.</summary>
    public IReadOnlyList<Measurement> RunOurs(string disk, IReadOnlyList<string> specs)
    {
        var settings = Path.Combine(Path.GetDirectoryName(program)!, "lguest.runtimeconfig.json");
        var runtime = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        return Run([runtime, "exec", "--runtimeconfig", settings, program, OursCommand, oracle.Driver], disk, specs);
    }

    private List<Measurement> Run(string[] launcher, string disk, IReadOnlyList<string> specs, params (string Name, string Value)[] environment)
    {
        string[] pinned = cpu is { } only ? ["taskset", "-c", $"{only}"] : [];
        // A session of its own: the C program ends by a signal to its whole process group. Both write the guest's output to
        // /dev/null and find no input.
        var start = new ProcessStartInfo("sh",
            ["-c", "exec \"$@\" </dev/null >/dev/null", "sh", "setsid", "--wait", .. pinned, "env", .. environment.Select(v => $"{v.Name}={v.Value}"),
            .. launcher, $"--block={disk}", "--rng", MemoryMegabytes, oracle.TinyKernel])
        {
            RedirectStandardError = true,
            Environment = { ["GD_MEM"] = MemoryMegabytes, ["GD_BENCH"] = string.Join(',', specs) },
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_patience) || !errors.Wait(s_patience))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{launcher[0]} did not end");
        }
        List<Measurement> results = [.. errors.Result.Split('\n').Select(Measurement.Parse).OfType<Measurement>()];
        if (results.Count != specs.Count)
            throw new InvalidOperationException($"{launcher[0]} measured {results.Count} of {specs.Count} operations (exit code {process.ExitCode}):\n{errors.Result}");
        return results;
    }
}
