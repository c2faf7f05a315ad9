// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace LguestPlug.Bench.Cpu;

/// <summary>
/// One Linux kernel with one initial RAM disk, as an lguest guest and as a PC under QEMU: what its user waits for. Then what only our
/// guest has: its disk and its network card.
/// </summary>
/// <param name="kernel">A bzImage with lguest's guest support, a virtio console, disk and network card, and the 8250's console.</param>
/// <param name="initrd">An initial RAM disk whose init runs the shell script that <c>lgtest.cmd=</c> holds in base64.</param>
/// <param name="options">Options for the launcher.</param>
/// <param name="withQemu">Whether to compare.</param>
internal sealed partial class LinuxPart(string kernel, string initrd, IReadOnlyList<string> options, bool withQemu)
{
    /// <summary>Names the kernel image.</summary>
    public const string KernelVariable = "LGUEST_BENCH_KERNEL";

    /// <summary>Names the initial RAM disk.</summary>
    public const string InitrdVariable = "LGUEST_BENCH_INITRD";

    private const string Launch = "launch to shell";
    private const string Memory = "128";
    private const int DiskMegabytes = 256;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    /// <summary>Checksums are taken after the time; gzip's header, which may hold a time of day, is left out.</summary>
    private const string Work = """
        echo up
        i=0; echo begin fork+exec; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done; echo end fork+exec; echo sum fork+exec $i
        i=0; echo begin shell loop; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo end shell loop; echo sum shell loop $i
        while cat /bin/busybox; do :; done 2>/dev/null | head -c 33554432 >/tmp/d
        echo begin gzip; gzip -c </tmp/d >/tmp/z; echo end gzip; echo sum gzip $(tail -c +11 /tmp/z | md5sum)
        echo begin sha256sum; s=$(sha256sum </tmp/d); echo end sha256sum; echo sum sha256sum $s
        echo done

        """;

    private const string Devices = """
        echo up
        echo begin disk; dd if=/dev/vda of=/dev/null bs=1M 2>/dev/null; echo end disk
        ifconfig eth0 192.168.19.2 up; ping -c 3 192.168.19.1 >/dev/null; ping -c 100 -i 0.02 192.168.19.1
        echo done

        """;

