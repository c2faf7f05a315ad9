// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>The state in which a snippet trapped.</summary>
internal sealed class CpuOutcome
{
    /// <summary>Not a trap: the snippet did not end by itself.</summary>
    public const uint TimedOut = 0xFF;

    /// <summary>EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI.</summary>
    public uint[] Registers { get; init; } = new uint[8];

    public uint Eflags { get; set; }

    public uint Eip { get; set; }

    public uint Vector { get; set; }

    public uint ErrorCode { get; set; }

    /// <summary>The faulting address; only for page faults.</summary>
    public uint Address { get; set; }

    /// <summary>ES, CS, SS, DS, FS, GS.</summary>
    public ushort[] Selectors { get; init; } = new ushort[6];

    /// <summary>FXSAVE's image behind a case that had one before it.</summary>
    public byte[]? Vectors { get; set; }

    /// <summary>The runs of bytes that differ from what the case put there, by page and address.</summary>
    public List<MemoryPatch> Changes { get; init; } = [];

    public static CpuOutcome Read(BinaryReader reader, bool hasVectors)
    {
        CpuOutcome outcome = new() { Eflags = reader.ReadUInt32() };
        foreach (int register in StateFormat.RegisterOrder)
        {
            outcome.Registers[register] = reader.ReadUInt32();
        }

        outcome.Eip = reader.ReadUInt32();
        outcome.Vector = reader.ReadUInt32();
        outcome.ErrorCode = reader.ReadUInt32();
        outcome.Address = reader.ReadUInt32();
        for (int i = 0; i < outcome.Selectors.Length; i++)
        {
            outcome.Selectors[i] = reader.ReadUInt16();
        }

        outcome.Vectors = hasVectors ? reader.ReadBytes(VectorState.ImageBytes) : null;
        StateFormat.ReadPatches(reader, outcome.Changes);
        return outcome;
    }
}
