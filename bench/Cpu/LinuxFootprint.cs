// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Globalization;

namespace LguestPlug.Bench.Cpu;

/// <summary>What an lguest process with a Linux in it costs while nobody uses the guest: memory, and time of the processors.</summary>
internal static class LinuxFootprint
{
    private const int Megabytes = 64;
    private const double BytesPerMegabyte = 1e6;
    private static readonly TimeSpan s_settling = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_idling = TimeSpan.FromSeconds(10);

    /// <summary>The shell waits for a line, twice: as the guest came up, and when a disk twice its memory has been through its page cache.</summary>
    private const string Script = """
        echo up
        read line
        cat /dev/vda >/dev/null
        echo filled
        read line
        echo done

        """;

    /// <summary>Measures once and prints a line for each figure.</summary>
    /// <exception cref="BenchException">The guest ended early.</exception>
    public static void Run(LinuxGuest guest, TextWriter output, TextWriter progress)
    {
        progress.WriteLine("Linux, memory and idling");
        var disk = Path.GetTempFileName();
        try
        {
            using (var file = File.OpenWrite(disk))
                file.SetLength(2 * Megabytes << 20);
            LinuxGuest.ReadToDone(guest.Lguest(Script, Megabytes, "--block=" + disk), (process, line) =>
            {
                if (line is not ("up" or "filled"))
                    return;
                Thread.Sleep(s_settling);
                var (resident, proportional) = Memory(process);
                output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                    $"memory of the process with a guest of {Megabytes} MiB {(line == "up" ? "at its shell" : "that has used all of it")}: RSS {resident:0.0} MB, PSS {proportional:0.0} MB"));
                if (line == "up")
                    output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"idle at its shell: {Idle(process):0} ms of processor time in {s_idling.TotalSeconds:0} s"));
                process.StandardInput.WriteLine();
            });
        }
        finally
        {
            File.Delete(disk);
        }
    }

    private static (double Resident, double Proportional) Memory(Process process)
    {
        var sizes = File.ReadLines($"/proc/{process.Id}/smaps_rollup").Select(l => l.Split(' ', StringSplitOptions.RemoveEmptyEntries)).ToList();
        double Of(string name) => double.Parse(sizes.Single(s => s[0] == name)[1], CultureInfo.InvariantCulture) * 1024 / BytesPerMegabyte;
        return (Of("Rss:"), Of("Pss:"));
    }

    private static double Idle(Process process)
    {
        process.Refresh();
        var before = process.TotalProcessorTime;
        Thread.Sleep(s_idling);
        process.Refresh();
        return (process.TotalProcessorTime - before).TotalMilliseconds;
    }
}
