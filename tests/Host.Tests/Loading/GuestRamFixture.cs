// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Loading;
using Tmds.Linux;

namespace LguestPlug.Host.Tests.Loading;

/// <summary>Guest RAM, files to load from, and a look at what was loaded.</summary>
public sealed unsafe class GuestRamFixture : IDisposable
{
    private readonly byte* _start;
    private readonly List<IDisposable> _owned = [];
    private readonly string _folder = Directory.CreateTempSubdirectory("lguest-test").FullName;

    public GuestRamFixture(int megabytes)
    {
        Size = megabytes << 20;
        _start = (byte*)LibC.mmap(null, (size_t)Size, LibC.PROT_READ | LibC.PROT_WRITE, LibC.MAP_PRIVATE | LibC.MAP_ANONYMOUS, -1, 0);
        Ram = new GuestRam((nint)_start, (ulong)Size);
    }

    public int Size { get; }

    internal GuestRam Ram { get; }

    public Span<byte> Bytes => new(_start, Size);

    internal ImageFile File(byte[] content, string what = "kernel image")
    {
        var path = Path.Combine(_folder, $"image{_owned.Count}");
        System.IO.File.WriteAllBytes(path, content);
        var file = ImageFile.Open(what, path);
        _owned.Add(file);
        return file;
    }

    public void Dispose()
    {
        foreach (var owned in _owned)
            owned.Dispose();
        _ = LibC.munmap(_start, (size_t)Size);
        Directory.Delete(_folder, recursive: true);
    }
}
