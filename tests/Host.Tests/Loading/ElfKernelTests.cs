// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Loading;
using Microsoft.Extensions.Logging.Abstractions;

namespace LguestPlug.Host.Tests.Loading;

public sealed class ElfKernelTests : IDisposable
{
    private readonly GuestRamFixture _guest = new(4);

    public void Dispose() => _guest.Dispose();

    private uint Load(ElfImage image) => KernelLoader.Load(_guest.File(image.ToBytes()), _guest.Ram, NullLogger.Instance);

    private string Refused(ElfImage image)
    {
        var message = Assert.Throws<HostException>(() => Load(image)).Message;
        Assert.DoesNotContain('\n', message);
        Assert.StartsWith("kernel image '", message, StringComparison.Ordinal);
        return message;
    }

    private static byte[] Pattern(int length, int seed) => [.. Enumerable.Range(0, length).Select(i => (byte)((i * 7) + seed + 1))];

    [Fact]
    public void A_page_aligned_segment_brings_the_rest_of_its_last_page_along_as_the_C_launchers_mapping_does()
    {
        var image = new ElfImage { Entry = 0x100010 };
        image.Segments.Add(new(0x1000, 0x100000, 0x1800, 0x5000));
        image.Content.Add((0x1000, Pattern(0x1900, 3)));

        Assert.Equal(0x100010u, Load(image));

        var expected = Pattern(0x1900, 3);
        Assert.Equal(expected, _guest.Bytes.Slice(0x100000, 0x1900).ToArray());
        // Past the end of the file the mapping is zero, and so is the memory behind it.
        Assert.True(_guest.Bytes.Slice(0x101900, 0x3700).IndexOfAnyExcept((byte)0) < 0);
        Assert.True(_guest.Bytes[..0x100000].IndexOfAnyExcept((byte)0) < 0);
    }

    [Fact]
    public void An_unaligned_segment_is_read_exactly()
    {
        var image = new ElfImage { Entry = 0x100234 };
        image.Segments.Add(new(0x234, 0x100234, 0x1001, 0x1001));
        image.Content.Add((0x234, Pattern(0x1101, 5)));

        Assert.Equal(0x100234u, Load(image));

        Assert.Equal(Pattern(0x1001, 5), _guest.Bytes.Slice(0x100234, 0x1001).ToArray());
        Assert.Equal(0, _guest.Bytes[0x100233]);
        Assert.Equal(0, _guest.Bytes[0x100234 + 0x1001]);
    }

    [Fact]
    public void Writing_to_a_mapped_segment_leaves_the_file_alone()
    {
        var image = new ElfImage();
        image.Segments.Add(new(0x1000, 0x100000, 0x1000, 0x1000));
        image.Content.Add((0x1000, Pattern(0x1000, 0)));
        var file = _guest.File(image.ToBytes());
        KernelLoader.Load(file, _guest.Ram, NullLogger.Instance);

        _guest.Bytes.Slice(0x100000, 0x1000).Fill(0xee);

        Assert.Equal(image.ToBytes(), File.ReadAllBytes(file.Path));
    }

    [Fact]
    public void Only_loadable_segments_are_loaded()
    {
        var image = new ElfImage();
        image.Segments.Add(new(0x1000, 0x100000, 0x10, 0x10));
        image.Segments.Add(new(0x1000, 0xfffff000, 0x7fffffff, 0x7fffffff, Type: 4));
        image.Content.Add((0x1000, Pattern(0x10, 0)));
        Load(image);
        Assert.Equal(Pattern(0x10, 0), _guest.Bytes.Slice(0x100000, 0x10).ToArray());
    }

    [Fact]
    public void Segments_may_be_adjacent_but_not_overlap()
    {
        var image = new ElfImage();
        image.Segments.Add(new(0x1000, 0x100000, 0x1000, 0x1000));
        image.Segments.Add(new(0x1000, 0x100fff, 0x10, 0x10));
        image.Content.Add((0x1000, Pattern(0x1000, 0)));
        Assert.Contains("overlaps", Refused(image), StringComparison.Ordinal);
    }

