// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using LguestPlug.Host.CommandLine;
using LguestPlug.Virtio;

namespace LguestPlug.Host.Tracing;

/// <summary>A trace's lines as JSON, both ways. The names are documented in <c>docs/tracing.md</c>.</summary>
internal static class TraceJson
{
    private const string Kind = "record";
    private const string HeaderKind = "trace";

    // Base64 has a plus, which would be escaped, in every other line.
    private static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(TraceHeader header, IBufferWriter<byte> to)
    {
        using var json = new Utf8JsonWriter(to, s_options);
        json.WriteStartObject();
        json.WriteString(Kind, HeaderKind);
        json.WriteNumber("version", header.Version);
        json.WriteString("program", header.Program);
        json.WriteString("begun", header.Begun);
        json.WriteString("data", NameOf(header.Data));
        json.WriteEndObject();
    }

    public static void Write(TraceRecord record, IBufferWriter<byte> to)
    {
        using var json = new Utf8JsonWriter(to, s_options);
        json.WriteStartObject();
        json.WriteString(Kind, KindOf(record));
        json.WriteNumber("time_ns", record.Time);
        json.WriteString("device", record.Device);
        switch (record)
        {
            case StartRecord start:
                json.WriteString("plugin", start.Plugin);
                json.WriteNumber("type", start.Type);
                json.WriteNumber("offered", start.Offered);
                json.WriteNumber("accepted", start.Accepted);
                json.WriteString("config", Convert.ToHexStringLower(start.Config));
                json.WriteStartArray("queues");
                foreach (var queue in start.Queues)
                {
                    json.WriteStartObject();
                    json.WriteString("name", queue.Name);
                    json.WriteNumber("size", queue.Size);
                    json.WriteEndObject();
                }
                json.WriteEndArray();
                break;
            case ConfigRecord config:
                json.WriteNumber("offset", config.Offset);
                json.WriteString("bytes", Convert.ToHexStringLower(config.Bytes));
                break;
            case ChainRecord chain:
                json.WriteNumber("queue", chain.Queue);
                json.WriteNumber("chain", chain.Number);
                json.WriteNumber("head", chain.Head);
                WriteSegments(json, "readable", chain.Readable);
                WriteSegments(json, "writable", chain.Writable);
                if (chain.Data is not null)
                    json.WriteBase64String("data", chain.Data);
                break;
            case CompletionRecord completion:
                json.WriteNumber("queue", completion.Queue);
                json.WriteNumber("chain", completion.Number);
                json.WriteNumber("used", completion.Used);
                json.WriteNumber("duration_ns", completion.Duration);
                if (completion.Written is not null)
                    json.WriteBase64String("written", completion.Written);
                break;
            case FaultRecord fault:
                json.WriteNumber("queue", fault.Queue);
                json.WriteString("reason", fault.Reason);
                json.WriteBoolean("ring_is_broken", fault.RingIsBroken);
                break;
            default:
                break;
        }
        json.WriteEndObject();
    }

