// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>One page of the window.</summary>
internal readonly record struct WindowPage(uint Address, bool Writable);

/// <summary>
/// The memory and the segments that a case sees, alike on the host and on the emulated CPU. All pages are executable, for the
/// emulated CPU knows no other; what lies between them is unmapped.
/// </summary>
internal static class HostWindow
{
    public const uint PageBytes = 4096;

    /// <summary>Two pages full of INT3, where the snippets go.</summary>
    public const uint Code = 0x20000000, CodeEnd = Code + (2 * PageBytes);

    /// <summary>Two pages of data. Nothing is mapped below.</summary>
    public const uint Data = 0x20003000, DataMiddle = Data + PageBytes;

    /// <summary>A page that may not be written, and the unmapped address behind it.</summary>
    public const uint ReadOnly = Data + (2 * PageBytes), DataEnd = ReadOnly + PageBytes;

    /// <summary>Two pages at the end of the first 64 KiB, for 16-bit addresses. Nothing is mapped around them.</summary>
    public const uint Low = 0xE000, LowEnd = 0x10000;

    /// <summary>Linux's selectors of flat segments for 32-bit programs.</summary>
    public const ushort FlatCode = 0x23, FlatData = 0x2B;

    /// <summary>Selectors of the local descriptors, in the order of <see cref="Ldt"/>.</summary>
    public const ushort FlatLocal = 0x07, OnePage = 0x0F, Tiny = 0x17, ReadOnlyData = 0x1F, ExpandDown = 0x27, ExecuteOnly = 0x2F,
        ReadableCode = 0x37, NotPresent = 0x3F, HighBase = 0x47, CodeAtWindow = 0x4F, BehindLdt = 0x57;

    public static readonly WindowPage[] Pages =
    [
        new(Code, true), new(Code + PageBytes, true),
        new(Data, true), new(DataMiddle, true), new(ReadOnly, false),
        new(Low, true), new(Low + PageBytes, true),
    ];

    /// <summary>Which pages an ordinary user may be refused, as bits by index.</summary>
    public const uint LowPages = 0x60;

    public static readonly LdtEntry[] Ldt =
    [
        new(0, 0xFFFFF, Pages: true),
        new(Data, 0xFFF),
        new(Data + 0x100, 0x7F),
        new(Data, 0x1FFF, Restricted: true),
        new(Data, 0x7FF, LdtContents.ExpandDown),
        new(0, 0xFFFFF, LdtContents.Code, Restricted: true, Pages: true),
        new(0, 0xFFFFF, LdtContents.Code, Pages: true),
        new(Data, 0xFFF, Present: false),
        new(0xF0000000, 0xFFFFF, Pages: true),
        new(Code, 0xFFF, LdtContents.Code),
    ];

    private static readonly byte[][] Images = [.. Pages.Select(MakeImage)];

    /// <summary>What a page holds before the case's patches.</summary>
    public static ReadOnlySpan<byte> Image(int page) => Images[page];

    /// <summary>The index of the page that holds an address, or -1.</summary>
    public static int PageOf(uint address) => Array.FindIndex(Pages, p => p.Address == (address & ~(PageBytes - 1)));

    /// <summary>The descriptor for a selector, as far as both CPUs agree on it.</summary>
    public static bool TryReadDescriptor(ushort selector, out ulong descriptor)
    {
        int index = selector >> 3;
        if ((selector & 4) != 0)
        {
            descriptor = index < Ldt.Length ? Ldt[index].Descriptor : 0;
            return index < Ldt.Length;
        }

        // Linux's table: the kernel's code and data, then the user's.
        descriptor = index switch
        {
            1 => 0x00CF9B000000FFFF,
            3 => 0x00CF93000000FFFF,
            4 => 0x00CFFB000000FFFF,
            5 => 0x00CFF3000000FFFF,
            _ => 0,
        };
        return index < 16;
    }

    /// <summary>The first message to the host's program.</summary>
    public static void WriteSetup(BinaryWriter writer)
    {
        writer.Write(Pages.Length);
        for (int i = 0; i < Pages.Length; i++)
        {
            writer.Write(Pages[i].Address);
            writer.Write(Pages[i].Writable ? 1 : 0);
            writer.Write(Image(i));
        }

        writer.Write(Ldt.Length);
        for (int i = 0; i < Ldt.Length; i++)
        {
            Ldt[i].WriteUserDesc(writer, (uint)i);
        }
    }

    private static byte[] MakeImage(WindowPage page)
    {
        byte[] image = new byte[PageBytes];
        if (page.Address < CodeEnd && page.Address >= Code)
        {
            Array.Fill(image, (byte)0xCC);
            return image;
        }

        SplitMix random = new($"page {page.Address:X}");
        for (int i = 0; i < image.Length; i++)
        {
            // Wild jumps into data must not find a system call: no byte above 7F means no INT and no two-byte opcode prefix follows.
            image[i] = (byte)(random.NextUInt32() & 0x7F);
            image[i] = image[i] == 0x0F ? (byte)0 : image[i];
        }

        return image;
    }
}
