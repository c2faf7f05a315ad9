// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.CommandLine;

/// <summary>One device as asked for on the command line; what its words mean is up to the plugin.</summary>
/// <param name="Name">The plugin's name.</param>
/// <param name="Value">The value given without a key, if any.</param>
/// <param name="Options">The <c>key=value</c> pairs in the order given; a bare key has no value.</param>
/// <param name="Spelling">How it was written, for messages.</param>
internal sealed record DeviceRequest(
    string Name, string? Value, IReadOnlyList<KeyValuePair<string, string?>> Options, string Spelling)
{
    /// <summary>
    /// Reads <c>NAME[,VALUE][,key=value...]</c>. A comma inside a value is written twice, as in QEMU.
    /// </summary>
    public static DeviceRequest Parse(string text)
    {
        var spelling = "--device " + text;
        var parts = SplitAtSingleCommas(text);
        var name = parts[0];
        if (name.Length == 0)
            throw new UsageException($"'{spelling}' names no device");
        if (name.Contains('='))
            throw new UsageException($"'{spelling}' must start with the name of a device, then ',key=value'");

        string? value = null;
        var options = new List<KeyValuePair<string, string?>>();
        foreach (var (index, part) in parts.Index().Skip(1))
        {
            var equals = part.IndexOf('=', StringComparison.Ordinal);
            if (part.Length == 0 || equals == 0)
                throw new UsageException($"'{spelling}' has an option without a name (write ',,' for a comma inside a value)");
            if (equals > 0)
                options.Add(new(part[..equals], part[(equals + 1)..]));
            else if (index == 1)
                value = part;
            else
                options.Add(new(part, null));
        }
        return new(name, value, options, spelling);
    }

    /// <summary>Splits at commas; two of them are one that is part of the text.</summary>
    internal static List<string> SplitAtSingleCommas(string text)
    {
        var parts = new List<string>();
        var part = new System.Text.StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != ',')
                part.Append(text[i]);
            else if (i + 1 < text.Length && text[i + 1] == ',')
            {
                part.Append(',');
                i++;
            }
            else
            {
                parts.Add(part.ToString());
                part.Clear();
            }
        }
        parts.Add(part.ToString());
        return parts;
    }
}