    /// <summary>Reads the first line of a trace.</summary>
    /// <exception cref="FormatException">It is none, or one of another version; the message says what is wrong with the line.</exception>
    public static TraceHeader ReadHeader(ReadOnlyMemory<byte> line)
    {
        const string Expected = "not a trace that can be read back: lguest writes one with --trace FILE,format=json";
        try
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement is not { ValueKind: JsonValueKind.Object } fields
                || !fields.TryGetProperty(Kind, out var kind) || kind.ValueKind != JsonValueKind.String || kind.GetString() != HeaderKind)
                throw new FormatException(Expected);
            var record = new Fields(HeaderKind, fields);
            var version = (int)record.Number("version", int.MaxValue);
            if (version != TraceHeader.Current)
                throw new FormatException($"a trace of version {version}; this lguest reads version {TraceHeader.Current}");
            if (!DateTimeOffset.TryParse(record.Text("begun"), CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var begun))
                throw record.Wrong("begun", "a time");
            var data = Enum.GetValues<TraceData>().FirstOrDefault(d => NameOf(d) == record.Text("data"), (TraceData)(-1));
            return new(version, record.Text("program"), begun, Enum.IsDefined(data) ? data : throw record.Wrong("data", "'none', 'readable' or 'full'"));
        }
        catch (JsonException)
        {
            throw new FormatException(Expected);
        }
    }

    /// <summary>Reads any other line.</summary>
    /// <exception cref="FormatException">It is not a record; the message says what is wrong with the line.</exception>
    public static TraceRecord ReadRecord(ReadOnlyMemory<byte> line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new FormatException("not a JSON object");
            var kind = new Fields("line", document.RootElement).Text(Kind);
            var fields = new Fields($"{kind} record", document.RootElement);
            var record = ReadRecord(kind, fields);
            record.Time = fields.Number("time_ns", long.MaxValue);
            return record;
        }
        catch (JsonException e)
        {
            throw new FormatException($"not JSON at byte {e.BytePositionInLine + 1}");
        }
    }

    private static TraceRecord ReadRecord(string kind, Fields fields)
    {
        var device = fields.Text("device");
        return kind switch
        {
            "start" => new StartRecord(
                device, fields.Text("plugin"), (int)fields.Number("type", ushort.MaxValue), fields.Bits("offered"), fields.Bits("accepted"), fields.Hex("config"),
                [.. fields.List("queues").Select(queue => new Fields("queue", queue)).Select(queue => new TracedQueueShape(queue.Text("name"), (int)queue.Number("size", Vring.MaximumSize)))]),
            "config" => new ConfigRecord(device, (int)fields.Number("offset", ushort.MaxValue), fields.Hex("bytes")),
            "chain" => ReadChain(device, fields),
            "completion" => new CompletionRecord(
                device, Queue(fields), fields.Number("chain", long.MaxValue), fields.Number("used", uint.MaxValue), fields.Number("duration_ns", long.MaxValue), fields.Bytes("written")),
            "fault" => new FaultRecord(device, Queue(fields), fields.Text("reason"), fields.Flag("ring_is_broken")),
            "reset" => new ResetRecord(device),
            _ => throw new FormatException($"'{kind}' is no record of this version"),
        };
    }

    private static ChainRecord ReadChain(string device, Fields fields)
    {
        var chain = new ChainRecord(
            device, Queue(fields), fields.Number("chain", long.MaxValue), (int)fields.Number("head", ushort.MaxValue),
            ReadSegments(fields, "readable"), ReadSegments(fields, "writable"), fields.Bytes("data"));
        if (chain.Data is { } data && data.Length != chain.ReadableLength)
            throw new FormatException($"{data.Length} bytes of data in a chain of {chain.ReadableLength} readable bytes");
        return chain;
    }

    private static int Queue(Fields fields) => (int)fields.Number("queue", ushort.MaxValue);

    private static void WriteSegments(Utf8JsonWriter json, string name, IReadOnlyList<GuestSegment> segments)
    {
        json.WriteStartArray(name);
        foreach (var segment in segments)
        {
            json.WriteStartArray();
            json.WriteNumberValue(segment.Address);
            json.WriteNumberValue(segment.Length);
            json.WriteEndArray();
        }
        json.WriteEndArray();
    }

    private static List<GuestSegment> ReadSegments(Fields fields, string name)
    {
        var segments = new List<GuestSegment>();
        foreach (var pair in fields.List(name))
        {
            if (pair.ValueKind != JsonValueKind.Array || pair.GetArrayLength() != 2
                || pair[0].ValueKind != JsonValueKind.Number || !pair[0].TryGetUInt64(out var address)
                || pair[1].ValueKind != JsonValueKind.Number || !pair[1].TryGetUInt32(out var length))
                throw fields.Wrong(name, "pairs of address and length");
            segments.Add(new(address, length));
        }
        return segments;
    }

    private static string KindOf(TraceRecord record) => record switch
    {
        StartRecord => "start",
        ConfigRecord => "config",
        ChainRecord => "chain",
        CompletionRecord => "completion",
        FaultRecord => "fault",
        _ => "reset",
    };

    private static string NameOf(TraceData data) => data switch
    {
        TraceData.None => "none",
        TraceData.Readable => "readable",
        _ => "full",
    };

    /// <summary>A line's fields; what is missing or of another kind is told of with its name.</summary>
    private readonly struct Fields(string owner, JsonElement element)
    {
        public string Text(string name) => Of(name) is { ValueKind: JsonValueKind.String } value ? value.GetString()! : throw Wrong(name, "text");

        public long Number(string name, long largest) =>
            Of(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var number) && number >= 0 && number <= largest
                ? number : throw Wrong(name, $"a number from 0 to {largest}");

        public ulong Bits(string name) =>
            Of(name) is { ValueKind: JsonValueKind.Number } value && value.TryGetUInt64(out var bits) ? bits : throw Wrong(name, "a number of 64 bits");

        public bool Flag(string name) =>
            Of(name) is { ValueKind: JsonValueKind.True or JsonValueKind.False } value ? value.GetBoolean() : throw Wrong(name, "true or false");

        public JsonElement.ArrayEnumerator List(string name) =>
            Of(name) is { ValueKind: JsonValueKind.Array } value ? value.EnumerateArray() : throw Wrong(name, "a list");

        public byte[] Hex(string name)
        {
            try
            {
                return Convert.FromHexString(Text(name));
            }
            catch (FormatException)
            {
                throw Wrong(name, "bytes in hexadecimal");
            }
        }

        /// <summary>Null when the field is not there.</summary>
        public byte[]? Bytes(string name)
        {
            if (!element.TryGetProperty(name, out var value))
                return null;
            return value.ValueKind == JsonValueKind.String && value.TryGetBytesFromBase64(out var bytes) ? bytes : throw Wrong(name, "bytes in base64");
        }

        public FormatException Wrong(string name, string expected) =>
            new(element.TryGetProperty(name, out _) ? $"'{name}' of this {owner} is not {expected}" : $"this {owner} has no '{name}'");

        private JsonElement Of(string name) => element.TryGetProperty(name, out var value) ? value : default;
    }
}
