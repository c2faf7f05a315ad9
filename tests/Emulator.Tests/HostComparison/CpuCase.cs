// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>Bytes written over the window's own before a case, or found changed after it.</summary>
internal readonly record struct MemoryPatch(uint Address, byte[] Bytes);

/// <summary>The state from which both CPUs run one snippet, until it traps; behind every snippet stands INT3.</summary>
internal sealed class CpuCase
{
    /// <summary>EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI.</summary>
    public uint[] Registers { get; init; } = new uint[8];

    public uint Eflags { get; set; } = 2;

    public uint Eip { get; set; } = HostWindow.Code;

    public ushort Es { get; set; } = HostWindow.FlatData;

    public ushort Ds { get; set; } = HostWindow.FlatData;

    public ushort Fs { get; set; }

    public ushort Gs { get; set; }

    /// <summary>FXSAVE's image of the x87, MMX and SSE registers; null if they do not matter.</summary>
    public byte[]? Vectors { get; set; }

    /// <summary>Memory contents, the code among them; later ones win.</summary>
    public List<MemoryPatch> Patches { get; init; } = [];

    /// <summary>Status flags that the manual leaves undefined after this case.</summary>
    public uint UndefinedFlags { get; set; }

    /// <summary>The case uses the pages in the first 64 KiB.</summary>
    public bool NeedsLowPages { get; set; }

    /// <summary>Writes the case as the host's program reads it.</summary>
    public void Write(BinaryWriter writer)
    {
        writer.Write(Eflags);
        foreach (int register in StateFormat.RegisterOrder)
        {
            writer.Write(Registers[register]);
        }

        writer.Write(Eip);
        writer.Write(Es);
        writer.Write(Ds);
        writer.Write(Fs);
        writer.Write(Gs);
        writer.Write(Vectors is null ? 0 : 1);
        if (Vectors is not null)
        {
            writer.Write(Vectors);
        }

        StateFormat.WritePatches(writer, Patches);
    }
}
