// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.CommandLine;

/// <summary>How a trace of devices is written.</summary>
internal enum TraceFormat
{
    /// <summary>Lines for reading.</summary>
    Text,

    /// <summary>A JSON object a line, for programs and for replaying.</summary>
    Json,
}

/// <summary>Which bytes of a chain a trace in JSON holds.</summary>
internal enum TraceData
{
    /// <summary>None: it cannot be replayed.</summary>
    None,

    /// <summary>What the device reads.</summary>
    Readable,

    /// <summary>What it writes, too.</summary>
    Full,
}

/// <summary>Which devices' chains are written, and where to.</summary>
/// <param name="File">The file.</param>
/// <param name="Devices">Names of devices (block0) or of plugins (block); none for all.</param>
/// <param name="Format">How.</param>
/// <param name="Data">Which bytes.</param>
internal sealed record DeviceTraceRequest(string File, IReadOnlyList<string> Devices, TraceFormat Format, TraceData Data)
{
    /// <summary>The option, for messages.</summary>
    public const string Option = "--trace";

    private static readonly string[] s_keys = ["device", "format", "data"];

    /// <summary>Reads <c>FILE[,device=NAME]...[,format=text|json][,data=none|readable|full]</c>. A comma in the file's name is written twice.</summary>
    public static DeviceTraceRequest Parse(string text)
    {
        var parts = DeviceRequest.SplitAtSingleCommas(text);
        if (parts[0].Length == 0)
            throw new UsageException($"'{Option} {text}' names no file");
        var devices = new List<string>();
        TraceFormat? format = null;
        TraceData? data = null;
        foreach (var part in parts.Skip(1))
        {
            var (key, value) = part.IndexOf('=', StringComparison.Ordinal) is >= 0 and var at ? (part[..at], part[(at + 1)..]) : (part, "");
            switch (key)
            {
                case "device" when value.Length > 0:
                    devices.Add(value);
                    break;
                case "device":
                    throw new UsageException($"{Option}: 'device' needs the name of a device: device=NAME");
                case "format":
                    format = value switch
                    {
                        "text" => TraceFormat.Text,
                        "json" => TraceFormat.Json,
                        _ => throw new UsageException($"{Option}: format is 'text' or 'json', not '{value}'"),
                    };
                    break;
                case "data":
                    data = value switch
                    {
                        "none" => TraceData.None,
                        "readable" => TraceData.Readable,
                        "full" => TraceData.Full,
                        _ => throw new UsageException($"{Option}: data is 'none', 'readable' or 'full', not '{value}'"),
                    };
                    break;
                default:
                    throw new UsageException($"{Option}: unknown option '{key}'{Suggestion.For(key, s_keys)} (it has {string.Join(", ", s_keys)}; write ',,' for a comma in the file's name)");
            }
        }
        if (data is not null && format != TraceFormat.Json)
            throw new UsageException($"{Option}: data=... needs format=json");
        return new(parts[0], devices, format ?? TraceFormat.Text, data ?? TraceData.Readable);
    }
}
