// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Bench.Cpu;

/// <summary>The checkout this program was built in: it measures what is built beside it.</summary>
internal static class Repository
{
    public static string Root { get; } = FindRoot();

    /// <summary>The launcher, built in the configuration this program is built in.</summary>
    public static string Launcher
    {
        get
        {
            var framework = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
            return Path.Combine(Root, "src", "Host", "bin", framework.Parent!.Name, framework.Name, "lguest");
        }
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "LguestPlug.sln")))
            folder = folder.Parent ?? throw new BenchException("this program runs inside the repository it was built in");
        return folder.FullName;
    }
}
