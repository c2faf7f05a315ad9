// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Text;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>Runs a probe in the real <c>lguest</c> command, in a folder of its own, as the recordings were made.</summary>
internal static class AbiProbeRun
{
    // Probes were timed on another machine, and this one may be busy: nothing that is to happen is given up sooner.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Guests print bytes, not text.</summary>
    public static Encoding OutputEncoding => Encoding.Latin1;

    /// <summary>Runs the probe and returns its output's lines, the last of them "[rc=N]" or "[timeout: killed after Ns]".</summary>
    /// <param name="probe">The probe.</param>
    /// <param name="expected">The lines it is to give: a guest that never ends is stopped some time after it has given as many.</param>
    public static string[] Run(AbiProbe probe, string[] expected)
    {
        string folder = Directory.CreateTempSubdirectory("abi-probe-").FullName;
        try
        {
            string image = probe.Arguments.Single(argument => argument.EndsWith(".elf", StringComparison.Ordinal));
            Copy("blk.img");
            Copy(image);
            string ending = Launch(probe, expected, folder);
            string output = File.ReadAllText(Path.Combine(folder, "output"), OutputEncoding);
            return SplitLines(output + (output.Length == 0 || output.EndsWith('\n') ? "" : "\n") + ending);
        }
        finally
        {
            Directory.Delete(folder, true);
        }

        // A plain copy would be read-only like its source.
        void Copy(string name) => File.WriteAllBytes(Path.Combine(folder, name), File.ReadAllBytes(Path.Combine(probe.Folder, "bin", name)));
    }

    /// <summary>The lines of an output; a text that ends in a line feed, as the module's "Bad hypercall" does, makes no empty last line.</summary>
    public static string[] SplitLines(string output) =>
        output.Replace("\n\n[", "\n[", StringComparison.Ordinal).TrimEnd('\n').Split('\n');

    private static string Launch(AbiProbe probe, string[] expected, string folder)
    {
        ProcessStartInfo start = new("/bin/sh") { WorkingDirectory = folder };
        start.ArgumentList.Add("-c");
        start.ArgumentList.Add("exec \"$@\" </dev/null >output 2>&1");
        start.ArgumentList.Add("sh");
        if (probe.NeedsTap)
        {
            // The tap gets an address of its own; the machine's network is none of our business.
            start.ArgumentList.Add("unshare");
            start.ArgumentList.Add(Environment.UserName == "root" ? "-n" : "-rn");
        }

        start.ArgumentList.Add(FindLauncher());
        start.ArgumentList.Add("--engine=soft");
        foreach (string argument in probe.Arguments)
        {
            // One file is two disks in some of them, which the C launcher does not mind.
            const string Disk = "--block=";
            start.ArgumentList.Add(argument.StartsWith(Disk, StringComparison.Ordinal) ? $"--device=block,{argument[Disk.Length..]},share=on" : argument);
        }

        using Process process = Process.Start(start)!;
        bool ends = expected[^1].StartsWith("[rc=", StringComparison.Ordinal);
        bool hasEnded = ends ? process.WaitForExit(Patience) : GivesAndEnds(process, Path.Combine(folder, "output"), expected.Length - 1) || process.WaitForExit(probe.Limit);
        if (hasEnded)
        {
            return $"[rc={process.ExitCode}]";
        }

        process.Kill(true);
        process.WaitForExit();
        return $"[timeout: killed after {probe.Limit.TotalSeconds}s]";
    }

    /// <summary>Waits until the output has so many lines, or the process has ended, which is what it answers.</summary>
    private static bool GivesAndEnds(Process process, string output, int lines)
    {
        Stopwatch clock = Stopwatch.StartNew();
        while (!process.HasExited && clock.Elapsed < Patience)
        {
            if (File.Exists(output) && File.ReadAllText(output, OutputEncoding).Count(c => c == '\n') >= lines)
            {
                return false;
            }

            Thread.Sleep(10);
        }

        return process.HasExited;
    }

    // The Host's own output folder has the plugins beside the executable; ours has not.
    private static string FindLauncher()
    {
        string? given = Environment.GetEnvironmentVariable("LGUEST_EXECUTABLE");
        return string.IsNullOrEmpty(given) ? LguestProcess.Executable : given;
    }
}
