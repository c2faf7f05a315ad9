// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// The C launcher, if its sources are beside the repository: built once into a folder of its own, with a stand-in for
/// <c>/dev/lguest</c> that writes guest memory to a file as the launcher hands it over.
/// </summary>
public sealed partial class Oracle : IDisposable
{
    private const string BridgeThen = "ip link add br0 type bridge && ip link set br0 up && exec \"$@\"";
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private readonly Scratch _scratch = new();
    private readonly string _folder;

    public Oracle()
    {
        _folder = Path.Combine(_scratch.Folder, "oracle");
        var sources = Environment.GetEnvironmentVariable("LGUEST_TEST_ORACLE") ?? Path.Combine(LguestProcess.RepositoryRoot, "..", "shared", "oracle");
        var build = Path.Combine(sources, "build.sh");
        WhyNot = !File.Exists(build) ? "needs the C launcher: ../shared/oracle beside the repository, or LGUEST_TEST_ORACLE=FOLDER"
            : Array.Find(["gcc", "ld", "setsid"], tool => !IsThere(tool)) is { } missing ? $"needs {missing}"
            : null;
        if (WhyNot is not null)
            return;
        var (code, output, errors) = Run("bash", [build, _folder]);
        // The sources are there and a compiler too: a comparison that silently did not happen would be worse than a failure.
        Assert.True(code == 0, $"{build} failed:\n{output}{errors}");
    }

    /// <summary>Why there is nothing to compare with, or null.</summary>
    public string? WhyNot { get; }

    public string TinyKernel => Path.Combine(_folder, "tiny.elf");

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
            ["setsid", "--wait", "env", $"GD_DUMP={dump}", "GD_BENCH=", "GD_MEM=" + arguments.First(a => a[0] != '-'), $"LD_PRELOAD={_folder}/lgpreload.so", $"{_folder}/lguest", .. arguments]);
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
        RunInNetwork(arguments, ["setsid", "--wait", "env", "GD_BENCH=", "GD_MEM=" + arguments.First(a => a[0] != '-'), $"LD_PRELOAD={_folder}/lgpreload.so", $"{_folder}/lguest", "--verbose", .. arguments]).Output;

    /// <summary>What our launcher tells of the same machine.</summary>
    public static string VerboseHere(IReadOnlyList<string> arguments) =>
        RunInNetwork(arguments, [LguestProcess.Executable, "--dry-run", "--verbose", .. arguments]).Errors;

    /// <summary>Whether the arguments ask for a network interface.</summary>
    public static bool NeedsNetwork(IReadOnlyList<string> arguments) => arguments.Any(a => a.StartsWith("--tunnet", StringComparison.Ordinal));

    public void Dispose() => _scratch.Dispose();

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

    private static bool IsThere(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, tool)));

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
