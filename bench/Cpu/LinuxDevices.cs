// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace LguestPlug.Bench.Cpu;

/// <summary>How fast our Linux guest reads its disk, and how soon the host answers it.</summary>
internal static partial class LinuxDevices
{
    private const int DiskMegabytes = 256;

    // Between pings 20 ms apart everything has gone to sleep and caches have been emptied; between those 1 ms apart, hardly.
    private static readonly (string Interval, int Count)[] s_paces = [("0.02", 100), ("0.001", 300)];

    /// <summary>Runs the rounds and prints a line for each figure.</summary>
    /// <param name="guest">The Linux.</param>
    /// <param name="rounds">How often.</param>
    /// <param name="withDisk">Read a disk.</param>
    /// <param name="withPing">Ping the host.</param>
    /// <param name="output">Where the figures go.</param>
    /// <param name="progress">Where is told what runs.</param>
    /// <exception cref="BenchException">A guest ended early.</exception>
    public static void Run(LinuxGuest guest, int rounds, bool withDisk, bool withPing, TextWriter output, TextWriter progress)
    {
        if (withPing && WhyNoNetwork() is { } reason)
        {
            output.WriteLine($"without ping: {reason}");
            withPing = false;
        }
        if (!withDisk && !withPing)
            return;
        var script = "echo up\n"
            + (withDisk ? "echo begin disk; dd if=/dev/vda of=/dev/null bs=1M 2>/dev/null; echo end disk\n" : "")
            + (withPing ? "ifconfig eth0 192.168.19.2 up; ping -c 3 192.168.19.1 >/dev/null\n" : "")
            + (withPing ? string.Concat(s_paces.Select(p => $"echo pace {p.Interval}; ping -c {p.Count} -i {p.Interval} 192.168.19.1\n")) : "")
            + "echo done\n";
        var rates = new List<double>();
        var pings = s_paces.ToDictionary(p => p.Interval, _ => new List<double>());
        var disk = Path.GetTempFileName();
        try
        {
            // Written now, so in the page cache, and not sparse.
            var content = new byte[DiskMegabytes << 20];
            Array.Fill(content, (byte)0x5a);
            File.WriteAllBytes(disk, content);
            for (var round = 1; round <= rounds; round++)
            {
                progress.WriteLine($"round {round}/{rounds}: Linux, devices");
                string[] card = withPing ? ["--tunnet=192.168.19.1"] : [];
                var lines = LinuxGuest.ReadToDone(InNamespace(guest.Lguest(script, LinuxGuest.Memory, [.. card, "--block=" + disk]), withPing));
                if (withDisk)
                    rates.Add(DiskMegabytes * 1.048576e3 / LinuxGuest.Times(lines).Single(t => t.Name == "disk").Milliseconds);
                var pace = "";
                foreach (var line in lines)
                {
                    if (line.Text.StartsWith("pace ", StringComparison.Ordinal))
                        pace = line.Text[5..];
                    else if (PingLine().Match(line.Text) is { Success: true } ping)
                        pings[pace].Add(double.Parse(ping.Groups[1].Value, CultureInfo.InvariantCulture));
                }
            }
        }
        finally
        {
            File.Delete(disk);
        }
        if (withDisk)
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"sequential read of a disk in the host's page cache: {Statistics.Median(rates):0} MB/s"));
        foreach (var (interval, times) in pings.Where(p => p.Value.Count > 0))
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture,
                $"ping to the host every {interval} s, median of {times.Count}, by the guest's clock: {Statistics.Median(times):0.000} ms"));
        }
    }

    /// <summary>In a network namespace of its own, where a tap disturbs nobody.</summary>
    private static ProcessStartInfo InNamespace(ProcessStartInfo plain, bool withCard) =>
        withCard ? new("unshare", ["--net", "--", plain.FileName, .. plain.ArgumentList]) : plain;

    private static string? WhyNoNetwork() =>
        !Environment.IsPrivilegedProcess ? "it needs root for a tap interface" : !File.Exists("/dev/net/tun") ? "it needs /dev/net/tun" : null;

    [GeneratedRegex("seq=.* time=([0-9.]+) ms")]
    private static partial Regex PingLine();
}
