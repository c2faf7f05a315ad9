// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Loading;

/// <summary>A vmlinux: a 32-bit ELF executable, its segments loaded at their physical addresses.</summary>
internal static class ElfKernel
{
    private const int HeaderSize = 52;
    private const int ProgramHeaderSize = 32;
    private const int MaxProgramHeaders = 65536 / ProgramHeaderSize;
    private const byte Class32 = 1;
    private const byte LittleEndian = 1;
    private const ushort Executable = 2;
    private const ushort Intel386 = 3;
    private const uint Loadable = 1;

    public static ReadOnlySpan<byte> Magic => "\x7f"u8 + "ELF"u8;

    public static uint Load(ImageFile file, GuestRam ram, ILogger logger)
    {
        Span<byte> header = stackalloc byte[HeaderSize];
        if (file.Read(0, header) != HeaderSize)
            throw file.Bad($"is truncated: an ELF header has {HeaderSize} bytes, the file {file.Length}");
        if (header[4] != Class32 || header[5] != LittleEndian)
            throw file.Bad("is not a 32-bit x86 kernel (lguest guests are built with ARCH=i386)");

        var type = BinaryPrimitives.ReadUInt16LittleEndian(header[16..]);
        var machine = BinaryPrimitives.ReadUInt16LittleEndian(header[18..]);
        var entry = BinaryPrimitives.ReadUInt32LittleEndian(header[24..]);
        var tableOffset = BinaryPrimitives.ReadUInt32LittleEndian(header[28..]);
        var entrySize = BinaryPrimitives.ReadUInt16LittleEndian(header[42..]);
        var count = BinaryPrimitives.ReadUInt16LittleEndian(header[44..]);
        if (type != Executable)
            throw file.Bad($"is not an executable (ELF type {type}, 2 expected)");
        if (machine != Intel386)
            throw file.Bad($"is not for x86 (ELF machine {machine}, 3 expected)");
        if (entrySize != ProgramHeaderSize || count is 0 or > MaxProgramHeaders)
            throw file.Bad($"has a malformed ELF header ({count} program headers of {entrySize} bytes)");

        var table = new byte[count * ProgramHeaderSize];
        file.ReadExactly(tableOffset, table);
        for (var i = 0; i < count; i++)
        {
            var segment = table.AsSpan(i * ProgramHeaderSize, ProgramHeaderSize);
            if (BinaryPrimitives.ReadUInt32LittleEndian(segment) == Loadable)
                LoadSegment(file, ram, logger, i, segment);
        }
        return entry;
    }

    private static void LoadSegment(ImageFile file, GuestRam ram, ILogger logger, int number, ReadOnlySpan<byte> header)
    {
        var offset = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
        var address = BinaryPrimitives.ReadUInt32LittleEndian(header[12..]);
        var fileSize = BinaryPrimitives.ReadUInt32LittleEndian(header[16..]);
        var memorySize = BinaryPrimitives.ReadUInt32LittleEndian(header[20..]);
        if (fileSize > memorySize)
            throw file.Bad($"has a malformed section {number}: {fileSize} bytes in the file, {memorySize} in memory");
        if ((ulong)offset + fileSize > file.Length)
            throw file.Bad($"is truncated: section {number} ends at byte {(ulong)offset + fileSize}, the file at {file.Length}");

        logger.LogInformation("Section {Number}: size {Size} addr 0x{Address:x}", number, memorySize, address);
        ram.Claim(address, memorySize, $"kernel image '{file.Path}' section {number}");
        ram.Place(file, offset, address, fileSize);
    }
}
