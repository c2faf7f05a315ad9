// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Output;

/// <summary>Columns, each as wide as its widest cell; the first row is the heading.</summary>
internal static class TextTable
{
    public static void Write(TextWriter output, IReadOnlyList<string[]> rows, string indent = "")
    {
        var widths = rows[0].Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
            output.WriteLine((indent + string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column])))).TrimEnd());
    }
}
