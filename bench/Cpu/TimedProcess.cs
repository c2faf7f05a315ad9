// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Text;

namespace LguestPlug.Bench.Cpu;

/// <summary>A line of a process's output, and when its last byte arrived.</summary>
/// <param name="Text">Without the line's end.</param>
/// <param name="At">Since the process was started.</param>
internal readonly record struct TimedLine(string Text, TimeSpan At);

/// <summary>Runs a process and notes when each line of its output arrives: one clock for every kind of guest, and none of the guest's.</summary>
internal static class TimedProcess
{
    /// <summary>Reads until the process ends its output or a line is the last wanted one; the process is gone afterwards.</summary>
    /// <param name="start">What to run; its output and errors are taken from it.</param>
    /// <param name="last">Called with each line as it comes; says that the process may be ended now.</param>
    /// <param name="patience">How long to wait before it is ended anyway.</param>
    /// <exception cref="BenchException">It cannot be started, or took too long.</exception>
    public static (List<TimedLine> Lines, string Errors) Run(ProcessStartInfo start, Func<Process, string, bool> last, TimeSpan patience)
    {
        start.RedirectStandardOutput = start.RedirectStandardError = start.RedirectStandardInput = true;
        var clock = Stopwatch.StartNew();
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new BenchException($"{start.FileName}: {e.Message}");
        }
        using (process)
        {
            var errors = process.StandardError.ReadToEndAsync();
            using var tooLong = new Timer(_ => Kill(process), null, patience, Timeout.InfiniteTimeSpan);
            var lines = ReadLines(process.StandardOutput.BaseStream, clock, line => last(process, line));
            Kill(process);
            process.WaitForExit();
            if (clock.Elapsed >= patience)
                throw new BenchException($"{start.FileName} did not end within {patience.TotalSeconds:0} s");
            return (lines, errors.Result.Trim());
        }
    }

    private static List<TimedLine> ReadLines(Stream output, Stopwatch clock, Predicate<string> last)
    {
        var lines = new List<TimedLine>();
        var line = new StringBuilder();
        var buffer = new byte[4096];
        for (int count; (count = output.Read(buffer)) > 0;)
        {
            var now = clock.Elapsed;
            foreach (var b in buffer.AsSpan(0, count))
            {
                if (b != '\n')
                {
                    line.Append((char)b);
                    continue;
                }
                lines.Add(new(line.ToString().TrimEnd('\r'), now));
                line.Clear();
                if (last(lines[^1].Text))
                    return lines;
            }
        }
        if (line.Length > 0)
            lines.Add(new(line.ToString(), clock.Elapsed));
        return lines;
    }

    private static void Kill(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }
}
