// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Fpu;

/// <content>The forms without a memory operand.</content>
public static unsafe partial class X87
{
    private const uint Carry = 0x001;
    private const uint Parity = 0x004;
    private const uint Adjust = 0x010;
    private const uint ZeroFlag = 0x040;
    private const uint SignFlag = 0x080;
    private const uint OverflowFlag = 0x800;

    /// <summary>Executes an instruction without a memory operand.</summary>
    /// <param name="f">The state.</param>
    /// <param name="esc">Opcode less 0xD8, 0 to 7.</param>
    /// <param name="modrm">The ModR/M byte, 0xC0 or above.</param>
    /// <param name="eflags">Read by FCMOVcc; ZF, PF and CF are set and OF, SF and AF cleared by FCOMI and its kin.
    /// </param>
    /// <param name="ax">Written by FNSTSW AX.</param>
    /// <returns>What became of the instruction.</returns>
    public static FpuOutcome ExecuteRegister(FpuState* f, int esc, int modrm, ref uint eflags, ref ushort ax)
    {
        if (!IsRegisterForm(esc, modrm))
        {
            return FpuOutcome.InvalidOpcode;
        }

        if (IsFaultPending(f) && IsWaiting(esc, modrm))
        {
            return FpuOutcome.MathFault;
        }

        int group = (modrm >> 3) & 7;
        int index = modrm & 7;
        switch (esc)
        {
            case 0:
                ArithmeticRegister(f, group, index, 0, pop: false);
                break;
            case 1 when group >= 4:
                NoOperand(f, modrm & 0x1F);
                break;
            case 1:
                MoveRegister(f, group, index);
                break;
            case 2 or 3 when group < 4:
                MoveConditionally(f, ((esc & 1) << 2) | group, index, eflags);
                break;
            case 2:
                CompareRegister(f, 1, quiet: true, 2);
                break;
            case 3 when group == 4:
                ControlRegister(f, index);
                break;
            case 3:
                CompareToFlags(f, index, quiet: group == 5, pop: false, ref eflags);
                break;
            case 4:
                ArithmeticRegister(f, group, index, index, pop: false);
                break;
            case 5:
                FreeAndStore(f, group, index);
                break;
            case 6:
                if (group == 3)
                {
                    CompareRegister(f, 1, quiet: false, 2);
                }
                else
                {
                    ArithmeticRegister(f, group == 2 ? 3 : group, index, index, pop: true);
                }

                break;
            default:
                LastEscape(f, group, index, ref eflags, ref ax);
                break;
        }

        return FpuOutcome.Done;
    }

    /// <summary>Whether the register forms have such an instruction. Besides the documented ones these are the
    /// aliases that every processor since the 8087 accepts: DC D0, DC D8, DD C8, DE D0 and DF C8 to DF D8, D9 D8, and
    /// DF C0 (FFREEP).</summary>
    private static bool IsRegisterForm(int esc, int modrm)
    {
        int group = (modrm >> 3) & 7;
        return esc switch
        {
            1 => modrm is not ((> 0xD0 and < 0xD8) or 0xE2 or 0xE3 or 0xE6 or 0xE7 or 0xEF),
            2 => group < 4 || modrm == 0xE9,
            3 => group is < 4 or 5 or 6 || modrm is >= 0xE0 and <= 0xE4,
            5 => group < 6,
            6 => group != 3 || modrm == 0xD9,
            7 => group is < 4 or 5 or 6 || modrm == 0xE0,
            _ => true,
        };
    }

    private static void ArithmeticRegister(FpuState* f, int group, int index, int destination, bool pop)
    {
        if (group is 2 or 3)
        {
            CompareRegister(f, index, quiet: false, group - 2);
            return;
        }

        if (FpuStack.IsEmpty(f, 0) || FpuStack.IsEmpty(f, index))
        {
            Underflow(f, destination, pop);
            return;
        }

        FpuContext context = Begin(f);
        Calculate(
            f, ref context, group, FpuStack.Register(f, 0), FpuStack.Register(f, index), destination, pop);
    }

    private static void CompareRegister(FpuState* f, int index, bool quiet, int pops)
    {
        if (FpuStack.IsEmpty(f, 0) || FpuStack.IsEmpty(f, index))
        {
            CompareUnderflow(f, pops);
            return;
        }

        FpuContext context = Begin(f);
        Compare(f, ref context, FpuStack.Register(f, index), quiet, pops);
    }

    /// <summary>FCOMI, FUCOMI and their popping forms.</summary>
    private static void CompareToFlags(FpuState* f, int index, bool quiet, bool pop, ref uint eflags)
    {
        uint relation = Comparison.Unordered;
        bool done;
        if (FpuStack.IsEmpty(f, 0) || FpuStack.IsEmpty(f, index))
        {
            done = FpuStack.Fault(f, overflow: false);
        }
        else
        {
            // C1 stays what it was.
            FpuContext context = new(f->Control);
            relation = Comparison.Compare(
                ref context, FpuStack.Register(f, 0), FpuStack.Register(f, index), quiet);
            done = FpuStack.Commit(f, context, toMemory: false);
        }

        // The flags are set even if an unmasked exception keeps the stack from moving.
        eflags &= ~(Carry | Parity | Adjust | ZeroFlag | SignFlag | OverflowFlag);
        eflags |= ((relation & StatusWord.C0) != 0 ? Carry : 0)
            | ((relation & StatusWord.C2) != 0 ? Parity : 0)
            | ((relation & StatusWord.C3) != 0 ? ZeroFlag : 0);
        if (pop && done)
        {
            FpuStack.Pop(f);
        }
    }

