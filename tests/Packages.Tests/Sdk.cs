// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Runtime.CompilerServices;
using LguestPlug.Packages.Tests;

[assembly: AssemblyFixture(typeof(Sdk))]

namespace LguestPlug.Packages.Tests;

/// <summary>
/// A user's machine with the SDK and our packages in a folder: a home, a package cache and templates of its own. What others'
/// packages this machine has restored before are used from there, so that mostly no registry is asked.
/// </summary>
public sealed class Sdk : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("lguest-sdk").FullName;
    private readonly Lazy<string> _tool;
    private readonly Lazy<string> _hive;

    public Sdk()
    {
        foreach (var package in Directory.Exists(PackageCache) ? Directory.GetDirectories(PackageCache) : [])
        {
            // Ours come from the feed alone: one of the same version may be another.
            if (!Path.GetFileName(package).StartsWith("lguestplug", StringComparison.OrdinalIgnoreCase))
                Directory.CreateSymbolicLink(Path.Combine(Directory.CreateDirectory(Path.Combine(_home, "fallback")).FullName, Path.GetFileName(package)), package);
        }
        _tool = new(() =>
        {
            var folder = Path.Combine(_home, "tool");
            Dotnet(_home, "tool", "install", "--tool-path", folder, "--source", Feed, "LguestPlug").Succeeds();
            return Path.Combine(folder, "lguest");
        });
        _hive = new(() =>
        {
            var hive = Path.Combine(_home, "hive");
            Dotnet(_home, "new", "install", Package("LguestPlug.Templates"), "--debug:custom-hive", hive).Succeeds();
            return hive;
        });
    }

    public static string Feed => Path.Combine(AppContext.BaseDirectory, "feed");

    /// <summary>A folder for one test's files.</summary>
    public string Scratch([CallerMemberName] string name = "") => Directory.CreateDirectory(Path.Combine(_home, "scratch", name)).FullName;

    /// <summary>The only version of a package in the feed.</summary>
    public static string Package(string id, string extension = ".nupkg") =>
        Assert.Single(Directory.GetFiles(Feed, $"{id}.*{extension}"), file => char.IsAsciiDigit(Path.GetFileName(file)[id.Length + 1]));

    /// <summary>Runs <c>dotnet</c>; restores find the feed.</summary>
    public Run Dotnet(string folder, params string[] arguments) => Run.Start("dotnet", folder, arguments, Environment(folder));

    /// <summary>Runs <c>dotnet new lguest-device</c>.</summary>
    public Run New(string folder, params string[] arguments) =>
        Dotnet(folder, ["new", "lguest-device", "--debug:custom-hive", _hive.Value, .. arguments]);

    /// <summary>Runs the installed tool, whose user has a plugin folder of its own for each working folder.</summary>
    public Run Lguest(string folder, params string[] arguments) => Run.Start(_tool.Value, folder, arguments, Environment(folder));

    /// <summary>Skips where others' packages cannot be had.</summary>
    public static void SkipWithoutRegistry(Run run)
    {
        var line = run.Output.Split('\n').FirstOrDefault(l => l.Contains("error NU1301", StringComparison.Ordinal) || (l.Contains("error NU1101", StringComparison.Ordinal) && !l.Contains("LguestPlug.", StringComparison.Ordinal)));
        Assert.SkipWhen(line is not null, $"the packages a new project needs cannot be had: {line?.Trim()}");
    }

    public void Dispose() => Directory.Delete(_home, recursive: true);

    private static string PackageCache => System.Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private Dictionary<string, string> Environment(string folder) => new()
    {
        ["DOTNET_CLI_HOME"] = _home,
        ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
        ["DOTNET_NOLOGO"] = "1",
        ["DOTNET_SKIP_WORKLOAD_INTEGRITY_CHECK"] = "1",
        ["NUGET_PACKAGES"] = Path.Combine(_home, "packages"),
        ["RestoreFallbackFolders"] = Path.Combine(_home, "fallback"),
        ["RestoreAdditionalProjectSources"] = Feed,
        ["XDG_DATA_HOME"] = Path.Combine(folder, "data"),
        // Nothing stays behind that serves later builds.
        ["MSBUILDDISABLENODEREUSE"] = "1",
        ["UseSharedCompilation"] = "false",
    };
}
