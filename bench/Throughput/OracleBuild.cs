// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;

namespace LguestPlug.Bench.Throughput;

/// <summary>
/// The C launcher and the stand-in for <c>/dev/lguest</c>, built into a folder of their own if their sources are beside the
/// repository. Disposing deletes the folder.
/// </summary>
internal sealed class OracleBuild : IDisposable
{
    private const string FolderVariable = "LGUEST_TEST_ORACLE";

    private OracleBuild(string folder, string? whyNot)
    {
        Folder = folder;
        WhyNot = whyNot;
    }

    public string Folder { get; }

    /// <summary>Why there is nothing to compare with, or null.</summary>
    public string? WhyNot { get; }

    /// <summary>The C launcher.</summary>
    public string Launcher => Path.Combine(Folder, "lguest");

    /// <summary>What is loaded before the C launcher, so that it finds the stand-in.</summary>
    public string Preload => Path.Combine(Folder, "lgpreload.so");

    /// <summary>The stand-in as a library.</summary>
    public string Driver => Path.Combine(Folder, "libguestdrv.so");

    public string TinyKernel => Path.Combine(Folder, "tiny.elf");

    /// <exception cref="InvalidOperationException">The sources are there, a compiler too, and yet they do not build.</exception>
    public static OracleBuild Find()
    {
        var sources = Environment.GetEnvironmentVariable(FolderVariable) ?? Path.Combine(RepositoryRoot(), "..", "shared", "oracle");
        var build = Path.Combine(sources, "build.sh");
        if (!File.Exists(build))
            return new("", $"needs the C launcher: ../shared/oracle beside the repository, or {FolderVariable}=FOLDER");
        if (Array.Find(["gcc", "ld", "setsid", "taskset"], tool => !IsThere(tool)) is { } missing)
            return new("", $"needs {missing}");
        var folder = Directory.CreateTempSubdirectory("lguest-oracle").FullName;
        using var process = Process.Start(new ProcessStartInfo("bash", [build, folder]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode == 0)
            return new(folder, null);
        Directory.Delete(folder, recursive: true);
        throw new InvalidOperationException($"{build} failed:\n{output.Result}{errors}");
    }

    public void Dispose()
    {
        if (Folder.Length > 0)
            Directory.Delete(Folder, recursive: true);
    }

    private static string RepositoryRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "LguestPlug.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("this runs inside the repository");
        return folder.FullName;
    }

    private static bool IsThere(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, tool)));
}
