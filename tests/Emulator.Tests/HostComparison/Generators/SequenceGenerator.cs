// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>
/// Short random sequences: flags that live over several instructions, forward branches, counted loops, stack use. ESI, EDI and
/// EBP stay pointers into the data pages, so nothing in them faults.
/// </summary>
internal static class SequenceGenerator
{
    private static readonly HashSet<Mnemonic> Mnemonics =
    [
        Mnemonic.Add, Mnemonic.Or, Mnemonic.Adc, Mnemonic.Sbb, Mnemonic.And, Mnemonic.Sub, Mnemonic.Xor, Mnemonic.Cmp, Mnemonic.Test,
        Mnemonic.Inc, Mnemonic.Dec, Mnemonic.Neg, Mnemonic.Not, Mnemonic.Mov, Mnemonic.Movzx, Mnemonic.Movsx, Mnemonic.Lea,
        Mnemonic.Cbw, Mnemonic.Cwde, Mnemonic.Cwd, Mnemonic.Cdq, Mnemonic.Clc, Mnemonic.Stc, Mnemonic.Cmc, Mnemonic.Lahf, Mnemonic.Sahf,
        Mnemonic.Rol, Mnemonic.Ror, Mnemonic.Rcl, Mnemonic.Rcr, Mnemonic.Shl, Mnemonic.Shr, Mnemonic.Sar, Mnemonic.Shld, Mnemonic.Shrd,
        Mnemonic.Mul, Mnemonic.Imul, Mnemonic.Bt, Mnemonic.Bts, Mnemonic.Btr, Mnemonic.Btc, Mnemonic.Bsf, Mnemonic.Bsr,
        Mnemonic.Xadd, Mnemonic.Cmpxchg, Mnemonic.Bswap, Mnemonic.Daa, Mnemonic.Das, Mnemonic.Aaa, Mnemonic.Aas, Mnemonic.Salc, Mnemonic.Nop,
    ];

    /// <summary>By mnemonic, so that those with many forms come no more often than others.</summary>
    private static readonly Code[][] Forms =
    [
        .. InstructionForms.All
            .Where(code => IsUsual(code) && !IncomparableForms.Contains(code) && IsFillable(code))
            .GroupBy(code => code.Mnemonic())
            .Select(group => group.ToArray()),
    ];

    private static readonly Register[] Registers8 =
        [Register.AL, Register.CL, Register.DL, Register.BL, Register.AH, Register.CH, Register.DH, Register.BH];

    private static readonly Register[] Registers16 = [Register.AX, Register.CX, Register.DX, Register.BX];

    private static readonly Register[] Registers32 = [Register.EAX, Register.ECX, Register.EDX, Register.EBX];

    private static readonly Action<Assembler, Label>[] Branches =
    [
        (a, l) => a.jo(l), (a, l) => a.jno(l), (a, l) => a.jb(l), (a, l) => a.jae(l), (a, l) => a.je(l), (a, l) => a.jne(l),
        (a, l) => a.jbe(l), (a, l) => a.ja(l), (a, l) => a.js(l), (a, l) => a.jns(l), (a, l) => a.jp(l), (a, l) => a.jnp(l),
        (a, l) => a.jl(l), (a, l) => a.jge(l), (a, l) => a.jle(l), (a, l) => a.jg(l),
    ];

    public static IEnumerable<CpuCase> Generate()
    {
        SplitMix random = new("sequence");
        for (int made = 0; made < 24000;)
        {
            CaseBuilder builder = Start(random);
            Assembler assembler = new(32);
            Write(random, assembler);
            CpuCase test = SequenceCode.Finish(builder, assembler);
            if (FlagFlow.TryFindUndefined(test.Patches[^1].Bytes, test.Eip, out uint undefined))
            {
                test.UndefinedFlags = undefined;
                made++;
                yield return test;
            }
        }
    }

    private static CaseBuilder Start(SplitMix random)
    {
        CaseBuilder builder = new(random);
        foreach (Register register in Registers32)
        {
            builder.Set(register, (uint)InterestingValues.Pick(random, 4));
        }

        builder.Set(Register.ESI, HostWindow.Data + 0x200 + ((uint)random.Below(0x80) * 4));
        builder.Set(Register.EDI, HostWindow.DataMiddle - 4 + (uint)random.Below(0x100));
        builder.Set(Register.EBP, HostWindow.Data + 0x600 + (uint)random.Below(0x100));
        builder.Case.Eip = random.OneIn(4)
            ? HostWindow.Code + HostWindow.PageBytes - 1 - (uint)random.Below(40)
            : HostWindow.Code + 0x80 + (uint)random.Below(0x800);
        return builder;
    }

