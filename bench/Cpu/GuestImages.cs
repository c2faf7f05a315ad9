// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;

namespace LguestPlug.Bench.Cpu;

/// <summary>Where a built image runs.</summary>
internal enum Platform
{
    /// <summary>As an lguest guest.</summary>
    Lguest,

    /// <summary>As a multiboot kernel on a PC.</summary>
    Pc,

    /// <summary>As a process of this machine.</summary>
    Native,
}

/// <summary>Builds the workloads for each platform, from the same sources with the same options; what is built already stays.</summary>
internal sealed class GuestImages
{
    private const int WideParts = 8;

    private static readonly string[] s_options =
    [
        "-m32", "-march=i686", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-nostdlib", "-mno-sse", "-mno-mmx",
        "-fno-pic", "-fno-pie", "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-fcf-protection=none", "-fno-strict-aliasing",
        "-fno-tree-loop-distribute-patterns", "-fno-common", "-fno-delete-null-pointer-checks",
        // Generated names need no declaration first, and generated code may ignore a value.
        "-Wno-missing-prototypes", "-Wno-self-assign",
    ];

    private readonly string _sources;
    private readonly string _puppy;
    private readonly string _folder;

    private GuestImages(string folder)
    {
        _sources = Path.Combine(Repository.Root, "bench", "Cpu", "guest");
        _puppy = Path.Combine(Repository.Root, "guests", "puppy");
        _folder = folder;
    }

    /// <summary>Why nothing can be built here, or null.</summary>
    public static string? WhyNot()
    {
        try
        {
            return Run("sh", ["-c", "echo 'int f;' | gcc -m32 -xc -c -o /dev/null -"]).ExitCode == 0 ? null : "needs gcc that can compile for i386 (gcc -m32)";
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "needs a shell and gcc";
        }
    }

    /// <summary>Builds what is out of date into the folder; answers the image's path for each platform.</summary>
    /// <exception cref="BenchException">The compiler is missing or refuses.</exception>
    public static IReadOnlyDictionary<Platform, string> Build(string folder)
    {
        if (WhyNot() is { } reason)
            throw new BenchException($"the workloads cannot be built: {reason}");
        return new GuestImages(folder).Build();
    }

    private Dictionary<Platform, string> Build()
    {
        Directory.CreateDirectory(_folder);
        var images = Enum.GetValues<Platform>().ToDictionary(p => p, p => Path.Combine(_folder, "bench-" + NameOf(p)));
        var stamp = Path.Combine(_folder, "built");
        var inputs = Inputs();
        if (images.Values.All(File.Exists) && File.Exists(stamp) && File.ReadAllText(stamp) == inputs)
            return images;
        File.Delete(stamp);
        var common = Compile("common", [
            .. In(_sources, "main.c", "hot.c", "wide.c"), .. In(_puppy, "string.c", "print.c", "workloads.c", "boot.c"), .. Generated()]);
        foreach (var (platform, image) in images)
        {
            var own = Path.Combine(_sources, NameOf(platform));
            // The PC's header must be near the start of the file.
            var objects = Compile(NameOf(platform), platform switch
            {
                Platform.Lguest => [.. In(own, "platform.S", "platform.c"), .. In(_sources, "kernel.S", "kernel.c", "system.c"), .. In(_puppy, "hypercall.c")],
                Platform.Pc => [.. In(own, "platform.S", "platform.c"), .. In(_sources, "kernel.S", "kernel.c", "system.c")],
                _ => In(own, "platform.c"),
            }, own);
            string[] layout = platform == Platform.Native ? [] : ["-Wl,-T," + Path.Combine(_puppy, "puppy.ld")];
            Gcc(["-m32", "-nostdlib", "-static", "-no-pie", "-Wl,-m,elf_i386", "-Wl,--build-id=none", "-Wl,-z,noexecstack", "-Wl,-z,max-page-size=4096",
                "-Wl,--no-warn-rwx-segments", .. layout, "-o", image, .. objects, .. common]);
        }
        File.WriteAllText(stamp, inputs);
        return images;
    }

    private static string NameOf(Platform platform) => platform.ToString().ToLowerInvariant();

    private static string[] In(string folder, params string[] names) => [.. names.Select(name => Path.Combine(folder, name))];

    /// <summary>What the images depend on.</summary>
    private string Inputs()
    {
        var text = new StringBuilder(Run("gcc", ["--version"]).Output).AppendJoin(' ', s_options).AppendLine();
        foreach (var file in Directory.EnumerateFiles(_sources, "*", SearchOption.AllDirectories).Concat(Directory.EnumerateFiles(_puppy)).Order(StringComparer.Ordinal))
            text.AppendLine($"{Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))} {file}");
        foreach (var generated in WideCode.Files(WideParts))
            text.AppendLine(Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(generated))));
        return text.ToString();
    }

    private string[] Generated()
    {
        var number = 0;
        return [.. WideCode.Files(WideParts).Select(text =>
        {
            var path = Path.Combine(_folder, $"wide{number++}.c");
            File.WriteAllText(path, text);
            return path;
        })];
    }

    private string[] Compile(string group, string[] sources, string? ownHeaders = null)
    {
        var objects = sources.Select(source => Path.Combine(_folder, $"{group}-{Path.GetFileName(source)}.o")).ToArray();
        string[] headers = ["-I" + _sources, "-I" + _puppy, .. ownHeaders is null ? Array.Empty<string>() : ["-I" + ownHeaders]];
        Parallel.For(0, sources.Length, i => Gcc([.. s_options, .. headers, "-c", sources[i], "-o", objects[i]]));
        return objects;
    }

    private static void Gcc(string[] arguments)
    {
        var (code, output) = Run("gcc", arguments);
        if (code != 0)
            throw new BenchException($"gcc: {output.Trim().Split('\n').FirstOrDefault(line => line.Contains("error", StringComparison.Ordinal), "failed")}");
    }

    private static (int ExitCode, string Output) Run(string command, string[] arguments)
    {
        var start = new ProcessStartInfo(command, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }
}