    /// <summary>Runs all in turn and prints the table.</summary>
    /// <returns>True when both computed the same.</returns>
    /// <exception cref="BenchException">A guest ended early.</exception>
    public bool Run(int rounds, TextWriter output, TextWriter progress)
    {
        var machines = new Dictionary<string, Func<string, ProcessStartInfo>> { ["lguest"] = Lguest };
        if (withQemu)
            machines["QEMU"] = Qemu;
        var times = machines.Keys.ToDictionary(m => m, _ => new List<(string Name, double Milliseconds)>());
        var sums = new List<(string Name, string Sum)>();
        var (rates, pings) = (new List<double>(), new List<double>());
        var disk = Path.GetTempFileName();
        try
        {
            // Written now, so in the page cache, and not sparse.
            var content = new byte[DiskMegabytes << 20];
            Array.Fill(content, (byte)0x5a);
            File.WriteAllBytes(disk, content);
            for (var round = 1; round <= rounds; round++)
            {
                foreach (var (name, start) in machines)
                {
                    progress.WriteLine($"round {round}/{rounds}: Linux, {name}");
                    var lines = ReadToDone(start(Encode(Work)));
                    times[name].AddRange(Times(lines));
                    sums.AddRange(lines.Select(l => SumLine().Match(l.Text)).Where(m => m.Success).Select(m => (m.Groups[1].Value, m.Groups[2].Value)));
                }
                progress.WriteLine($"round {round}/{rounds}: Linux, devices");
                var own = ReadToDone(WithDevices(Encode(Devices), disk));
                rates.Add(DiskMegabytes * 1.048576e3 / Times(own).Single(t => t.Name == "disk").Milliseconds);
                pings.AddRange(own.Select(l => PingLine().Match(l.Text)).Where(m => m.Success).Select(m => double.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture)));
            }
        }
        finally
        {
            File.Delete(disk);
        }
        var agree = Write(output, times, sums.ToLookup(s => s.Name, s => s.Sum));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"sequential read of a disk in the host's page cache: {Statistics.Median(rates):0} MB/s"));
        output.WriteLine(WhyNoNetwork() is { } reason ? $"without ping: {reason}"
            : string.Create(CultureInfo.InvariantCulture, $"ping to the host, median of {pings.Count}, by the guest's clock: {Statistics.Median(pings):0.000} ms"));
        return agree;
    }

    private static bool Write(TextWriter output, Dictionary<string, List<(string Name, double Milliseconds)>> times, ILookup<string, string> sums)
    {
        var medians = times.ToDictionary(m => m.Key, m => m.Value.GroupBy(t => t.Name).ToDictionary(g => g.Key, g => Statistics.Median(g.Select(t => t.Milliseconds))));
        var (ours, other) = (medians["lguest"], medians.GetValueOrDefault("QEMU"));
        var table = new TextTable(other is null ? ["Linux", "lguest ms", "checksum"] : ["Linux", "lguest ms", "QEMU ms", "/QEMU", "checksum"]);
        var agree = true;
        foreach (var (name, time) in ours)
        {
            var distinct = sums[name].Distinct().ToList();
            agree &= distinct.Count <= 1;
            var sum = distinct switch { [] => "", [var one] => one.Length > 8 ? one[..8] : one, _ => "DIFFERS: " + string.Join(' ', distinct) };
            string[] compared = other is null ? [] : [Number(other[name], "0"), Number(time / other[name], "0.000")];
            table.Add([name, Number(time, "0"), .. compared, sum]);
        }
        table.Write(output);
        return agree;
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private ProcessStartInfo Lguest(string script) =>
        new(Repository.Launcher, [.. options, $"--initrd={initrd}", Memory, kernel, "console=hvc0", "quiet", script]);

    private ProcessStartInfo Qemu(string script) => new(Machine.QemuCommand,
    [
        "-accel", "tcg", "-m", Memory, "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
        "-kernel", kernel, "-initrd", initrd, "-append", $"console=ttyS0 quiet {script}",
    ]);

    /// <summary>In a network namespace of its own, where a tap disturbs nobody; without a card where that is not to be had.</summary>
    private ProcessStartInfo WithDevices(string script, string disk)
    {
        string[] card = WhyNoNetwork() is null ? ["--tunnet=192.168.19.1"] : [];
        var plain = new ProcessStartInfo(Repository.Launcher,
            [.. options, "--block=" + disk, .. card, $"--initrd={initrd}", Memory, kernel, "console=hvc0", "quiet", script]);
        return card.Length == 0 ? plain : new("unshare", ["--net", "--", plain.FileName, .. plain.ArgumentList]);
    }

    private static string? WhyNoNetwork() =>
        !Environment.IsPrivilegedProcess ? "it needs root for a tap interface" : !File.Exists("/dev/net/tun") ? "it needs /dev/net/tun" : null;

    private static string Encode(string script) => "lgtest.cmd=" + Convert.ToBase64String(Encoding.ASCII.GetBytes(script.ReplaceLineEndings("\n")));

    private static List<TimedLine> ReadToDone(ProcessStartInfo start)
    {
        var (lines, errors) = TimedProcess.Run(start, line => line == "done", s_patience);
        return lines is [.., { Text: "done" }] ? lines
            : throw new BenchException($"Linux ended before it was done: {string.Join(" | ", lines.TakeLast(3).Select(l => l.Text))} {errors}");
    }

    private static List<(string Name, double Milliseconds)> Times(List<TimedLine> lines)
    {
        var times = new List<(string, double)>();
        var began = TimeSpan.Zero;
        foreach (var line in lines)
        {
            if (line.Text == "up")
                times.Add((Launch, line.At.TotalMilliseconds));
            else if (line.Text.StartsWith("begin ", StringComparison.Ordinal))
                began = line.At;
            else if (line.Text.StartsWith("end ", StringComparison.Ordinal))
                times.Add((line.Text[4..], (line.At - began).TotalMilliseconds));
        }
        return times;
    }

    [GeneratedRegex("^sum (.*) ([0-9a-f]+)(?:  ?-)?$")]
    private static partial Regex SumLine();

    [GeneratedRegex("seq=.* time=([0-9.]+) ms")]
    private static partial Regex PingLine();
}