    private static void Write(SplitMix random, Assembler a)
    {
        int length = 3 + random.Below(10);
        bool loop = random.OneIn(4);
        Label again = a.CreateLabel("again");
        Label? forward = null;
        int until = 0;
        if (loop)
        {
            a.mov(ecx, 1 + random.Below(5));
            a.Label(ref again);
        }

        for (int i = 0; i < length; i++)
        {
            if (forward is Label label && i >= until)
            {
                a.Label(ref label);
                forward = null;
            }

            if (forward is null && random.OneIn(6))
            {
                Label target = a.CreateLabel("forward");
                random.Pick<Action<Assembler, Label>>(Branches)(a, target);
                forward = target;
                until = i + 2 + random.Below(3);
            }
            else if (forward is null && random.OneIn(10))
            {
                // Only where no branch leaves between a push and its pop.
                if (random.OneIn(2))
                {
                    a.pushfd();
                }
                else
                {
                    a.push(eax);
                }

                a.AddInstruction(Pick(random, loop));
                a.pop(edx);
            }
            else
            {
                a.AddInstruction(Pick(random, loop));
            }
        }

        if (forward is Label rest)
        {
            a.Label(ref rest);
        }

        if (loop)
        {
            if (random.OneIn(2))
            {
                a.loop(again);
            }
            else
            {
                a.dec(ecx);
                a.jne(again);
            }
        }

        a.nop();
    }

    /// <summary>An instruction that leaves the pointers alone and, in a loop, its counter too.</summary>
    private static Instruction Pick(SplitMix random, bool keepCounter)
    {
        while (true)
        {
            Code[] forms = random.Pick<Code[]>(Forms);
            Instruction instruction = Fill(random, random.Pick<Code>(forms));
            bool writesCounter = instruction.OpCount > 0 && instruction.Op0Kind == OpKind.Register && CaseBuilder.Number(instruction.Op0Register) == 1;
            bool exchangesCounter = instruction.Mnemonic == Mnemonic.Xadd && CaseBuilder.Number(instruction.Op1Register) == 1;
            if (!keepCounter || !(writesCounter || exchangesCounter))
            {
                return instruction;
            }
        }
    }

    private static Instruction Fill(SplitMix random, Code code)
    {
        OpCodeInfo info = code.ToOpCode();
        Instruction instruction = default;
        instruction.Code = code;
        for (int i = 0; i < info.OpCount; i++)
        {
            OpCodeOperandKind kind = info.GetOpKind(i);
            Register register = kind switch
            {
                OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r8_reg or OpCodeOperandKind.r8_opcode => random.Pick<Register>(Registers8),
                OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r16_reg or OpCodeOperandKind.r16_opcode => random.Pick<Register>(Registers16),
                OpCodeOperandKind.r32_or_mem or OpCodeOperandKind.r32_reg or OpCodeOperandKind.r32_opcode => random.Pick<Register>(Registers32),
                OpCodeOperandKind.al => Register.AL,
                OpCodeOperandKind.cl => Register.CL,
                OpCodeOperandKind.ax => Register.AX,
                OpCodeOperandKind.eax => Register.EAX,
                _ => Register.None,
            };
            bool canBeMemory = kind is OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r32_or_mem
                && !(code.Mnemonic() is Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc);
            if (kind == OpCodeOperandKind.mem || (canBeMemory && random.OneIn(3)))
            {
                instruction.SetOpKind(i, OpKind.Memory);
                instruction.MemoryBase = random.Pick(Register.ESI, Register.EDI, Register.EBP);
                instruction.MemoryDisplSize = 1;
                instruction.MemoryDisplacement32 = (uint)(random.Below(8) * random.Pick(1, 4, -4));
            }
            else if (register != Register.None)
            {
                instruction.SetOpKind(i, OpKind.Register);
                instruction.SetOpRegister(i, register);
            }
            else
            {
                InstructionForms.SetImmediate(ref instruction, i, kind, random);
            }
        }

        return instruction;
    }

    private static bool IsUsual(Code code) => Mnemonics.Contains(code.Mnemonic())
        || code.Mnemonic() is (>= Mnemonic.Cmova and <= Mnemonic.Cmovs) or (>= Mnemonic.Seta and <= Mnemonic.Sets);

    private static bool IsFillable(Code code)
    {
        // 16-bit double shifts have no defined result for most counts.
        if (code is Code.Shld_rm16_r16_imm8 or Code.Shrd_rm16_r16_imm8 or Code.Shld_rm16_r16_CL or Code.Shrd_rm16_r16_CL)
        {
            return false;
        }

        OpCodeInfo info = code.ToOpCode();
        for (int i = 0; i < info.OpCount; i++)
        {
            if (info.GetOpKind(i) is OpCodeOperandKind.mem_offs or OpCodeOperandKind.seg_reg or OpCodeOperandKind.cr_reg or OpCodeOperandKind.dr_reg)
            {
                return false;
            }
        }

        return true;
    }
}
