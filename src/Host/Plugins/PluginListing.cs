// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Plugins;

/// <summary>What <c>lguest plugins</c> prints.</summary>
internal static class PluginListing
{
    /// <returns>The exit code: an error if anything that was found cannot be used.</returns>
    public static int Write(PluginCatalog catalog, TextWriter output)
    {
        var usable = catalog.Candidates.Where(c => c.Problem is null).ToList();
        string[] heading = ["NAME", "VERSION", "SUMMARY", "PATH"];
        List<string[]> rows = [heading, .. usable.Select(c => new[] { c.Name, c.Version, c.Summary, c.Path })];
        var widths = heading.Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
        if (usable.Count == 0)
            output.WriteLine("no plugins");
        else
        {
            foreach (var row in rows)
                output.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }

        var broken = catalog.Candidates.Where(c => c.Problem is not null).Select(c => (c.Path, Reason: c.Problem!))
            .Concat(catalog.Problems.Select(p => (p.Path, p.Reason)))
            .Concat(usable.GroupBy(c => c.Name).Where(g => g.Count() > 1)
                .Select(g => (Path: string.Join(", ", g.Select(c => c.Path)), Reason: $"more than one plugin announces '{g.Key}'")))
            .ToList();
        foreach (var (path, reason) in broken)
            output.WriteLine($"broken: {path}: {reason}");
        return broken.Count == 0 ? 0 : ExitCode.HostError;
    }
}
