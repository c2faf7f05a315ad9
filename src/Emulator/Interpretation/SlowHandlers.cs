// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Decoding;

namespace LguestPlug.Emulator.Interpretation;

/// <summary>Which handler executes which instruction, and which instructions end a block.</summary>
internal static unsafe class SlowHandlers
{
    /// <summary>Bytes of the longest instruction.</summary>
    private const int MaxLength = 15;

    private static readonly int MnemonicCount = Enum.GetValues<Mnemonic>().Length;
    private static readonly delegate*<InstructionExecutor, SlowInstruction*, SlowResult>[] Handlers = BuildHandlers();
    private static readonly bool[] Ends = BuildEnds();

    /// <summary>The handler of an instruction.</summary>
    /// <param name="i">As Iced decoded it.</param>
    /// <param name="encoding">What is to be in <see cref="SlowInstruction.Encoding"/>.</param>
    public static delegate*<InstructionExecutor, SlowInstruction*, SlowResult> For(in Instruction i, uint encoding) =>
        encoding > ushort.MaxValue ? &InstructionExecutor.Simd
        : encoding != 0 ? &InstructionExecutor.Fpu
        // Too long is a protection fault, not an undefined instruction.
        : i.IsInvalid && i.Length >= MaxLength ? &InstructionExecutor.Privileged
        // SSE2 has instructions of the same names.
        : i.Mnemonic is Mnemonic.Movsd or Mnemonic.Cmpsd && !i.IsStringInstruction ? &InstructionExecutor.Undefined
        : Handlers[(int)i.Mnemonic];

    public static bool EndsBlock(Mnemonic mnemonic) => Ends[(int)mnemonic];

