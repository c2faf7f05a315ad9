// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Every form whose effect depends on its operands and flags alone: arithmetic, logic, moves, conditions.</summary>
internal static class PlainGenerator
{
    public static IEnumerable<CpuCase> Generate()
    {
        SplitMix random = new("plain");
        foreach (Code code in InstructionForms.All)
        {
            int count = Count(code.Mnemonic());
            bool memoryOnly = InstructionForms.IsMemoryOnly(code);
            for (int i = 0; i < count && !memoryOnly; i++)
            {
                if (TryMake(random, code, false) is CpuCase test)
                {
                    yield return test;
                }
            }

            for (int i = 0; i < count && (memoryOnly || InstructionForms.HasRegisterOrMemory(code)); i++)
            {
                if (TryMake(random, code, true) is CpuCase test)
                {
                    yield return test;
                }
            }
        }
    }

    /// <summary>Cases for each form, with register and with memory operands; mnemonics that are not here have their own generator.</summary>
    private static int Count(Mnemonic mnemonic) => mnemonic switch
    {
        Mnemonic.Lea => 600,
        Mnemonic.Adc or Mnemonic.Sbb or Mnemonic.Cmpxchg8b => 400,
        Mnemonic.Add or Mnemonic.Sub or Mnemonic.Cmp or Mnemonic.Cmpxchg => 300,
        Mnemonic.Sahf => 260,
        Mnemonic.Xadd => 200,
        Mnemonic.Inc or Mnemonic.Dec or Mnemonic.Neg => 160,
        Mnemonic.Lahf => 130,
        Mnemonic.Or or Mnemonic.And or Mnemonic.Xor or Mnemonic.Test => 120,
        Mnemonic.Bswap or Mnemonic.Movzx or Mnemonic.Movsx => 100,
        Mnemonic.Not or Mnemonic.Mov or Mnemonic.Xchg => 80,
        Mnemonic.Cbw or Mnemonic.Cwde or Mnemonic.Cwd or Mnemonic.Cdq => 60,
        (>= Mnemonic.Cmova and <= Mnemonic.Cmovs) or Mnemonic.Salc => 40,
        >= Mnemonic.Seta and <= Mnemonic.Sets => 30,
        Mnemonic.Clc or Mnemonic.Stc or Mnemonic.Cmc or Mnemonic.Cld or Mnemonic.Std or Mnemonic.Nop => 20,
        Mnemonic.Ud0 or Mnemonic.Ud1 => 10,
        Mnemonic.Wait => 8,
        Mnemonic.Pause or Mnemonic.Ud2 => 4,
        _ => 0,
    };

    private static CpuCase? TryMake(SplitMix random, Code code, bool memory)
    {
        CaseBuilder builder = new(random);
        // An exchange with memory locks the bus, and hosts that watch for locks across cache lines slow such programs down.
        bool aligned = code.Mnemonic() is Mnemonic.Xchg;
        uint? place = !memory ? null : aligned ? MemoryPlaces.Aligned(random, 4) : MemoryPlaces.Any(random, 4);
        if (InstructionForms.TryFill(builder, code, place) is not Instruction instruction)
        {
            return null;
        }

        builder.Case.Eflags |= random.OneIn(8) ? Eflags.Direction : 0;
        if (random.OneIn(2) && memory)
        {
            MakeComparisonEqual(builder, code, place!.Value);
        }

        return builder.Code(instruction);
    }

    /// <summary>Lets the compare-and-exchange instructions succeed, which random values never would.</summary>
    private static void MakeComparisonEqual(CaseBuilder builder, Code code, uint place)
    {
        switch (code)
        {
            case Code.Cmpxchg8b_m64:
                builder.PokeValue(place, builder.Get(Register.EAX) | ((ulong)builder.Get(Register.EDX) << 32), 8);
                break;
            case Code.Cmpxchg_rm8_r8 or Code.Cmpxchg_rm16_r16 or Code.Cmpxchg_rm32_r32:
                builder.PokeValue(place, builder.Get(Register.EAX), 4);
                break;
        }
    }
}
