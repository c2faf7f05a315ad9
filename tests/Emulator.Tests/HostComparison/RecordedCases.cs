// SPDX-License-Identifier: GPL-2.0-or-later
using System.IO.Compression;

namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>
/// Cases with the outcomes that a host once had, in a small file: like things stand together and outcomes are stored as changes
/// of their cases, so that the compressor finds almost only zeros.
/// </summary>
internal static class RecordedCases
{
    private const int Columns = 4;

    private static readonly CpuCase Usual = new();

    public static void Save(string path, IEnumerable<(CpuCase Test, CpuOutcome Outcome)> cases)
    {
        MemoryStream[] columns = [.. Enumerable.Range(0, Columns).Select(_ => new MemoryStream())];
        BinaryWriter[] writers = [.. columns.Select(column => new BinaryWriter(column))];
        int count = 0;
        foreach ((CpuCase test, CpuOutcome outcome) in cases)
        {
            WriteCase(writers[0], test);
            WritePatches(writers[1], test.Patches);
            WriteOutcome(writers[2], test, outcome);
            WritePatches(writers[3], outcome.Changes);
            count++;
        }

        using FileStream file = File.Create(path);
        using BrotliStream compressed = new(file, CompressionLevel.SmallestSize);
        using BinaryWriter writer = new(compressed);
        writer.Write(count);
        foreach (MemoryStream column in columns)
        {
            writer.Write((int)column.Length);
            writer.Write(column.GetBuffer(), 0, (int)column.Length);
        }
    }

    public static IEnumerable<(CpuCase Test, CpuOutcome Outcome)> Load(string path)
    {
        using FileStream file = File.OpenRead(path);
        using BrotliStream compressed = new(file, CompressionMode.Decompress);
        using BinaryReader whole = new(compressed);
        int count = whole.ReadInt32();
        BinaryReader[] readers = new BinaryReader[Columns];
        for (int i = 0; i < Columns; i++)
        {
            readers[i] = new BinaryReader(new MemoryStream(whole.ReadBytes(whole.ReadInt32())));
        }

        for (; count > 0; count--)
        {
            CpuCase test = ReadCase(readers[0]);
            ReadPatches(readers[1], test.Patches);
            CpuOutcome outcome = ReadOutcome(readers[2], test);
            ReadPatches(readers[3], outcome.Changes);
            yield return (test, outcome);
        }
    }

    private static void WriteCase(BinaryWriter writer, CpuCase test)
    {
        for (int i = 0; i < 8; i++)
        {
            writer.Write(test.Registers[i] ^ CaseBuilder.UsualRegisters[i]);
        }

        writer.Write((ushort)(test.Eflags & 0xFFFF));
        writer.Write((byte)(test.Eflags >> 16));
        writer.Write(test.Eip ^ Usual.Eip);
        writer.Write((byte)test.Es);
        writer.Write((byte)test.Ds);
        writer.Write((byte)test.Fs);
        writer.Write((byte)test.Gs);
        writer.Write((ushort)test.UndefinedFlags);
        writer.Write(test.NeedsLowPages);
    }

    private static CpuCase ReadCase(BinaryReader reader)
    {
        CpuCase test = new();
        for (int i = 0; i < 8; i++)
        {
            test.Registers[i] = reader.ReadUInt32() ^ CaseBuilder.UsualRegisters[i];
        }

        test.Eflags = reader.ReadUInt16() | ((uint)reader.ReadByte() << 16);
        test.Eip = reader.ReadUInt32() ^ Usual.Eip;
        test.Es = reader.ReadByte();
        test.Ds = reader.ReadByte();
        test.Fs = reader.ReadByte();
        test.Gs = reader.ReadByte();
        test.UndefinedFlags = reader.ReadUInt16();
        test.NeedsLowPages = reader.ReadBoolean();
        return test;
    }

    private static void WriteOutcome(BinaryWriter writer, CpuCase test, CpuOutcome outcome)
    {
        for (int i = 0; i < 8; i++)
        {
            writer.Write(outcome.Registers[i] - test.Registers[i]);
        }

        writer.Write(outcome.Eflags ^ test.Eflags);
        writer.Write(outcome.Eip - test.Eip);
        writer.Write((byte)outcome.Vector);
        writer.Write((ushort)outcome.ErrorCode);
        // The register is stale unless the trap is a page fault.
        writer.Write(outcome.Vector == 14 ? outcome.Address : 0);
        foreach (ushort selector in outcome.Selectors)
        {
            writer.Write(selector);
        }
    }

    private static CpuOutcome ReadOutcome(BinaryReader reader, CpuCase test)
    {
        CpuOutcome outcome = new();
        for (int i = 0; i < 8; i++)
        {
            outcome.Registers[i] = reader.ReadUInt32() + test.Registers[i];
        }

        outcome.Eflags = reader.ReadUInt32() ^ test.Eflags;
        outcome.Eip = reader.ReadUInt32() + test.Eip;
        outcome.Vector = reader.ReadByte();
        outcome.ErrorCode = reader.ReadUInt16();
        outcome.Address = reader.ReadUInt32();
        for (int i = 0; i < outcome.Selectors.Length; i++)
        {
            outcome.Selectors[i] = reader.ReadUInt16();
        }

        return outcome;
    }

    private static void WritePatches(BinaryWriter writer, List<MemoryPatch> patches)
    {
        writer.Write7BitEncodedInt(patches.Count);
        foreach (MemoryPatch patch in patches)
        {
            writer.Write(patch.Address);
            writer.Write7BitEncodedInt(patch.Bytes.Length);
            writer.Write(patch.Bytes);
        }
    }

    private static void ReadPatches(BinaryReader reader, List<MemoryPatch> patches)
    {
        for (int count = reader.Read7BitEncodedInt(); count > 0; count--)
        {
            uint address = reader.ReadUInt32();
            patches.Add(new MemoryPatch(address, reader.ReadBytes(reader.Read7BitEncodedInt())));
        }
    }
}
