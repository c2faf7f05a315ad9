// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Loading;

/// <summary>
/// A bzImage: behind a real-mode part that is skipped comes the protected-mode part, which unpacks the kernel in the
/// guest. See "The Linux/x86 boot protocol".
/// </summary>
internal static class BzImageKernel
{
    private const ulong LoadAddress = 0x100000;
    private const int SectorSize = 512;
    private const int HeaderBytes = 0x268;
    private const int SectorsWhenZero = 4;

    public static uint Load(ImageFile file, GuestRam ram, ILogger logger)
    {
        var header = new byte[HeaderBytes];
        var read = file.Read(0, header);
        if (read < 0x206 || !header.AsSpan(0x202, 4).SequenceEqual("HdrS"u8))
            throw file.Bad("is neither an ELF image nor a bzImage");
        if (read < HeaderBytes)
            throw file.Bad($"is truncated: a bzImage's header has {HeaderBytes} bytes, the file {read}");

        var sectors = header[0x1f1] == 0 ? SectorsWhenZero : header[0x1f1];
        var version = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(0x206));
        var entry = BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(0x214));
        var offset = (ulong)(sectors + 1) * SectorSize;
        if (offset >= file.Length)
            throw file.Bad($"is truncated: its kernel starts at byte {offset}, the file ends at {file.Length}");
        var length = file.Length - offset;
        CheckComplete(file, header, version, length);
        CheckRoomToUnpack(file, header, version, ram);

        logger.LogInformation("bzImage: size {Size} addr 0x{Address:x}, boot protocol {Major}.{Minor:00}", length, LoadAddress, version >> 8, version & 0xff);
        ram.Claim(LoadAddress, length, $"kernel image '{file.Path}'");
        ram.Place(file, offset, LoadAddress, length);
        return entry;
    }

    private static void CheckComplete(ImageFile file, ReadOnlySpan<byte> header, ushort version, ulong length)
    {
        const int SizeKnownSince = 0x0204;
        const ulong Paragraph = 16;
        if (version < SizeKnownSince)
            return;
        var announced = BinaryPrimitives.ReadUInt32LittleEndian(header[0x1f4..]) * Paragraph;
        if (announced > length + Paragraph - 1)
            throw file.Bad($"is truncated: its header announces {announced} bytes of kernel, {length} are there");
    }

    /// <summary>Without this the unpacker runs off the end of memory long after, and nothing tells why.</summary>
    private static void CheckRoomToUnpack(ImageFile file, ReadOnlySpan<byte> header, ushort version, GuestRam ram)
    {
        const int NeedKnownSince = 0x020a;
        if (version < NeedKnownSince)
            return;
        var preferred = BinaryPrimitives.ReadUInt64LittleEndian(header[0x258..]);
        var needed = BinaryPrimitives.ReadUInt32LittleEndian(header[0x260..]);
        if (preferred > ram.Length || needed > ram.Length - preferred)
            throw file.Bad($"does not fit: unpacking it needs memory up to 0x{preferred + needed:x}, the guest's ends at 0x{ram.Length:x} ({ram.Length >> 20} MB)");
    }
}