    /// <summary>FCMOVB, FCMOVE, FCMOVBE, FCMOVU and their opposites.</summary>
    private static void MoveConditionally(FpuState* f, int condition, int index, uint eflags)
    {
        if (FpuStack.IsEmpty(f, 0) || FpuStack.IsEmpty(f, index))
        {
            Underflow(f, 0, pop: false);
            return;
        }

        uint mask = (condition & 3) switch
        {
            0 => Carry,
            1 => ZeroFlag,
            2 => Carry | ZeroFlag,
            _ => Parity,
        };
        if (((eflags & mask) != 0) == (condition < 4))
        {
            FpuStack.Set(f, 0, FpuStack.Register(f, index));
        }
    }

    /// <summary>FLD ST(i), FXCH, FNOP and the undocumented D9 D8 form of FSTP.</summary>
    private static void MoveRegister(FpuState* f, int group, int index)
    {
        switch (group)
        {
            case 0:
                LoadRegister(f, index);
                break;
            case 1:
                Exchange(f, index);
                break;
            case 3 when FpuStack.IsEmpty(f, 0):
                // Unlike the other encodings this one takes an empty register for nothing to store.
                _ = Begin(f);
                FpuStack.Pop(f);
                break;
            case 3:
                StoreRegister(f, index, pop: true);
                break;
            default:
                break;
        }
    }

    private static void LoadRegister(FpuState* f, int index)
    {
        // An empty source counts before a full stack.
        if (FpuStack.IsEmpty(f, index))
        {
            if (FpuStack.Fault(f, overflow: false))
            {
                FpuStack.Push(f, Float80.Indefinite);
            }

            return;
        }

        if (!FpuStack.IsEmpty(f, -1))
        {
            Overflow(f);
            return;
        }

        _ = Begin(f);
        FpuStack.Push(f, FpuStack.Register(f, index));
    }

    private static void Exchange(FpuState* f, int index)
    {
        bool topEmpty = FpuStack.IsEmpty(f, 0);
        bool otherEmpty = FpuStack.IsEmpty(f, index);
        if (topEmpty || otherEmpty)
        {
            if (!FpuStack.Fault(f, overflow: false))
            {
                return;
            }
        }
        else
        {
            _ = Begin(f);
        }

        Float80 top = topEmpty ? Float80.Indefinite : FpuStack.Register(f, 0);
        Float80 other = otherEmpty ? Float80.Indefinite : FpuStack.Register(f, index);
        FpuStack.Set(f, 0, other);
        FpuStack.Set(f, index, top);
    }

    private static void StoreRegister(FpuState* f, int index, bool pop)
    {
        if (FpuStack.IsEmpty(f, 0))
        {
            Underflow(f, index, pop);
            return;
        }

        _ = Begin(f);
        FpuStack.Set(f, index, FpuStack.Register(f, 0));
        if (pop)
        {
            FpuStack.Pop(f);
        }
    }

    /// <summary>DB E0 to DB E4: FNENI, FNDISI, FNCLEX, FNINIT and FNSETPM.</summary>
    private static void ControlRegister(FpuState* f, int index)
    {
        switch (index)
        {
            case 2:
                f->Status &= unchecked((ushort)~(
                    StatusWord.Exceptions | StatusWord.StackFault | StatusWord.Pending));
                break;
            case 3:
                FpuEnvironment.Initialize(f);
                break;
            default:
                // Interrupt enables of the 8087 and the mode switch of the 287: accepted and ignored.
                break;
        }
    }

    /// <summary>The DD register forms.</summary>
    private static void FreeAndStore(FpuState* f, int group, int index)
    {
        switch (group)
        {
            case 0:
                _ = Begin(f);
                FpuStack.Free(f, index);
                break;
            case 1:
                Exchange(f, index);
                break;
            case 2 or 3:
                StoreRegister(f, index, pop: group == 3);
                break;
            default:
                CompareRegister(f, index, quiet: true, group - 4);
                break;
        }
    }

    /// <summary>The DF register forms.</summary>
    private static void LastEscape(FpuState* f, int group, int index, ref uint eflags, ref ushort ax)
    {
        switch (group)
        {
            case 0:
                _ = Begin(f);
                FpuStack.Free(f, index);
                FpuStack.Pop(f);
                break;
            case 1:
                Exchange(f, index);
                break;
            case 2 or 3:
                StoreRegister(f, index, pop: true);
                break;
            case 4:
                ax = f->Status;
                break;
            default:
                CompareToFlags(f, index, quiet: group == 5, pop: true, ref eflags);
                break;
        }
    }
}
