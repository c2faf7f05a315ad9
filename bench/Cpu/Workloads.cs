// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Globalization;

namespace LguestPlug.Bench.Cpu;

/// <summary>Runs the freestanding workloads on all machines in turn and compares them.</summary>
internal sealed class Workloads(IReadOnlyList<Machine> machines, TextWriter output, TextWriter progress)
{
    private static readonly string[] s_groups = ["hot", "stress", "wide", "system"];

    /// <summary>Runs and prints one table.</summary>
    /// <returns>True when every checksum was the same everywhere and every time.</returns>
    /// <exception cref="BenchException">A guest ended early, or nothing has the given name.</exception>
    public bool Run(int rounds, IReadOnlyCollection<string> only, int divide)
    {
        var present = machines.Where(m => m.Missing is null).ToList();
        var samples = present.ToDictionary(m => m, _ => new List<Sample>());
        for (var round = 1; round <= rounds; round++)
        {
            foreach (var machine in present)
            {
                progress.WriteLine($"round {round}/{rounds}: {machine.Name}");
                samples[machine].AddRange(GuestRun.Refine(GuestRun.Run(machine, only, divide)));
            }
        }
        var names = samples.Values.SelectMany(all => all.Select(s => s.Name)).Distinct().ToList();
        if (names.Count == 0)
            throw new BenchException($"no workload or group is called {string.Join(", ", only)}");
        var times = present.ToDictionary(m => m, m => samples[m].GroupBy(s => s.Name)
            .ToDictionary(g => g.Key, g => Statistics.Median(g.Select(s => s.Time.TotalMilliseconds))));
        var checksums = samples.Values.SelectMany(all => all).ToLookup(s => s.Name, s => s.Checksum);

        var (ours, others) = (present[0], present.Skip(1).ToList());
        var table = new TextTable(["workload", .. present.Select(m => m.Name + " ms"), .. others.Select(m => "/" + m.Name), "checksum"]);
        foreach (var group in names.GroupBy(GroupOf).OrderBy(g => Array.IndexOf(s_groups, g.Key)))
        {
            foreach (var name in group)
            {
                table.Add([name, .. present.Select(m => Milliseconds(times[m], name)), .. others.Select(m => Format(Ratio(times, ours, m, name))),
                    checksums[name].Distinct().Count() == 1 ? checksums[name].First() : "DIFFERS: " + string.Join(' ', checksums[name].Distinct())]);
            }
            table.Add([$"{group.Key} (geometric mean)", .. present.Select(_ => ""), .. others.Select(m => Mean(times, ours, m, group)), ""]);
        }
        table.Write(output);
        foreach (var machine in machines.Where(m => m.Missing is not null))
            output.WriteLine($"without {machine.Name}: {machine.Missing}");
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"medians of {rounds} rounds in turn, by the host's clock (below 10 ms by the guest's); the guests' clocks differ from it by at most {string.Join(", ", present.Select(m => $"{m.Name} {GuestRun.ClockError(samples[m]):0.0%}"))}"));
        var agree = names.All(name => checksums[name].Distinct().Count() == 1);
        output.WriteLine(agree ? "all checksums agree" : "CHECKSUMS DIFFER");
        return agree;
    }

    /// <summary>The version lines of what is compared with, for the record.</summary>
    public static string DescribeHost() =>
        $"{Environment.ProcessorCount} processors, load {File.ReadAllText("/proc/loadavg").Split(' ')[0]}, .NET {Environment.Version}, {FirstLine(Machine.QemuCommand)}, node {FirstLine("node")}";

    private static string FirstLine(string command)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(command, "--version") { RedirectStandardOutput = true })!;
            var text = process.StandardOutput.ReadToEnd();
            return text.Split('\n')[0];
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return "(none)";
        }
    }

    private static string GroupOf(string name) => name switch
    {
        "tlb" or "rep" => "stress",
        "calls" or "faults" or "spaces" => "system",
        "wide-cold" or "wide-warm" => "wide",
        _ => "hot",
    };

    private static double? Ratio(Dictionary<Machine, Dictionary<string, double>> times, Machine ours, Machine other, string name) =>
        times[ours].TryGetValue(name, out var a) && times[other].TryGetValue(name, out var b) ? a / b : null;

    private static string Mean(Dictionary<Machine, Dictionary<string, double>> times, Machine ours, Machine other, IEnumerable<string> names)
    {
        var ratios = names.Select(name => Ratio(times, ours, other, name)).OfType<double>().ToList();
        return ratios.Count == 0 ? "" : Format(Statistics.GeometricMean(ratios));
    }

    private static string Milliseconds(Dictionary<string, double> times, string name) =>
        times.TryGetValue(name, out var value) ? value.ToString("0.0", CultureInfo.InvariantCulture) : "";

    private static string Format(double? ratio) => ratio?.ToString("0.000", CultureInfo.InvariantCulture) ?? "";
}
