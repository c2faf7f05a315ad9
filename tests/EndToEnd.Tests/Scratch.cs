// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>A folder for a test's files, gone afterwards.</summary>
public sealed class Scratch : IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("lguest-e2e").FullName;

    public string File(string name, byte[] content)
    {
        var path = Path.Combine(Folder, name);
        System.IO.File.WriteAllBytes(path, content);
        return path;
    }

    /// <summary>A disk of the given size with content that is different everywhere.</summary>
    public string Disk(int bytes, int seed = 1)
    {
        var content = new byte[bytes];
        new Random(seed).NextBytes(content);
        return File($"disk{seed}", content);
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
