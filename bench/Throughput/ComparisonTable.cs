// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.Text;

namespace LguestPlug.Bench.Throughput;

/// <summary>The comparison as a table of medians, ours first, then the C program's.</summary>
internal static class ComparisonTable
{
    private static readonly CompositeFormat s_row = CompositeFormat.Parse(
        "{0,-5} {1,6} {2,6} {3,5} {4,-8} {5,11} {6,11} {7,6} {8,6} {9,6} {10,6} {11,7} {12,7} {13,7} {14,7} {15,6} {16,6} {17,6}");

    /// <summary>No object is smaller than 24 bytes: less than this is the runtime's own doing now and then, not a request's.</summary>
    private const double AllocationTolerance = 0.01;

    /// <returns>False when there was a stall, an error, or memory allocated for a request.</returns>
    public static bool Write(IEnumerable<(Operation Operation, IReadOnlyList<Comparison.Pair> Pairs)> results, TextWriter output)
    {
        var ratios = new List<double>();
        var cpuRatios = new List<double>();
        var faultless = true;
        WriteRow("op", "bytes", "piece", "depth", "layout", "ours/s", "C/s", "ratio", "ns", "C", "ratio", "kicks", "C", "irqs", "C", "stalls", "errors", "B/req");
        foreach (var (operation, pairs) in results)
        {
            double Ours(Func<Measurement, double> value) => Median(pairs.Select(p => value(p.Ours)));
            double Theirs(Func<Measurement, double> value) => Median(pairs.Select(p => value(p.Theirs)));
            var ratio = Median(pairs.Select(p => p.Ours.RequestsPerSecond / p.Theirs.RequestsPerSecond));
            var cpuRatio = Median(pairs.Select(p => p.Theirs.CpuPerRequest / p.Ours.CpuPerRequest));
            var stalls = pairs.Sum(p => p.Ours.Stalls);
            var errors = pairs.Sum(p => p.Ours.Errors);
            var allocated = pairs.Sum(p => p.Ours.AllocatedBytes) / (double)pairs.Sum(p => p.Ours.Requests);
            ratios.Add(ratio);
            cpuRatios.Add(cpuRatio);
            faultless &= stalls == 0 && errors == 0 && allocated < AllocationTolerance;
            WriteRow(
                operation.Kind, operation.Size, operation.Segment, operation.Depth, operation.Indirect ? "indirect" : "direct",
                Rate(Ours(m => m.RequestsPerSecond)), Rate(Theirs(m => m.RequestsPerSecond)), $"{ratio:F2}",
                $"{Ours(m => m.CpuPerRequest):F0}", $"{Theirs(m => m.CpuPerRequest):F0}", $"{cpuRatio:F2}",
                $"{Ours(m => m.KicksPerRequest):F4}", $"{Theirs(m => m.KicksPerRequest):F4}",
                $"{Ours(m => m.InterruptsPerRequest):F4}", $"{Theirs(m => m.InterruptsPerRequest):F4}",
                stalls, errors, $"{allocated:F2}");
        }
        WriteSummary("requests per second", ratios);
        WriteSummary("CPU time per request", cpuRatios);
        return faultless;

        void WriteSummary(string what, List<double> all) =>
            output.WriteLine($"{what}: geometric mean {Math.Exp(all.Average(Math.Log)):F3}, lowest {all.Min():F2}");

        void WriteRow(params object[] cells) => output.WriteLine(string.Format(CultureInfo.InvariantCulture, s_row, cells).TrimEnd());
    }

    private static string Rate(double perSecond) => perSecond.ToString("N0", CultureInfo.InvariantCulture);

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
