// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;

namespace LguestPlug.Host.Tracing;

/// <summary>A trace in a few lines: for each queue how many chains, how many bytes, and how long they took.</summary>
internal sealed class TraceSummary
{
    private static readonly string[] s_heading = ["DEVICE", "QUEUE", "CHAINS", "DONE", "OPEN", "READ", "WRITTEN", "P50", "P90", "P99", "MAX"];
    private readonly SortedDictionary<(string Device, int Queue), QueueTotals> _queues = [];
    private readonly List<string> _faults = [];
    private readonly Dictionary<string, int> _starts = [];
    private long _lastTime;

    public void Add(TraceRecord record)
    {
        _lastTime = record.Time;
        switch (record)
        {
            case StartRecord start:
                _starts[start.Device] = _starts.GetValueOrDefault(start.Device) + 1;
                foreach (var (index, queue) in start.Queues.Index())
                    Of(start.Device, index).Name = queue.Name;
                break;
            case ChainRecord chain:
                var taken = Of(chain.Device, chain.Queue);
                taken.Chains++;
                taken.Read += chain.ReadableLength;
                break;
            case CompletionRecord completion:
                var done = Of(completion.Device, completion.Queue);
                done.Written += completion.Used;
                done.Durations.Add(completion.Duration);
                break;
            case FaultRecord fault:
                _faults.Add(fault.Reason);
                break;
            default:
                break;
        }
    }

    public void Write(TextWriter output)
    {
        List<string[]> rows = [s_heading, .. _queues.Select(q => Row(q.Key.Device, q.Value))];
        var widths = s_heading.Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
            output.WriteLine(string.Join("  ", row.Select((cell, column) => column < 2 ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))));
        foreach (var fault in _faults)
            output.WriteLine($"fault: {fault}");
        var starts = _starts.Count == 0 ? "no device was started" : "started: " + string.Join(", ", _starts.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => s.Value == 1 ? s.Key : $"{s.Key} {s.Value} times"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_lastTime / 1e9:F3} s; {starts}"));
    }

    private QueueTotals Of(string device, int queue)
    {
        if (!_queues.TryGetValue((device, queue), out var totals))
            _queues.Add((device, queue), totals = new());
        return totals;
    }

    private static string[] Row(string device, QueueTotals queue)
    {
        queue.Durations.Sort();
        return
        [
            device, queue.Name, Number(queue.Chains), Number(queue.Durations.Count), Number(queue.Chains - queue.Durations.Count), Number(queue.Read), Number(queue.Written),
            Percentile(queue.Durations, 50), Percentile(queue.Durations, 90), Percentile(queue.Durations, 99), Percentile(queue.Durations, 100),
        ];
    }

    /// <summary>The shortest duration that so many of a hundred do not exceed.</summary>
    private static string Percentile(List<long> sorted, int percent) =>
        sorted.Count == 0 ? "-" : TraceText.Duration(sorted[Math.Max(0, (int)(((long)sorted.Count * percent + 99) / 100) - 1)]);

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private sealed class QueueTotals
    {
        public string Name { get; set; } = "";

        public long Chains { get; set; }

        public long Read { get; set; }

        public long Written { get; set; }

        public List<long> Durations { get; } = [];
    }
}
