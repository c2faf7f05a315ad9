// SPDX-License-Identifier: GPL-2.0-or-later
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LguestPlug.Emulator.Tests.Fpu;

/// <summary>Runs cases on the processor of this machine, by a program that gcc makes from x87host.c.</summary>
internal static class X87Host
{
    /// <summary>The folder of these sources, where the program's source and the recorded cases are.</summary>
    public static string SourceFolder([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;

    /// <summary>Why there is no comparison on this machine, or null.</summary>
    public static string? Obstacle()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            return "the x87 of the processor is only reachable on x86-64 Linux";
        }

        // Other makers' processors differ in what Intel leaves undefined.
        if (!File.ReadAllText("/proc/cpuinfo").Contains("GenuineIntel", StringComparison.Ordinal))
        {
            return "this is not an Intel processor";
        }

        try
        {
            return Run("gcc", ["--version"], [], out _) == 0 ? null : "gcc does not run";
        }
        catch (Win32Exception)
        {
            return "there is no gcc";
        }
    }

    /// <summary>Runs cases; only to be called without an <see cref="Obstacle"/>.</summary>
    public static X87Result[] Run(ReadOnlySpan<X87Case> cases)
    {
        string folder = Directory.CreateTempSubdirectory("x87host").FullName;
        try
        {
            string program = Path.Combine(folder, "x87host");
            int status = Run(
                "gcc", ["-O1", "-Wall", "-o", program, Path.Combine(SourceFolder(), "x87host.c")], [], out _);
            Assert.Equal(0, status);
            status = Run(program, [], MemoryMarshal.AsBytes(cases).ToArray(), out byte[] output);
            Assert.Equal(0, status);
            X87Result[] results = MemoryMarshal.Cast<byte, X87Result>(output).ToArray();
            Assert.Equal(cases.Length, results.Length);
            return results;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int Run(string program, string[] arguments, byte[] input, out byte[] output)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        Task feeding = Task.Run(() =>
        {
            using Stream stream = process.StandardInput.BaseStream;
            stream.Write(input);
        });
        using MemoryStream collected = new();
        process.StandardOutput.BaseStream.CopyTo(collected);
        feeding.GetAwaiter().GetResult();
        process.WaitForExit();
        output = collected.ToArray();
        return process.ExitCode;
    }
}