    public static TheoryData<string, string> Malformed => new()
    {
        { nameof(ElfImage.Class), "not a 32-bit x86 kernel" },
        { nameof(ElfImage.Type), "not an executable" },
        { nameof(ElfImage.Machine), "not for x86" },
        { nameof(ElfImage.EntrySize), "malformed ELF header" },
        { nameof(ElfImage.Count), "malformed ELF header" },
        { "many", "malformed ELF header" },
        { nameof(ElfImage.TableOffset), "truncated" },
        { nameof(ElfImage.Length), "truncated: an ELF header has 52 bytes" },
        { nameof(ElfImage.Entry), "starts at 0x400000, outside the guest's memory" },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void A_malformed_header_is_refused(string what, string expected)
    {
        var image = what switch
        {
            nameof(ElfImage.Class) => new ElfImage { Class = 2 },
            nameof(ElfImage.Type) => new ElfImage { Type = 3 },
            nameof(ElfImage.Machine) => new ElfImage { Machine = 62 },
            nameof(ElfImage.EntrySize) => new ElfImage { EntrySize = 56 },
            nameof(ElfImage.Count) => new ElfImage { Count = 0 },
            "many" => new ElfImage { Count = 2049 },
            nameof(ElfImage.TableOffset) => new ElfImage { TableOffset = 0xffffffff },
            nameof(ElfImage.Length) => new ElfImage { Length = 51 },
            _ => new ElfImage { Entry = 0x400000 },
        };
        if (what != nameof(ElfImage.Length))
        {
            image.Segments.Add(new(0x1000, 0x100000, 0x10, 0x10));
            image.Content.Add((0x1000, Pattern(0x10, 0)));
        }
        Assert.Contains(expected, Refused(image), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0x1000u, 0x100000u, 0x11u, 0x11u, "truncated: section 0 ends at byte 4113, the file at 4112")]
    [InlineData(0xfffffff0u, 0x100000u, 0x10u, 0x10u, "truncated")]
    [InlineData(0x1000u, 0x100000u, 0xffffffffu, 0xffffffffu, "truncated")]
    [InlineData(0x1000u, 0x100000u, 0x10u, 0x0fu, "malformed section 0")]
    [InlineData(0x1000u, 0x400000u, 0x10u, 0x10u, "does not fit: it needs 0x400000 to 0x400010, the guest's memory ends at 0x400000 (4 MB)")]
    [InlineData(0x1000u, 0x3ffff8u, 0x10u, 0x10u, "does not fit")]
    [InlineData(0x1000u, 0xfffffff8u, 0x10u, 0x10u, "does not fit")]
    [InlineData(0x1000u, 0x100000u, 0x10u, 0x300001u, "does not fit")]
    [InlineData(0x1000u, 0x100000u, 0x10u, 0xffffffffu, "does not fit")]
    public void A_hostile_segment_is_refused(uint offset, uint address, uint fileSize, uint memorySize, string expected)
    {
        var image = new ElfImage();
        image.Segments.Add(new(offset, address, fileSize, memorySize));
        image.Content.Add((0x1000, Pattern(0x10, 0)));
        Assert.Contains(expected, Refused(image), StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_of_any_bytes_either_loads_or_is_refused_with_one_line()
    {
        var random = new Random(20111024);
        var image = new ElfImage();
        image.Segments.Add(new(0x1000, 0x100000, 0x100, 0x200));
        image.Segments.Add(new(0x1000, 0x200000, 0x100, 0x200));
        image.Content.Add((0x1000, Pattern(0x100, 0)));
        var good = image.ToBytes();
        for (var i = 0; i < 2000; i++)
        {
            var bytes = (byte[])good.Clone();
            for (var changes = random.Next(1, 6); changes > 0; changes--)
                bytes[random.Next(4, 52 + 64)] = (byte)random.Next(256);
            using var guest = new GuestRamFixture(4);
            try
            {
                KernelLoader.Load(guest.File(bytes), guest.Ram, NullLogger.Instance);
            }
            catch (HostException e)
            {
                Assert.DoesNotContain('\n', e.Message);
            }
        }
    }
}
