// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using LguestPlug.Host.Loading;
using Microsoft.Extensions.Logging.Abstractions;

namespace LguestPlug.Host.Tests.Loading;

public sealed class BzImageKernelTests : IDisposable
{
    private readonly GuestRamFixture _guest = new(4);

    public void Dispose() => _guest.Dispose();

    private uint Load(byte[] image) => KernelLoader.Load(_guest.File(image), _guest.Ram, NullLogger.Instance);

    private string Refused(byte[] image) => Assert.Throws<HostException>(() => Load(image)).Message;

    private static byte[] Image(int setupSectors = 3, int payload = 0x2010, ushort version = 0x0206, uint entry = 0x100000)
    {
        var offset = ((setupSectors == 0 ? 4 : setupSectors) + 1) * 512;
        var bytes = new byte[offset + payload];
        bytes[0x1f1] = (byte)setupSectors;
        "HdrS"u8.CopyTo(bytes.AsSpan(0x202));
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(0x206), version);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(0x1f4), (uint)(payload + 15) / 16);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(0x214), entry);
        for (var i = offset; i < bytes.Length; i++)
            bytes[i] = (byte)((i * 3) + 1);
        return bytes;
    }

    [Theory]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(0)]
    [InlineData(255)]
    public void What_follows_the_setup_sectors_lands_at_one_megabyte(int sectors)
    {
        var image = Image(sectors, entry: 0x100200);
        Assert.Equal(0x100200u, Load(image));
        var offset = ((sectors == 0 ? 4 : sectors) + 1) * 512;
        Assert.Equal(image[offset..], _guest.Bytes.Slice(0x100000, image.Length - offset).ToArray());
        Assert.True(_guest.Bytes[..0x100000].IndexOfAnyExcept((byte)0) < 0);
    }

    [Fact]
    public void Neither_format_is_refused()
    {
        Assert.Contains("neither an ELF image nor a bzImage", Refused([.. "#!/bin/sh\n"u8]), StringComparison.Ordinal);
        Assert.Contains("neither an ELF image nor a bzImage", Refused([]), StringComparison.Ordinal);
        Assert.Contains("neither an ELF image nor a bzImage", Refused(new byte[10000]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_truncated_image_is_refused()
    {
        var image = Image();
        Assert.Contains("truncated: a bzImage's header", Refused(image[..0x210]), StringComparison.Ordinal);
        Assert.Contains("truncated: its kernel starts at byte 2048", Refused(image[..0x400]), StringComparison.Ordinal);
        Assert.Contains("truncated: its header announces 8208 bytes of kernel, 4096 are there", Refused(image[..(2048 + 4096)]), StringComparison.Ordinal);
    }

    [Fact]
    public void An_image_that_does_not_fit_says_so_with_the_sizes()
    {
        Assert.Contains("does not fit: it needs 0x100000 to 0x400010, the guest's memory ends at 0x400000 (4 MB)", Refused(Image(payload: 0x300010)), StringComparison.Ordinal);
        var needy = Image(version: 0x020a);
        BinaryPrimitives.WriteUInt64LittleEndian(needy.AsSpan(0x258), 0x1000000);
        BinaryPrimitives.WriteUInt32LittleEndian(needy.AsSpan(0x260), 0x800000);
        Assert.Contains("unpacking it needs memory up to 0x1800000", Refused(needy), StringComparison.Ordinal);
        BinaryPrimitives.WriteUInt64LittleEndian(needy.AsSpan(0x258), ulong.MaxValue);
        Assert.Contains("does not fit", Refused(needy), StringComparison.Ordinal);
    }

    [Fact]
    public void An_entry_outside_memory_is_refused() =>
        Assert.Contains("starts at 0xffffffff", Refused(Image(entry: 0xffffffff)), StringComparison.Ordinal);
}
