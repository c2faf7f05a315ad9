// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.Text;
using LguestPlug.Host.CommandLine;

namespace LguestPlug.Host.Generation;

/// <summary>A field of a device's configuration space.</summary>
/// <param name="Name">Its name in C#.</param>
/// <param name="Offset">Its first byte.</param>
/// <param name="Width">Bytes of one element: 1, 2, 4 or 8.</param>
/// <param name="Count">The number of elements; null for a single value.</param>
internal sealed record ConfigField(string Name, int Offset, int Width, int? Count)
{
    /// <summary>What the lguest bus can carry.</summary>
    private const int LargestSpace = 255;

    public int Size => Width * (Count ?? 1);

    /// <summary>Reads <c>name:type,...</c> with the types of the virtio specification: u8, le16, le32, le64, and <c>[N]</c> behind them.</summary>
    public static IReadOnlyList<ConfigField> ParseAll(string text)
    {
        var fields = new List<ConfigField>();
        var offset = 0;
        foreach (var part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            var field = Parse(part, offset);
            if (fields.Exists(f => f.Name == field.Name))
                throw new UsageException($"there are two fields '{field.Name}'");
            fields.Add(field);
            offset += field.Size;
            if (offset > LargestSpace)
                throw new UsageException($"the fields have more than {LargestSpace} bytes, with '{part}'");
        }
        return fields;
    }

    private static ConfigField Parse(string text, int offset)
    {
        UsageException Wrong() => new($"'{text}' is not a field: expected name:type with u8, le16, le32 or le64, and [N] for N of them (example: capacity:le64,mac:u8[6])");
        if (text.Split(':') is not [var name, var type] || Pascal(name) is not { } identifier)
            throw Wrong();
        int? count = null;
        if (type.IndexOf('[', StringComparison.Ordinal) is > 0 and var open)
        {
            if (type[^1] != ']' || !int.TryParse(type[(open + 1)..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number is < 1 or > LargestSpace)
                throw Wrong();
            count = number;
            type = type[..open];
        }
        return new(identifier, offset, type switch { "u8" => 1, "le16" => 2, "le32" => 4, "le64" => 8, _ => throw Wrong() }, count);
    }

    /// <summary><c>max_virtqueue_pairs</c> is <c>MaxVirtqueuePairs</c>; null for what is no name.</summary>
    private static string? Pascal(string name)
    {
        if (name is not [>= 'a' and <= 'z' or >= 'A' and <= 'Z', ..] || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))
            return null;
        var text = new StringBuilder();
        foreach (var word in name.Split(['_', '-'], StringSplitOptions.RemoveEmptyEntries))
            text.Append(char.ToUpperInvariant(word[0])).Append(word, 1, word.Length - 1);
        return text.ToString();
    }
}
