// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Text;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>Runs a probe in the real <c>lguest</c> command, in a folder of its own, as the recordings were made.</summary>
internal static class AbiProbeRun
{
    // Probes were timed on another machine; only a guest that must hang is stopped as soon as that.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Guests print bytes, not text.</summary>
    public static Encoding OutputEncoding => Encoding.Latin1;

    /// <summary>Runs the probe and returns its output's lines, the last of them "[rc=N]" or "[timeout: killed after Ns]".</summary>
    public static string[] Run(AbiProbe probe)
    {
        string folder = Directory.CreateTempSubdirectory("abi-probe-").FullName;
        try
        {
            string image = probe.Arguments.Single(argument => argument.EndsWith(".elf", StringComparison.Ordinal));
            Copy("blk.img");
            Copy(image);
            string ending = Launch(probe, folder);
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

    private static string Launch(AbiProbe probe, string folder)
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
            start.ArgumentList.Add(argument);
        }

        TimeSpan limit = probe.Hangs || probe.RepeatsForEver ? probe.Limit + TimeSpan.FromSeconds(1) : Patience;
        using Process process = Process.Start(start)!;
        if (process.WaitForExit(limit))
        {
            return $"[rc={process.ExitCode}]";
        }

        process.Kill(true);
        process.WaitForExit();
        return $"[timeout: killed after {probe.Limit.TotalSeconds}s]";
    }

    // The Host's own output folder has the plugins beside the executable; ours has not.
    private static string FindLauncher()
    {
        string? given = Environment.GetEnvironmentVariable("LGUEST_EXECUTABLE");
        return string.IsNullOrEmpty(given) ? LguestProcess.Executable : given;
    }
}
