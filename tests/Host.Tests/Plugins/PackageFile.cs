// SPDX-License-Identifier: GPL-2.0-or-later
using System.IO.Compression;

namespace LguestPlug.Host.Tests.Plugins;

/// <summary>A NuGet package as small as it can be.</summary>
internal static class PackageFile
{
    /// <param name="folder">Where it goes.</param>
    /// <param name="id">The package's name.</param>
    /// <param name="version">Its version.</param>
    /// <param name="files">Its files, by their names inside, with the files on disk they are copied from.</param>
    public static string Write(string folder, string id, string version, params (string Name, string From)[] files)
    {
        var path = Path.Combine(Directory.CreateDirectory(folder).FullName, $"{id}.{version}.nupkg");
        using var archive = ZipFile.Open(path, ZipArchiveMode.Create);
        using (var nuspec = new StreamWriter(archive.CreateEntry($"{id}.nuspec").Open()))
        {
            nuspec.Write($"""
                <?xml version="1.0" encoding="utf-8"?>
                <package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">
                  <metadata><id>{id}</id><version>{version}</version><authors>nobody</authors><description>a test</description></metadata>
                </package>
                """);
        }
        foreach (var (name, from) in files)
            archive.CreateEntryFromFile(from, name);
        return path;
    }
}
