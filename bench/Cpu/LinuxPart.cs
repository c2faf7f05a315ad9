// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace LguestPlug.Bench.Cpu;

/// <summary>Linux as an lguest guest and as a PC under QEMU: what its user waits for.</summary>
/// <param name="guest">The Linux.</param>
/// <param name="withQemu">Whether to compare.</param>
internal sealed partial class LinuxPart(LinuxGuest guest, bool withQemu)
{
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

    /// <summary>Runs all in turn and prints the table.</summary>
    /// <returns>True when both computed the same.</returns>
    /// <exception cref="BenchException">A guest ended early.</exception>
    public bool Run(int rounds, TextWriter output, TextWriter progress)
    {
        var machines = new Dictionary<string, Func<ProcessStartInfo>> { ["lguest"] = () => guest.Lguest(Work) };
        if (withQemu)
            machines["QEMU"] = () => guest.Qemu(Work);
        var times = machines.Keys.ToDictionary(m => m, _ => new List<(string Name, double Milliseconds)>());
        var sums = new List<(string Name, string Sum)>();
        for (var round = 1; round <= rounds; round++)
        {
            foreach (var (name, start) in machines)
            {
                progress.WriteLine($"round {round}/{rounds}: Linux, {name}");
                var lines = LinuxGuest.ReadToDone(start());
                times[name].AddRange(LinuxGuest.Times(lines));
                sums.AddRange(lines.Select(l => SumLine().Match(l.Text)).Where(m => m.Success).Select(m => (m.Groups[1].Value, m.Groups[2].Value)));
            }
        }
        return Write(output, times, sums.ToLookup(s => s.Name, s => s.Sum));
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

    [GeneratedRegex("^sum (.*) ([0-9a-f]+)(?:  ?-)?$")]
    private static partial Regex SumLine();
}
