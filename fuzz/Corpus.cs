// SPDX-License-Identifier: GPL-2.0-or-later

namespace LguestPlug.Fuzz;

/// <summary>The inputs kept in the repository, in a folder for each target, beside this file.</summary>
internal static class Corpus
{
    public static string Folder(string target) => Path.Combine(Root(), "corpus", target);

    public static string[] Files(string target) => FilesIn(Folder(target));

    /// <summary>Inputs that found a defect once. They stay, whatever they reach.</summary>
    public static string[] Regressions(string target) => FilesIn(Path.Combine(Root(), "regressions", target));

    private static string[] FilesIn(string folder) => Directory.Exists(folder) ? [.. Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal)] : [];

    private static string Root()
    {
        // Not where it was compiled: that is not always told.
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string root = Path.Combine(folder.FullName, "fuzz");
            if (File.Exists(Path.Combine(root, "LguestPlug.Fuzz.csproj")))
                return root;
        }

        throw new CampaignException("the corpus is in the repository, and this program is not started from there");
    }
}
