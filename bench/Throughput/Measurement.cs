// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;

namespace LguestPlug.Bench.Throughput;

/// <summary>One operation measured once on one side, from the driver's RESULT line.</summary>
/// <param name="Requests">Requests completed.</param>
/// <param name="RequestsPerSecond">The rate.</param>
/// <param name="CpuPerRequest">
/// Processor time of driver and device in nanoseconds. On one CPU its inverse is the rate, less what other programs on the
/// machine took away.
/// </param>
/// <param name="KicksPerRequest">Notifications by the driver.</param>
/// <param name="InterruptsPerRequest">Interrupts that woke the driver.</param>
/// <param name="Stalls">How often the driver waited in vain for an interrupt: lost wake-ups.</param>
/// <param name="Errors">Requests answered with an error.</param>
/// <param name="AllocatedBytes">Bytes of managed memory allocated meanwhile, by the whole process; 0 for the C program.</param>
internal sealed record Measurement(
    long Requests, double RequestsPerSecond, double CpuPerRequest, double KicksPerRequest, double InterruptsPerRequest, long Stalls, long Errors, long AllocatedBytes)
{
    private const string Start = "RESULT ";

    /// <summary>What <see cref="DrivenLauncher"/> adds to the line.</summary>
    public const string AllocatedField = "allocated";

    /// <returns>Null for any other line.</returns>
    public static Measurement? Parse(string line)
    {
        if (!line.StartsWith(Start, StringComparison.Ordinal))
            return null;
        var fields = line.Split(' ').Select(word => word.Split('=')).Where(pair => pair.Length == 2).ToDictionary(pair => pair[0], pair => pair[1]);
        long Whole(string name) => long.Parse(fields[name], CultureInfo.InvariantCulture);
        double Real(string name) => double.Parse(fields[name], CultureInfo.InvariantCulture);
        return new(
            Whole("n"), Real("rps"), Real("devcpu_ns") + Real("drvcpu_ns"), Real("kicks/req"), Real("irqs/req"), Whole("stalls"), Whole("errs"),
            fields.ContainsKey(AllocatedField) ? Whole(AllocatedField) : 0);
    }
}
