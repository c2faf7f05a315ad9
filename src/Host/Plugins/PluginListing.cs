// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Output;

namespace LguestPlug.Host.Plugins;

/// <summary>What <c>lguest plugins</c> prints.</summary>
internal static class PluginListing
{
    /// <returns>The exit code: an error if anything that was found cannot be used.</returns>
    public static int Write(PluginCatalog catalog, TextWriter output)
    {
        var usable = catalog.Candidates.Where(c => c.Problem is null).ToList();
        if (usable.Count == 0)
            output.WriteLine("no plugins");
        else
            TextTable.Write(output, [["NAME", "VERSION", "SUMMARY", "PATH"], .. usable.Select(c => new[] { c.Name, c.Version, c.Summary, c.Path })]);

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
