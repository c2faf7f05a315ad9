// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.CommandLine;

namespace LguestPlug.Host.Tracing;

/// <summary>What <c>lguest trace</c> prints.</summary>
internal static class TraceView
{
    /// <returns>The exit code.</returns>
    public static int Write(TraceViewRequest request, TextWriter output)
    {
        using var reader = new TraceReader(request.File);
        var summary = new TraceSummary();
        var text = new TraceText();
        var names = new Dictionary<string, string>();
        if (!request.Summary)
            output.WriteLine(TraceText.Line(reader.Header));
        foreach (var record in reader.Records())
        {
            if (record is StartRecord start)
                names[start.Device] = start.Plugin;
            if (request.Devices.Count > 0 && !request.Devices.Contains(record.Device) && !request.Devices.Contains(names[record.Device]))
                continue;
            if (request.Summary)
            {
                summary.Add(record);
                continue;
            }
            output.WriteLine(text.Line(record));
            if (!request.Data)
                continue;
            foreach (var line in TraceText.Dump(record))
                output.WriteLine(line);
        }
        var unknown = request.Devices.FirstOrDefault(name => !names.ContainsKey(name) && !names.ContainsValue(name));
        if (unknown is not null)
            throw new HostException($"{request.File}: no device '{unknown}' in it{Suggestion.For(unknown, names.Keys.Concat(names.Values))} (its devices: {string.Join(", ", names.Keys.Order(StringComparer.Ordinal))})");
        if (request.Summary)
            summary.Write(output);
        return 0;
    }
}
