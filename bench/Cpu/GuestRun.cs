// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;

namespace LguestPlug.Bench.Cpu;

/// <summary>One workload's result on one machine in one round.</summary>
/// <param name="Name">The workload.</param>
/// <param name="Checksum">What it computed, eight hexadecimal digits.</param>
/// <param name="Time">Between its two lines, by our clock.</param>
/// <param name="Ticks">The same by the guest's time-stamp counter.</param>
internal sealed record Sample(string Name, string Checksum, TimeSpan Time, ulong Ticks);

/// <summary>The workloads' protocol: "begin NAME", "end NAME CHECKSUM TICKS", "done".</summary>
internal static class GuestRun
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(10);

    /// <summary>Runs the selected workloads once.</summary>
    /// <param name="machine">Where.</param>
    /// <param name="only">Workloads and groups; empty for all.</param>
    /// <param name="divide">Makes each workload this many times smaller.</param>
    /// <exception cref="BenchException">The guest ended before it was done.</exception>
    public static List<Sample> Run(Machine machine, IReadOnlyCollection<string> only, int divide)
    {
        List<string> words = [$"divide={divide.ToString(CultureInfo.InvariantCulture)}"];
        if (only.Count > 0)
            words.Add("only=" + string.Join(',', only));
        var (lines, errors) = TimedProcess.Run(machine.Start(words), (_, line) => line == "done", s_patience);
        if (lines is [] || lines[^1].Text != "done")
            throw new BenchException($"{machine.Name} ended before it was done: {(lines is [] ? "" : lines[^1].Text)} {errors}".TrimEnd());
        var samples = new List<Sample>();
        var began = TimeSpan.Zero;
        foreach (var line in lines)
        {
            switch (line.Text.Split(' '))
            {
                case ["begin", _]:
                    began = line.At;
                    break;
                case ["end", var name, var checksum, var ticks]:
                    samples.Add(new(name, checksum, line.At - began, ulong.Parse(ticks, CultureInfo.InvariantCulture)));
                    break;
                case ["done"]:
                    break;
                default:
                    throw new BenchException($"{machine.Name} says: {line.Text}");
            }
        }
        return samples;
    }

    /// <summary>
    /// Below this a time by our clock is not to be trusted: it has the way of two lines through a pipe and the waking of a reader in it.
    /// </summary>
    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(10);

    /// <summary>Replaces the times of short samples by the guest's own counter, whose frequency the long ones of the same run tell.</summary>
    public static IEnumerable<Sample> Refine(IReadOnlyCollection<Sample> run) =>
        Frequency(run) is { } frequency ? run.Select(s => s.Time >= s_short ? s : s with { Time = TimeSpan.FromSeconds(s.Ticks / frequency) }) : run;

    /// <summary>
    /// How far the guest's clock strays from ours: its frequency is taken from all long samples together, then compared with that of
    /// each workload, whose median hides that a reader was woken late. A counter that counted something else than time would show here.
    /// </summary>
    /// <returns>The largest relative difference; 0 without a long sample.</returns>
    public static double ClockError(IReadOnlyCollection<Sample> samples) =>
        Frequency(samples) is { } frequency
            ? Long(samples).GroupBy(s => s.Name).Max(g => Math.Abs(Statistics.Median(g.Select(s => s.Ticks / frequency / s.Time.TotalSeconds)) - 1))
            : 0;

    /// <summary>Ticks per second; null without a long sample.</summary>
    private static double? Frequency(IReadOnlyCollection<Sample> samples) =>
        Long(samples).Any() ? Long(samples).Sum(s => (double)s.Ticks) / Long(samples).Sum(s => s.Time.TotalSeconds) : null;

    private static IEnumerable<Sample> Long(IEnumerable<Sample> samples) => samples.Where(s => s.Time > 5 * s_short);
}