    private static delegate*<InstructionExecutor, SlowInstruction*, SlowResult>[] BuildHandlers()
    {
        var table = new delegate*<InstructionExecutor, SlowInstruction*, SlowResult>[MnemonicCount];
        for (int m = 0; m < table.Length; m++)
        {
            table[m] = &InstructionExecutor.Undefined;
        }

        Set(&InstructionExecutor.Mov, Mnemonic.Mov);
        Set(&InstructionExecutor.Add, Mnemonic.Add);
        Set(&InstructionExecutor.Or, Mnemonic.Or);
        Set(&InstructionExecutor.Adc, Mnemonic.Adc);
        Set(&InstructionExecutor.Sbb, Mnemonic.Sbb);
        Set(&InstructionExecutor.And, Mnemonic.And);
        Set(&InstructionExecutor.Sub, Mnemonic.Sub);
        Set(&InstructionExecutor.Xor, Mnemonic.Xor);
        Set(&InstructionExecutor.Cmp, Mnemonic.Cmp);
        Set(&InstructionExecutor.Test, Mnemonic.Test);
        Set(&InstructionExecutor.Inc, Mnemonic.Inc);
        Set(&InstructionExecutor.Dec, Mnemonic.Dec);
        Set(&InstructionExecutor.Neg, Mnemonic.Neg);
        Set(&InstructionExecutor.Not, Mnemonic.Not);
        Set(&InstructionExecutor.Movzx, Mnemonic.Movzx);
        Set(&InstructionExecutor.Movsx, Mnemonic.Movsx);
        Set(&InstructionExecutor.Lea, Mnemonic.Lea);
        Set(&InstructionExecutor.Xchg, Mnemonic.Xchg);
        Set(&InstructionExecutor.Xadd, Mnemonic.Xadd);
        Set(&InstructionExecutor.Cmpxchg, Mnemonic.Cmpxchg);
        Set(&InstructionExecutor.Cmpxchg8b, Mnemonic.Cmpxchg8b);
        Set(&InstructionExecutor.Bswap, Mnemonic.Bswap);
        Set(&InstructionExecutor.Convert, Mnemonic.Cbw, Mnemonic.Cwde, Mnemonic.Cwd, Mnemonic.Cdq);
        Set(&InstructionExecutor.Setcc, Mnemonic.Seto, Mnemonic.Setno, Mnemonic.Setb, Mnemonic.Setae, Mnemonic.Sete, Mnemonic.Setne,
            Mnemonic.Setbe, Mnemonic.Seta, Mnemonic.Sets, Mnemonic.Setns, Mnemonic.Setp, Mnemonic.Setnp, Mnemonic.Setl, Mnemonic.Setge,
            Mnemonic.Setle, Mnemonic.Setg);
        Set(&InstructionExecutor.Cmovcc, Mnemonic.Cmovo, Mnemonic.Cmovno, Mnemonic.Cmovb, Mnemonic.Cmovae, Mnemonic.Cmove, Mnemonic.Cmovne,
            Mnemonic.Cmovbe, Mnemonic.Cmova, Mnemonic.Cmovs, Mnemonic.Cmovns, Mnemonic.Cmovp, Mnemonic.Cmovnp, Mnemonic.Cmovl,
            Mnemonic.Cmovge, Mnemonic.Cmovle, Mnemonic.Cmovg);
        Set(&InstructionExecutor.Mul, Mnemonic.Mul);
        Set(&InstructionExecutor.Imul, Mnemonic.Imul);
        Set(&InstructionExecutor.Div, Mnemonic.Div);
        Set(&InstructionExecutor.Idiv, Mnemonic.Idiv);
        Set(&InstructionExecutor.Decimal, Mnemonic.Daa, Mnemonic.Das, Mnemonic.Aaa, Mnemonic.Aas);
        Set(&InstructionExecutor.Aam, Mnemonic.Aam);
        Set(&InstructionExecutor.Aad, Mnemonic.Aad);

        Set(&InstructionExecutor.Shift, Mnemonic.Shl, Mnemonic.Sal, Mnemonic.Shr, Mnemonic.Sar, Mnemonic.Rol, Mnemonic.Ror, Mnemonic.Rcl, Mnemonic.Rcr);
        Set(&InstructionExecutor.DoubleShift, Mnemonic.Shld, Mnemonic.Shrd);
        Set(&InstructionExecutor.BitTest, Mnemonic.Bt, Mnemonic.Bts, Mnemonic.Btr, Mnemonic.Btc);
        Set(&InstructionExecutor.BitScan, Mnemonic.Bsf, Mnemonic.Bsr);
        Set(&InstructionExecutor.Flag, Mnemonic.Clc, Mnemonic.Stc, Mnemonic.Cmc, Mnemonic.Cld, Mnemonic.Std, Mnemonic.Lahf, Mnemonic.Sahf, Mnemonic.Salc);
        Set(&InstructionExecutor.Xlat, Mnemonic.Xlatb);

        Set(&InstructionExecutor.String, Mnemonic.Movsb, Mnemonic.Movsw, Mnemonic.Movsd, Mnemonic.Stosb, Mnemonic.Stosw, Mnemonic.Stosd,
            Mnemonic.Lodsb, Mnemonic.Lodsw, Mnemonic.Lodsd, Mnemonic.Cmpsb, Mnemonic.Cmpsw, Mnemonic.Cmpsd, Mnemonic.Scasb, Mnemonic.Scasw, Mnemonic.Scasd);

        Set(&InstructionExecutor.PushOperand, Mnemonic.Push);
        Set(&InstructionExecutor.PopOperand, Mnemonic.Pop);
        Set(&InstructionExecutor.PushAll, Mnemonic.Pusha, Mnemonic.Pushad);
        Set(&InstructionExecutor.PopAll, Mnemonic.Popa, Mnemonic.Popad);
        Set(&InstructionExecutor.PushFlags, Mnemonic.Pushf, Mnemonic.Pushfd);
        Set(&InstructionExecutor.PopFlags, Mnemonic.Popf, Mnemonic.Popfd);
        Set(&InstructionExecutor.Enter, Mnemonic.Enter);
        Set(&InstructionExecutor.Leave, Mnemonic.Leave);

        Set(&InstructionExecutor.Jmp, Mnemonic.Jmp);
        Set(&InstructionExecutor.Call, Mnemonic.Call);
        Set(&InstructionExecutor.Ret, Mnemonic.Ret);
        Set(&InstructionExecutor.FarReturn, Mnemonic.Retf);
        Set(&InstructionExecutor.InterruptReturn, Mnemonic.Iret, Mnemonic.Iretd);
        Set(&InstructionExecutor.Interrupt, Mnemonic.Int, Mnemonic.Int3, Mnemonic.Int1, Mnemonic.Into);
        Set(&InstructionExecutor.Bound, Mnemonic.Bound);
        Set(&InstructionExecutor.Branch, Branches);

        Set(&InstructionExecutor.LoadFarPointer, Mnemonic.Lds, Mnemonic.Les, Mnemonic.Lss, Mnemonic.Lfs, Mnemonic.Lgs);
        Set(&InstructionExecutor.InspectDescriptor, Mnemonic.Lar, Mnemonic.Lsl, Mnemonic.Verr, Mnemonic.Verw);
        Set(&InstructionExecutor.Arpl, Mnemonic.Arpl);
        Set(&InstructionExecutor.StoreTable, Mnemonic.Sgdt, Mnemonic.Sidt, Mnemonic.Sldt, Mnemonic.Str, Mnemonic.Smsw);

        Set(&InstructionExecutor.Cpuid, Mnemonic.Cpuid);
        Set(&InstructionExecutor.ReadTimeStamp, Mnemonic.Rdtsc);
        Set(&InstructionExecutor.Nop, Mnemonic.Nop, Mnemonic.Reservednop, Mnemonic.Pause);
        Set(&InstructionExecutor.Wait, Mnemonic.Wait);
        Set(&InstructionExecutor.Mxcsr, Mnemonic.Ldmxcsr, Mnemonic.Stmxcsr);
        Set(&InstructionExecutor.SaveVectors, Mnemonic.Fxsave);
        Set(&InstructionExecutor.RestoreVectors, Mnemonic.Fxrstor);
        Set(&InstructionExecutor.Fence, Mnemonic.Lfence, Mnemonic.Mfence, Mnemonic.Sfence);
        Set(&InstructionExecutor.FlushLine, Mnemonic.Clflush);
        Set(&InstructionExecutor.Privileged, Mnemonic.Cli, Mnemonic.Sti, Mnemonic.Hlt, Mnemonic.In, Mnemonic.Out, Mnemonic.Insb, Mnemonic.Insw,
            Mnemonic.Insd, Mnemonic.Outsb, Mnemonic.Outsw, Mnemonic.Outsd, Mnemonic.Lgdt, Mnemonic.Lidt, Mnemonic.Lldt, Mnemonic.Ltr,
            Mnemonic.Lmsw, Mnemonic.Clts, Mnemonic.Invd, Mnemonic.Wbinvd, Mnemonic.Invlpg, Mnemonic.Rdmsr, Mnemonic.Wrmsr, Mnemonic.Rdpmc,
            Mnemonic.Sysenter, Mnemonic.Sysexit);
        return table;

        void Set(delegate*<InstructionExecutor, SlowInstruction*, SlowResult> handler, params ReadOnlySpan<Mnemonic> mnemonics)
        {
            foreach (Mnemonic m in mnemonics)
            {
                table[(int)m] = handler;
            }
        }
    }

