// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Text;

namespace LguestPlug.Bench.Cpu;

/// <summary>One Linux kernel with one initial RAM disk, which runs a shell script: as an lguest guest or as a PC under QEMU.</summary>
/// <param name="kernel">A bzImage with lguest's guest support, a virtio console, disk and network card, and the 8250's console.</param>
/// <param name="initrd">An initial RAM disk whose init runs the shell script that <c>lgtest.cmd=</c> holds in base64.</param>
/// <param name="options">Options for the launcher.</param>
internal sealed class LinuxGuest(string kernel, string initrd, IReadOnlyList<string> options)
{
    /// <summary>What a script prints once the shell runs.</summary>
    public const string Launched = "launch to shell";

    /// <summary>Megabytes of memory where nothing else is asked for.</summary>
    public const int Memory = 128;

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    /// <summary>As a guest of ours.</summary>
    /// <param name="script">What it runs: "up", then "begin NAME" and "end NAME" around what is timed, then "done".</param>
    /// <param name="megabytes">Its memory.</param>
    /// <param name="devices">Options that give it devices.</param>
    public ProcessStartInfo Lguest(string script, int megabytes = Memory, params IEnumerable<string> devices) =>
        new(Repository.Launcher, [.. options, .. devices, $"--initrd={initrd}", $"{megabytes}", kernel, "console=hvc0", "quiet", Encode(script)]);

    /// <summary>As a PC.</summary>
    public ProcessStartInfo Qemu(string script) => new(Machine.QemuCommand,
    [
        "-accel", "tcg", "-m", $"{Memory}", "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
        "-kernel", kernel, "-initrd", initrd, "-append", $"console=ttyS0 quiet {Encode(script)}",
    ]);

    /// <summary>Runs a guest until it says "done".</summary>
    /// <param name="start">What to run.</param>
    /// <param name="onLine">Called with each line as it comes, while the guest runs.</param>
    /// <exception cref="BenchException">It ended early, or took too long.</exception>
    public static List<TimedLine> ReadToDone(ProcessStartInfo start, Action<Process, string>? onLine = null)
    {
        var (lines, errors) = TimedProcess.Run(start, (process, line) =>
        {
            onLine?.Invoke(process, line);
            return line == "done";
        }, s_patience);
        return lines is [.., { Text: "done" }] ? lines
            : throw new BenchException($"Linux ended before it was done: {string.Join(" | ", lines.TakeLast(3).Select(l => l.Text))} {errors}");
    }

    /// <summary>What took how long.</summary>
    public static List<(string Name, double Milliseconds)> Times(IEnumerable<TimedLine> lines)
    {
        var times = new List<(string, double)>();
        var began = TimeSpan.Zero;
        foreach (var line in lines)
        {
            if (line.Text == "up")
                times.Add((Launched, line.At.TotalMilliseconds));
            else if (line.Text.StartsWith("begin ", StringComparison.Ordinal))
                began = line.At;
            else if (line.Text.StartsWith("end ", StringComparison.Ordinal))
                times.Add((line.Text[4..], (line.At - began).TotalMilliseconds));
        }
        return times;
    }

    private static string Encode(string script) => "lgtest.cmd=" + Convert.ToBase64String(Encoding.ASCII.GetBytes(script.ReplaceLineEndings("\n")));
}
