// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;

namespace LguestPlug.Host.Tests.Loading;

/// <summary>Makes ELF files, right ones and wrong ones.</summary>
internal sealed class ElfImage
{
    public byte Class { get; init; } = 1;
    public ushort Type { get; init; } = 2;
    public ushort Machine { get; init; } = 3;
    public uint Entry { get; init; } = 0x100000;
    public ushort EntrySize { get; init; } = 32;
    public ushort? Count { get; init; }
    public uint TableOffset { get; init; } = 52;
    public List<Segment> Segments { get; } = [];
    public List<(int Offset, byte[] Bytes)> Content { get; } = [];
    public int? Length { get; init; }

    internal sealed record Segment(uint Offset, uint Address, uint FileSize, uint MemorySize, uint Type = 1);

    public byte[] ToBytes()
    {
        var needed = Content.Select(c => c.Offset + c.Bytes.Length).Append(52 + (32 * Segments.Count)).Max();
        var bytes = new byte[Math.Max(needed, Length ?? 0)];
        "\x7f"u8.CopyTo(bytes);
        "ELF"u8.CopyTo(bytes.AsSpan(1));
        bytes[4] = Class;
        bytes[5] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(16), Type);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(18), Machine);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(24), Entry);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(28), TableOffset);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(42), EntrySize);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(44), Count ?? (ushort)Segments.Count);
        for (var i = 0; i < Segments.Count; i++)
        {
            var header = bytes.AsSpan(52 + (32 * i));
            BinaryPrimitives.WriteUInt32LittleEndian(header, Segments[i].Type);
            BinaryPrimitives.WriteUInt32LittleEndian(header[4..], Segments[i].Offset);
            BinaryPrimitives.WriteUInt32LittleEndian(header[12..], Segments[i].Address);
            BinaryPrimitives.WriteUInt32LittleEndian(header[16..], Segments[i].FileSize);
            BinaryPrimitives.WriteUInt32LittleEndian(header[20..], Segments[i].MemorySize);
        }
        foreach (var (offset, content) in Content)
            content.CopyTo(bytes, offset);
        return Length is { } length ? bytes[..length] : bytes;
    }
}
