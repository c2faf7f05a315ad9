// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.Text;

namespace LguestPlug.Bench.Throughput;

/// <summary>The comparison as a table of medians, ours first, then the C program's.</summary>
internal static class ComparisonTable
{
    private static readonly CompositeFormat s_row = CompositeFormat.Parse(
        "{0,-5} {1,6} {2,6} {3,5} {4,-8} {5,11} {6,11} {7,6} {8,8} {9,8} {10,8} {11,8} {12,6} {13,6} {14,8}");

    /// <returns>False when there was a stall, an error, or memory allocated for a request.</returns>
    public static bool Write(IEnumerable<(Operation Operation, IReadOnlyList<Comparison.Pair> Pairs)> results, TextWriter output)
    {
        var ratios = new List<double>();
        var faultless = true;
        WriteRow("op", "bytes", "piece", "depth", "layout", "ours/s", "C/s", "ratio", "kicks", "C", "irqs", "C", "stalls", "errors", "B/req");
        foreach (var (operation, pairs) in results)
        {
            double Ours(Func<Measurement, double> value) => Median(pairs.Select(p => value(p.Ours)));
            double Theirs(Func<Measurement, double> value) => Median(pairs.Select(p => value(p.Theirs)));
            var ratio = Median(pairs.Select(p => p.Ours.RequestsPerSecond / p.Theirs.RequestsPerSecond));
            var stalls = pairs.Sum(p => p.Ours.Stalls);
            var errors = pairs.Sum(p => p.Ours.Errors);
            var allocated = pairs.Sum(p => p.Ours.AllocatedBytes) / (double)pairs.Sum(p => p.Ours.Requests);
            ratios.Add(ratio);
            faultless &= stalls == 0 && errors == 0 && allocated == 0;
            WriteRow(
                operation.Kind, operation.Size, operation.Segment, operation.Depth, operation.Indirect ? "indirect" : "direct",
                Rate(Ours(m => m.RequestsPerSecond)), Rate(Theirs(m => m.RequestsPerSecond)), $"{ratio:F2}",
                $"{Ours(m => m.KicksPerRequest):F4}", $"{Theirs(m => m.KicksPerRequest):F4}",
                $"{Ours(m => m.InterruptsPerRequest):F4}", $"{Theirs(m => m.InterruptsPerRequest):F4}",
                stalls, errors, $"{allocated:0.####}");
        }
        output.WriteLine($"geometric mean {Math.Exp(ratios.Average(Math.Log)):F3}, lowest {ratios.Min():F2}");
        return faultless;

        void WriteRow(params object[] cells) => output.WriteLine(string.Format(CultureInfo.InvariantCulture, s_row, cells).TrimEnd());
    }

    private static string Rate(double perSecond) => perSecond.ToString("N0", CultureInfo.InvariantCulture);

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}
