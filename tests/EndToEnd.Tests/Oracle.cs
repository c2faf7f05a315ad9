// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using LguestPlug.Bench.Throughput;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// The C launcher, if its sources are beside the repository, with a stand-in for <c>/dev/lguest</c> that writes guest memory
/// to a file as the launcher hands it over, and drives the devices of either launcher.
/// </summary>
public sealed partial class Oracle : IDisposable
{
    private const string BridgeThen = "ip link add br0 type bridge && ip link set br0 up && exec \"$@\"";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private readonly Scratch _scratch = new();
    private readonly OracleBuild _build = OracleBuild.Find();

    /// <summary>Why there is nothing to compare with, or null.</summary>
    public string? WhyNot => _build.WhyNot;

    public string TinyKernel => _build.TinyKernel;

    /// <summary>A file of the test's, made when first asked for.</summary>
    public string MakeFile(string name, Func<byte[]> content)
    {
        var path = Path.Combine(_scratch.Folder, name);
        return File.Exists(path) ? path : _scratch.File(name, content());
    }

    /// <summary>Lets the C launcher lay out a guest.</summary>
    public MemoryImage LayOutInC(IReadOnlyList<string> arguments)
    {
        var dump = Path.Combine(_scratch.Folder, "c.bin");
        File.Delete(dump);
        // A session of its own: at its end it sends a signal to its whole process group.
        var (_, output, errors) = RunInNetwork(arguments,
            ["setsid", "--wait", "env", $"GD_DUMP={dump}", "GD_BENCH=", "GD_MEM=" + arguments.First(a => a[0] != '-'), $"LD_PRELOAD={_build.Preload}", _build.Launcher, .. arguments]);
        var told = Initialize().Match(errors);
        Assert.True(told.Success && File.Exists(dump), $"the C launcher came to no INITIALIZE:\n{output}{errors}");
        return new(dump, ulong.Parse(told.Groups[1].Value, CultureInfo.InvariantCulture), told.Groups[2].Value);
    }

    /// <summary>Lets our launcher lay out the same guest.</summary>
    public MemoryImage LayOutHere(IReadOnlyList<string> arguments)
    {
        var dump = Path.Combine(_scratch.Folder, "here.bin");
        File.Delete(dump);
        var (code, output, errors) = RunInNetwork(arguments,
            [LguestProcess.Executable, "--dry-run", "--dump", dump, "--format", "{{ page_limit }} 0x{{ entry_point | math.format 'x' }}", .. arguments]);
        Assert.True(code == 0, errors);
        var told = output.TrimEnd().Split(' ');
        return new(dump, ulong.Parse(told[0], CultureInfo.InvariantCulture), told[1]);
    }

    /// <summary>What the C launcher tells when it is to be verbose, on a machine whose guest does nothing.</summary>
    public string VerboseInC(IReadOnlyList<string> arguments) =>
        RunInNetwork(arguments, ["setsid", "--wait", "env", "GD_BENCH=", "GD_MEM=" + arguments.First(a => a[0] != '-'), $"LD_PRELOAD={_build.Preload}", _build.Launcher, "--verbose", .. arguments]).Output;

    /// <summary>What our launcher tells of the same machine.</summary>
    public static string VerboseHere(IReadOnlyList<string> arguments) =>
        RunInNetwork(arguments, [LguestProcess.Executable, "--dry-run", "--verbose", .. arguments]).Errors;

    /// <summary>Whether the arguments ask for a network interface.</summary>
    public static bool NeedsNetwork(IReadOnlyList<string> arguments) => arguments.Any(a => a.StartsWith("--tunnet", StringComparison.Ordinal));

    /// <summary>Works through the driver's operations with our launcher.</summary>
    internal IReadOnlyList<Measurement> DriveHere(string disk, IReadOnlyList<string> specs) => new LauncherProcess(_build, LguestProcess.Driver).RunOurs(disk, specs);

    public void Dispose()
    {
        _build.Dispose();
        _scratch.Dispose();
    }

    private static (int ExitCode, string Output, string Errors) RunInNetwork(IReadOnlyList<string> arguments, IReadOnlyList<string> command)
    {
        if (!NeedsNetwork(arguments))
            return Run(command[0], command.Skip(1));
        var bridged = arguments.Any(a => a.Contains("bridge:", StringComparison.Ordinal));
        return Run("unshare", ["--net", "--", .. bridged ? ["sh", "-c", BridgeThen, "sh"] : Array.Empty<string>(), .. command]);
    }

    private static (int ExitCode, string Output, string Errors) Run(string program, IEnumerable<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(s_patience) || !Task.WaitAll([output, errors], s_patience))
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{program} {string.Join(' ', arguments)} did not end");
        }
        return (process.ExitCode, output.Result, errors.Result);
    }

    [GeneratedRegex("^INITIALIZE pfnlimit=([0-9]+) start=(0x[0-9a-f]+)$", RegexOptions.Multiline)]
    private static partial Regex Initialize();
}

/// <summary>Guest memory as laid out, and what the engine is told.</summary>
public sealed record MemoryImage(string Path, ulong PageLimit, string EntryPoint)
{
    /// <returns>The first byte that differs, with its surroundings; null if there is none.</returns>
    public string? DifferenceFrom(MemoryImage other)
    {
        const int Block = 1 << 20;
        using var mine = File.OpenRead(Path);
        using var theirs = File.OpenRead(other.Path);
        if (mine.Length != theirs.Length)
            return $"{mine.Length} bytes instead of {theirs.Length}";
        var (a, b) = (new byte[Block], new byte[Block]);
        for (long address = 0; address < mine.Length; address += Block)
        {
            var length = (int)Math.Min(Block, mine.Length - address);
            mine.ReadExactly(a, 0, length);
            theirs.ReadExactly(b, 0, length);
            var same = a.AsSpan(0, length).CommonPrefixLength(b.AsSpan(0, length));
            if (same < length)
            {
                var shown = Math.Min(16, length - same);
                return $"at 0x{address + same:x}: {Convert.ToHexStringLower(a, same, shown)} instead of {Convert.ToHexStringLower(b, same, shown)}";
            }
        }
        return null;
    }
}
