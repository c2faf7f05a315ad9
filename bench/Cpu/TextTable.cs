// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Bench.Cpu;

/// <summary>Rows of text under headings: the first column to the left, the others to the right.</summary>
internal sealed class TextTable(IReadOnlyList<string> headings)
{
    private readonly List<IReadOnlyList<string>> _rows = [headings];

    public void Add(IReadOnlyList<string> row) => _rows.Add(row);

    public void Write(TextWriter output)
    {
        var widths = headings.Select((_, column) => _rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in _rows)
            output.WriteLine(string.Join("  ", row.Select((text, column) => column == 0 ? text.PadRight(widths[0]) : text.PadLeft(widths[column]))).TrimEnd());
    }
}
