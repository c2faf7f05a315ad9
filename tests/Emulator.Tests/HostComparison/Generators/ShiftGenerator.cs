// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Shifts and rotates, with every kind of count: none, one, the width, more than the width and more than 31.</summary>
internal static class ShiftGenerator
{
    private static readonly byte[] Counts =
        [0, 1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 18, 19, 24, 25, 26, 27, 30, 31, 32, 33, 40, 63, 64, 65, 128, 159, 224, 255];

    public static IEnumerable<CpuCase> Generate()
    {
        SplitMix random = new("shift");
        foreach (Code code in InstructionForms.All)
        {
            bool isDouble = code.Mnemonic() is Mnemonic.Shld or Mnemonic.Shrd;
            if (!isDouble && code.Mnemonic() is not (Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr or Mnemonic.Shl
                or Mnemonic.Sal or Mnemonic.Shr or Mnemonic.Sar))
            {
                continue;
            }

            foreach (byte count in Counts)
            {
                for (int i = 0; i < 16; i++)
                {
                    if (TryMake(random, code, count, i % 4 == 3) is CpuCase test)
                    {
                        yield return test;
                    }
                }
            }
        }
    }

    private static CpuCase? TryMake(SplitMix random, Code code, byte count, bool memory)
    {
        CaseBuilder builder = new(random);
        Instruction instruction = InstructionForms.TryFill(builder, code, memory ? MemoryPlaces.Any(random, 4) : null)!.Value;
        int last = instruction.OpCount - 1;
        if (instruction.GetOpKind(last) == OpKind.Immediate8)
        {
            instruction.Immediate8 = code.ToOpCode().GetOpKind(last) == OpCodeOperandKind.imm8 ? count : (byte)1;
        }
        else
        {
            builder.Set(Register.CL, count);
        }

        // A double shift by more than its width has no defined result.
        bool defined = code is not (Code.Shld_rm16_r16_imm8 or Code.Shrd_rm16_r16_imm8 or Code.Shld_rm16_r16_CL or Code.Shrd_rm16_r16_CL)
            || (count & 31) <= 16;
        return defined ? builder.Code(instruction) : null;
    }
}
