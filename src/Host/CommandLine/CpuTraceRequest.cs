// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;

namespace LguestPlug.Host.CommandLine;

/// <summary>Which executed instructions are written, and where to.</summary>
/// <param name="File">The file.</param>
/// <param name="From">Number of the first instruction; each boot counts from 0.</param>
/// <param name="Count">Instructions at most.</param>
internal sealed record CpuTraceRequest(string File, long From, long Count)
{
    /// <summary>Reads <c>FILE[,from[,count]]</c>. A comma in the file's name is written twice.</summary>
    public static CpuTraceRequest Parse(string text)
    {
        var parts = DeviceRequest.SplitAtSingleCommas(text);
        if (parts[0].Length == 0)
            throw new UsageException($"'--trace-cpu {text}' names no file");
        if (parts.Count > 3)
            throw new UsageException($"'--trace-cpu {text}' has more than FILE,from,count (write ',,' for a comma in the file's name)");
        return new(parts[0], parts.Count > 1 ? Number(parts[1]) : 0, parts.Count > 2 ? Number(parts[2]) : long.MaxValue);
    }

    private static long Number(string digits) =>
        long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
            : throw new UsageException($"--trace-cpu: '{digits}' is not a number of instructions");
}
