// SPDX-License-Identifier: GPL-2.0-or-later
using NuGet.Frameworks;
using NuGet.Packaging;
using NuGet.Packaging.Core;

namespace LguestPlug.Host.Plugins;

/// <summary>A NuGet package with a plugin: all of it, what it needs included, is in the folder <c>lib/FRAMEWORK</c>.</summary>
internal static class PluginPackage
{
    /// <summary>Unpacks the plugin for this framework.</summary>
    /// <param name="path">The package's file.</param>
    /// <param name="shownAs">What messages call it.</param>
    /// <param name="folder">An empty folder.</param>
    /// <exception cref="HostException">It is no package, or not of this kind.</exception>
    public static void Unpack(string path, string shownAs, string folder)
    {
        try
        {
            using var package = new PackageArchiveReader(path);
            if (package.GetFiles().FirstOrDefault(LeadsOut) is { } file)
                throw new HostException($"'{shownAs}' is refused: it holds a file that would land outside of its folder, '{file}'");

            var here = NuGetFramework.Parse($"net{Environment.Version.Major}.{Environment.Version.Minor}");
            var libraries = package.GetLibItems().Where(group => group.Items.Any()).ToList();
            var nearest = new FrameworkReducer().GetNearest(here, libraries.Select(group => group.TargetFramework))
                ?? throw new HostException(libraries.Count == 0
                    ? $"'{shownAs}' holds no plugin: it has no folder lib/{here.GetShortFolderName()}"
                    : $"'{shownAs}' is for {string.Join(", ", libraries.Select(group => group.TargetFramework.GetShortFolderName()))}; this lguest needs {here.GetShortFolderName()}");
            foreach (var item in libraries.First(group => group.TargetFramework == nearest).Items)
            {
                // lib/net10.0/a/b: what is behind the second slash.
                var inside = item[(item.IndexOf('/', item.IndexOf('/', StringComparison.Ordinal) + 1) + 1)..];
                var destination = Path.Combine(folder, inside);
                Directory.CreateDirectory(Path.GetDirectoryName(destination)!);
                using var from = package.GetStream(item);
                using var to = File.Create(destination);
                from.CopyTo(to);
            }
        }
        catch (Exception e) when (e is InvalidDataException or PackagingException or System.Xml.XmlException or FileNotFoundException or UnauthorizedAccessException)
        {
            throw new HostException($"'{shownAs}' cannot be read as a package: {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }
    }

    private static bool LeadsOut(string file) => file.StartsWith('/') || file.Split('/', '\\').Contains("..");
}
