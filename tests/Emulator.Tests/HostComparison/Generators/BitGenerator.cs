// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Bit tests, whose bit offset in a register reaches far beyond the operand in memory, and bit scans.</summary>
internal static class BitGenerator
{
    public static IEnumerable<CpuCase> Generate()
    {
        SplitMix random = new("bit");
        foreach (Code code in InstructionForms.All)
        {
            switch (code.Mnemonic())
            {
                case Mnemonic.Bsf or Mnemonic.Bsr:
                    for (int i = 0; i < 300; i++)
                    {
                        yield return Scan(random, code, i % 2 == 0);
                    }

                    break;
                case Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc:
                    for (int i = 0; i < 300; i++)
                    {
                        yield return i % 2 == 0 ? Test(random, code) : TestMemory(random, code);
                    }

                    break;
            }
        }
    }

    private static CpuCase Scan(SplitMix random, Code code, bool memory)
    {
        CaseBuilder builder = new(random);
        uint place = MemoryPlaces.Any(random, 4);
        Instruction instruction = InstructionForms.TryFill(builder, code, memory ? place : null)!.Value;
        uint value = random.OneIn(5) ? 0 : 1u << random.Below(32) | (1u << random.Below(32));
        if (memory)
        {
            builder.PokeValue(place, value, 4);
        }
        else
        {
            builder.Set(instruction.Op1Register, value);
        }

        return builder.Code(instruction);
    }

    private static CpuCase Test(SplitMix random, Code code)
    {
        CaseBuilder builder = new(random);
        return builder.Code(InstructionForms.TryFill(builder, code, null)!.Value);
    }

    private static CpuCase TestMemory(SplitMix random, Code code)
    {
        CaseBuilder builder = new(random);
        int size = code.ToOpCode().GetOpKind(0) == OpCodeOperandKind.r16_or_mem ? 2 : 4;
        uint target = MemoryPlaces.Any(random, size);
        Instruction instruction = default;
        instruction.Code = code;
        instruction.Op0Kind = OpKind.Memory;
        MemoryOperand operand;
        if (code.ToOpCode().GetOpKind(1) == OpCodeOperandKind.imm8)
        {
            instruction.Op1Kind = OpKind.Immediate8;
            instruction.Immediate8 = (byte)random.NextUInt32();
            operand = AddressForms.At(builder, target);
        }
        else
        {
            Register offset = size == 2 ? Register.BX : random.Pick(Register.EBX, Register.EDX, Register.EBP);
            int elements = random.Pick(0, 0, 1, -1, 100, -100, random.Below(400) - 200);
            uint bit = (uint)((elements * size * 8) + random.Below(size * 8));
            builder.Set(offset, bit);
            instruction.Op1Kind = OpKind.Register;
            instruction.Op1Register = offset;
            operand = AddressForms.At(builder, target - (uint)(elements * size), offset);
        }

        instruction.MemoryBase = operand.Base;
        instruction.MemoryIndex = operand.Index;
        instruction.MemoryIndexScale = operand.Scale;
        instruction.MemoryDisplSize = operand.DisplSize;
        instruction.MemoryDisplacement32 = (uint)operand.Displacement;
        instruction.SegmentPrefix = operand.SegmentPrefix;
        builder.PokeValue(target, random.NextUInt32(), size);
        // A bit string's base may be in the low pages while the bit is not.
        builder.Case.NeedsLowPages |= target < 0x20000;
        return builder.Code(instruction);
    }
}
