// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Bench.Cpu;

internal static class Statistics
{
    /// <exception cref="InvalidOperationException">There is no value.</exception>
    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        if (sorted.Length == 0)
            throw new InvalidOperationException("the median of nothing");
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    public static double GeometricMean(IEnumerable<double> values) => Math.Exp(values.Average(Math.Log));
}
