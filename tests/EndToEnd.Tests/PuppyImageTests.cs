// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Security.Cryptography;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>The committed image of puppy is what its sources make.</summary>
public sealed class PuppyImageTests : IDisposable
{
    private static readonly string s_folder = Path.GetDirectoryName(LguestProcess.Puppy)!;
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    /// <summary>First line: the compiler. Then a SHA-256 and a file name each.</summary>
    private static string[] BuiltFrom => File.ReadAllLines(Path.Combine(s_folder, "puppy.built"));

    [Fact]
    public void It_was_built_from_these_sources()
    {
        var recorded = BuiltFrom[1..].Select(line => line.Split("  ")).ToDictionary(words => words[1], words => words[0]);
        var present = Directory.GetFiles(s_folder).Select(path => Path.GetFileName(path)!)
            .Where(name => Path.GetExtension(name) is ".c" or ".h" or ".S" or ".ld" || name is "build.sh" or "puppy")
            .ToDictionary(name => name, name => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(s_folder, name)))));
        Assert.Equal(recorded.OrderBy(file => file.Key, StringComparer.Ordinal), present.OrderBy(file => file.Key, StringComparer.Ordinal));
    }

    [Fact]
    public void The_same_compiler_makes_the_same_image_again()
    {
        var compiler = BuiltFrom[0];
        var (found, version) = Run("sh", "-c", "gcc --version | head -n 1");
        Assert.SkipUnless(found == 0 && version.Trim() == compiler, $"there is no '{compiler}'");
        Assert.SkipUnless(Run("sh", "-c", "echo 'int f;' | gcc -m32 -xc -c -o /dev/null -").ExitCode == 0, "gcc cannot compile for i386");
        var image = Path.Combine(_scratch.Folder, "puppy");
        var (code, output) = Run(Path.Combine(s_folder, "build.sh"), image);
        Assert.True(code == 0, output);
        Assert.True(File.ReadAllBytes(LguestProcess.Puppy).AsSpan().SequenceEqual(File.ReadAllBytes(image)), "run guests/puppy/build.sh and commit the image");
    }

    private static (int ExitCode, string Output) Run(string command, params string[] arguments)
    {
        var start = new ProcessStartInfo(command, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }
}
