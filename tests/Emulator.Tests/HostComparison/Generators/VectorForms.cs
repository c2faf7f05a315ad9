// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>An MMX, SSE or SSE2 instruction: a prefix or 0, the byte behind 0x0F and a ModRM byte.</summary>
internal readonly record struct VectorForm(byte Prefix, byte Opcode, byte ModRm)
{
    public bool HasMemory => ModRm < 0xC0;

    /// <summary>The middle field of ModRM is part of the opcode.</summary>
    public bool IsGroup => Opcode is (>= 0x71 and <= 0x73) or 0xAE;

    /// <summary>The instruction with other registers, its memory operand being at [EAX].</summary>
    public Instruction Decode(int reg, int rm)
    {
        int modrm = IsGroup ? ModRm & 0x38 : reg << 3;
        modrm |= HasMemory ? 0 : 0xC0 | rm;
        return VectorForms.Decode(Prefix, Opcode, (byte)modrm);
    }
}

/// <summary>All the MMX, SSE and SSE2 instructions there are, found by asking Iced about every opcode.</summary>
internal static class VectorForms
{
    private static readonly CpuidFeature[] Features = [CpuidFeature.MMX, CpuidFeature.SSE, CpuidFeature.SSE2, CpuidFeature.FXSR, CpuidFeature.CLFSH];

    public static readonly VectorForm[] All = [.. Find(isOffered: true)];

    /// <summary>What looks like one of them and is of a later extension, or nothing at all.</summary>
    public static readonly VectorForm[] Others = [.. Find(isOffered: false)];

    /// <summary>A store that faulted may already have turned the x87 unit over to MMX.</summary>
    public static bool MayBeginMmx(in Instruction instruction) =>
        instruction.Mnemonic == Mnemonic.Maskmovq
        || (instruction.Op0Kind == OpKind.Memory && instruction.Op1Kind == OpKind.Register && instruction.Op1Register.IsMM());

    public static Instruction Decode(byte prefix, byte opcode, byte modrm)
    {
        byte[] code = [.. prefix == 0 ? Array.Empty<byte>() : [prefix], 0x0F, opcode, modrm, 0, 0, 0, 0, 0, 0, 0, 0];
        Decoder.Create(32, new ByteArrayCodeReader(code)).Decode(out Instruction instruction);
        return instruction;
    }

    /// <summary>Other instructions' part of the map, with prefetches: they are hints, and nothing that they hint at can be seen.</summary>
    private static bool IsOther(int opcode) =>
        opcode is (>= 0x18 and <= 0x27) or (>= 0x30 and <= 0x37) or (>= 0x3B and <= 0x4F) or (>= 0x80 and <= 0xAD)
            or (>= 0xAF and <= 0xC1) or (>= 0xC7 and <= 0xCF);

    private static IEnumerable<VectorForm> Find(bool isOffered)
    {
        foreach (byte prefix in (byte[])[0, 0x66, 0xF3, 0xF2])
        {
            for (int opcode = 0x10; opcode < 0x100; opcode++)
            {
                if (IsOther(opcode))
                {
                    continue;
                }

                for (int reg = 0; reg < 8; reg++)
                {
                    foreach (int mod in (int[])[0, 0xC0])
                    {
                        var form = new VectorForm(prefix, (byte)opcode, (byte)(mod | (reg << 3)));
                        Instruction instruction = Decode(prefix, (byte)opcode, form.ModRm);
                        bool known = !instruction.IsInvalid && Array.Exists(instruction.CpuidFeatures.ToArray(), feature => Array.IndexOf(Features, feature) >= 0);
                        if (known == isOffered && (reg == 0 || form.IsGroup))
                        {
                            yield return form;
                        }
                    }
                }
            }
        }
    }
}
