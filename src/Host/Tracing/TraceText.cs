// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.Text;
using LguestPlug.Virtio;

namespace LguestPlug.Host.Tracing;

/// <summary>A trace's lines for reading. It remembers the devices' last starts, for the names of their queues.</summary>
internal sealed class TraceText
{
    private const int BytesPerLine = 16;
    private readonly Dictionary<string, StartRecord> _started = [];

    public static string Line(TraceHeader header) =>
        string.Create(CultureInfo.InvariantCulture, $"# {header.Program}, begun {header.Begun:yyyy-MM-dd HH:mm:ss.fff}; seconds since then, device, queue; r is read by the device, w written");

    /// <summary>A record in one line.</summary>
    public string Line(TraceRecord record)
    {
        if (record is StartRecord started)
            _started[record.Device] = started;
        var what = record switch
        {
            StartRecord r => $"start: plugin {r.Plugin}, type {r.Type}, offered {r.Offered:x8}, accepted {r.Accepted:x8}, config {HexOf(r.Config)}, queues {string.Join(' ', r.Queues.Select(q => $"{q.Name}:{q.Size}"))}",
            ConfigRecord r => $"the driver writes configuration bytes at {r.Offset}: {HexOf(r.Bytes)}",
            ChainRecord r => $"{QueueName(r.Device, r.Queue)} chain {r.Number} head {r.Head}: reads {r.ReadableLength}, writes up to {r.WritableLength}:{Segments('r', r.Readable)}{Segments('w', r.Writable)}",
            CompletionRecord r => $"{QueueName(r.Device, r.Queue)} chain {r.Number} done: used {r.Used} in {Duration(r.Duration)}",
            FaultRecord r => $"fault: {r.Reason}",
            _ => "reset",
        };
        return string.Create(CultureInfo.InvariantCulture, $"{record.Time / 1e9,12:F6} {record.Device} {what}");
    }

    /// <summary>The bytes of a record, as they were recorded, sixteen to a line.</summary>
    public static IEnumerable<string> Dump(TraceRecord record)
    {
        var (mark, bytes) = record switch
        {
            ChainRecord chain => ('r', chain.Data ?? []),
            CompletionRecord completion => ('w', completion.Written ?? []),
            _ => (' ', []),
        };
        for (var at = 0; at < bytes.Length; at += BytesPerLine)
        {
            var part = bytes.AsSpan(at, Math.Min(BytesPerLine, bytes.Length - at));
            var hex = new StringBuilder();
            var text = new StringBuilder();
            foreach (var octet in part)
            {
                hex.Append(CultureInfo.InvariantCulture, $"{octet:x2} ");
                text.Append(octet is >= 0x20 and < 0x7f ? (char)octet : '.');
            }
            yield return $"             {mark} {at:x6}: {hex.ToString().PadRight(3 * BytesPerLine)} {text}";
        }
    }

    /// <summary>The queue's name, or its number where the trace does not tell.</summary>
    public string QueueName(string device, int queue) =>
        _started.TryGetValue(device, out var start) && queue < start.Queues.Count ? start.Queues[queue].Name : $"queue {queue}";

    /// <summary>Nanoseconds in the unit that suits them.</summary>
    public static string Duration(long nanoseconds) => nanoseconds switch
    {
        < 1_000_000 => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e3:F1} us"),
        < 1_000_000_000 => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e6:F2} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{nanoseconds / 1e9:F2} s"),
    };

    private static string HexOf(byte[] bytes) => bytes.Length == 0 ? "none" : Convert.ToHexStringLower(bytes);

    private static string Segments(char mark, IReadOnlyList<GuestSegment> segments) =>
        string.Concat(segments.Select(s => $" {mark} {s.Address:x8}+{s.Length}"));
}