    private static ReadOnlySpan<Mnemonic> Branches =>
    [
        Mnemonic.Jo, Mnemonic.Jno, Mnemonic.Jb, Mnemonic.Jae, Mnemonic.Je, Mnemonic.Jne, Mnemonic.Jbe, Mnemonic.Ja,
        Mnemonic.Js, Mnemonic.Jns, Mnemonic.Jp, Mnemonic.Jnp, Mnemonic.Jl, Mnemonic.Jge, Mnemonic.Jle, Mnemonic.Jg,
        Mnemonic.Loop, Mnemonic.Loope, Mnemonic.Loopne, Mnemonic.Jcxz, Mnemonic.Jecxz,
    ];

    private static bool[] BuildEnds()
    {
        var ends = new bool[MnemonicCount];
        foreach (Mnemonic m in Branches)
        {
            ends[(int)m] = true;
        }

        // Transfers, what always faults, and the loading of flags that change how the next instruction is decoded.
        Mnemonic[] others =
        [
            Mnemonic.Jmp, Mnemonic.Call, Mnemonic.Ret, Mnemonic.Retf, Mnemonic.Iret, Mnemonic.Iretd,
            Mnemonic.Int, Mnemonic.Int3, Mnemonic.Int1, Mnemonic.Into, Mnemonic.INVALID, Mnemonic.Ud0, Mnemonic.Ud1, Mnemonic.Ud2,
            Mnemonic.Popf, Mnemonic.Popfd,
        ];
        foreach (Mnemonic m in others)
        {
            ends[(int)m] = true;
        }

        return ends;
    }
}
