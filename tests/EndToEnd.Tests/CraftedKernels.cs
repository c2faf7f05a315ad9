// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>Kernel images that never run: each has one thing about its layout that a loader could get wrong.</summary>
internal static class CraftedKernels
{
    private const int Page = 4096;
    private const uint Loadable = 1;
    private const uint Note = 4;
    private const uint Entry = 0x100000;

    private readonly record struct Segment(uint Type, uint Offset, uint Address, uint FileSize, uint MemorySize);

    /// <summary>The image of a name; the names are used in <see cref="MemoryImageCases"/>.</summary>
    public static byte[] Named(string name) => name switch
    {
        // The last page of a mapping goes on with what follows in the file.
        "tail" => Elf(8 * Page, new Segment(Loadable, Page, Entry, Page + 100, 3 * Page)),
        // The file ends in the middle of the last page.
        "short" => Elf((2 * Page) + 100, new Segment(Loadable, Page, Entry, Page + 100, 2 * Page)),
        // Not at a page boundary in the file: read, not mapped.
        "unaligned" => Elf(8 * Page, new Segment(Loadable, 0x1010, Entry, 5000, 5000)),
        // Not at a page boundary in memory.
        "inside" => Elf(8 * Page, new Segment(Loadable, Page, Entry + 16, 5000, 5000)),
        // Two segments meet in the middle of a page, in either order.
        "meeting" => Elf(8 * Page, new Segment(Loadable, Page, Entry, 0x1800, 0x1800), new Segment(Loadable, 0x3800, Entry + 0x1800, 0x900, 0x900)),
        "meeting-reversed" => Elf(8 * Page, new Segment(Loadable, 0x3800, Entry + 0x1800, 0x900, 0x900), new Segment(Loadable, Page, Entry, 0x1800, 0x1800)),
        // Only memory, no bytes; and a segment that is not to be loaded.
        "bss" => Elf(8 * Page, new Segment(Loadable, Page, Entry, Page, Page), new Segment(Loadable, 0, Entry + (4 * Page), 0, 3 * Page), new Segment(Note, 2 * Page, Entry + (2 * Page), 64, 64)),
        // Below 1 MiB, and high up.
        "spread" => Elf(8 * Page, new Segment(Loadable, Page, 0x10000, 100, 100), new Segment(Loadable, 2 * Page, Entry, Page, Page), new Segment(Loadable, 3 * Page, 0x1f0000, 4 * Page, 4 * Page)),
        "bz-byte" => BzImage(1, 1),
        "bz-chunk" => BzImage(4, 65536),
        "bz" => BzImage(27, 200_001),
        "bz-entry" => BzImage(63, 70_000, 0x100200),
        _ => throw new ArgumentException($"no kernel '{name}'", nameof(name)),
    };

    private static byte[] Elf(int length, params ReadOnlySpan<Segment> segments)
    {
        const int HeaderSize = 52;
        const int EntrySize = 32;
        var image = Noise(length);
        var header = image.AsSpan(0, HeaderSize);
        header.Clear();
        "\u007fELF\u0001\u0001\u0001"u8.CopyTo(header);
        Write16(image, 16, 2);
        Write16(image, 18, 3);
        Write32(image, 20, 1);
        Write32(image, 24, Entry);
        Write32(image, 28, HeaderSize);
        Write16(image, 40, HeaderSize);
        Write16(image, 42, EntrySize);
        Write16(image, 44, (ushort)segments.Length);
        for (var i = 0; i < segments.Length; i++)
        {
            var at = HeaderSize + (i * EntrySize);
            var segment = segments[i];
            uint[] words = [segment.Type, segment.Offset, segment.Address, segment.Address, segment.FileSize, segment.MemorySize, 7, Page];
            for (var word = 0; word < words.Length; word++)
                Write32(image, at + (4 * word), words[word]);
        }
        return image;
    }

    private static byte[] BzImage(byte setupSectors, int kernelBytes, uint entry = Entry)
    {
        const int Sector = 512;
        const int Paragraph = 16;
        // The C program reads a whole boot_params, so the file must not end before.
        var setup = (setupSectors + 1) * Sector;
        var image = Noise(setup + Math.Max(kernelBytes, Page - setup));
        image.AsSpan(0x1f1, 0x77).Clear();
        image[0x1f1] = setupSectors;
        Write32(image, 0x1f4, (uint)((image.Length - setup) / Paragraph));
        "HdrS"u8.CopyTo(image.AsSpan(0x202));
        Write16(image, 0x206, 0x0207);
        Write32(image, 0x214, entry);
        return image;
    }

    private static byte[] Noise(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }

    private static void Write16(byte[] image, int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(at), value);

    private static void Write32(byte[] image, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(at), value);
}
