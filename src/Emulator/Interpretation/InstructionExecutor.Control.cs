// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Interpretation;

/// <content>Stack instructions and near control transfers.</content>
internal sealed unsafe partial class InstructionExecutor
{
    internal static SlowResult PushOperand(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = -i->StackPointerIncrement;
        if (!x.ReadOperand(i, 0, out uint value))
        {
            return SlowResult.Fault;
        }

        // A segment register is pushed as a zero-extended word.
        return x.Push(value, size) ? SlowResult.Done : SlowResult.Fault;
    }

    internal static SlowResult PopOperand(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = i->StackPointerIncrement;
        if (i->Op0Kind == OpKind.Register && i->Op0Register is >= Register.ES and <= Register.GS)
        {
            CodeMode before = x._cpu.SegmentMode;
            if (!x.Peek(0, size, out uint selector) || !x.LoadSegment(i->Op0Register, (ushort)selector))
            {
                return SlowResult.Fault;
            }

            x.StackPointer = x.StackAfter(size);
            return x.BehindSegmentLoad(i, before);
        }

        uint esp = x.Esp;
        if (!x.Pop(out uint value, size))
        {
            return SlowResult.Fault;
        }

        // An address with ESP counts from after the pop.
        if (x.WriteOperand(i, value, size))
        {
            return SlowResult.Done;
        }

        x.Esp = esp;
        return SlowResult.Fault;
    }

    /// <summary>Ends the block behind a segment load only if that changed what decoding depends on.</summary>
    private SlowResult BehindSegmentLoad(Instruction* i, CodeMode before) =>
        _cpu.SegmentMode == before ? SlowResult.Done : LeaveBehind(i);

    /// <summary>Ends the block behind an instruction that may have changed what decoding depends on.</summary>
    private SlowResult LeaveBehind(Instruction* i)
    {
        _s->Eip = i->NextIP32;
        return SlowResult.Leave;
    }

    internal static SlowResult PushAll(InstructionExecutor x, SlowInstruction* p)
    {
        int size = p->Instruction.Mnemonic == Mnemonic.Pushad ? 4 : 2;
        uint esp = x.Esp;
        for (int r = 0; r < 8; r++)
        {
            if (!x.Push(r == 4 ? esp : x._s->Registers[r], size))
            {
                x.Esp = esp;
                return SlowResult.Fault;
            }
        }

        return SlowResult.Done;
    }

    internal static SlowResult PopAll(InstructionExecutor x, SlowInstruction* p)
    {
        int size = p->Instruction.Mnemonic == Mnemonic.Popad ? 4 : 2;
        uint* values = stackalloc uint[8];
        for (int n = 0; n < 8; n++)
        {
            if (!x.Peek(n * size, size, out values[7 - n]))
            {
                return SlowResult.Fault;
            }
        }

        for (int r = 0; r < 8; r++)
        {
            if (r != 4)
            {
                x.SetRegister((size == 4 ? Register.EAX : Register.AX) + r, values[r]);
            }
        }

        x.StackPointer = x.StackAfter(8 * size);
        return SlowResult.Done;
    }

    internal static SlowResult PushFlags(InstructionExecutor x, SlowInstruction* p) =>
        // RF and VM are shown as 0.
        x.Push(Eflags.Get(x._s) & ~(Eflags.Resume | Eflags.Virtual8086), p->Instruction.Mnemonic == Mnemonic.Pushfd ? 4 : 2)
            ? SlowResult.Done : SlowResult.Fault;

    internal static SlowResult PopFlags(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = i->Mnemonic == Mnemonic.Popfd ? 4 : 2;
        if (!x.Pop(out uint value, size))
        {
            return SlowResult.Fault;
        }

        x.SetFlagsAsPrivileged(value, size);
        return x.LeaveBehind(i);
    }

    /// <summary>Writes EFLAGS as far as the privilege level permits (Intel SDM vol. 2, POPF and IRET).</summary>
    private void SetFlagsAsPrivileged(uint value, int size)
    {
        uint old = Eflags.Get(_s);
        uint writable = Eflags.Status | Eflags.Trap | Eflags.Direction | Eflags.NestedTask | Eflags.AlignmentCheck | Eflags.Identification;
        uint iopl = (old & Eflags.Iopl) >> 12;
        if (_s->Cpl <= iopl)
        {
            writable |= Eflags.Interrupt;
        }

        if (_s->Cpl == 0)
        {
            writable |= Eflags.Iopl;
        }

        if (size == 2)
        {
            writable &= 0xFFFF;
        }

        // RF lasts for one instruction and only guards against breakpoints, which nobody has: it is never kept.
        Eflags.Set(_s, (old & ~writable & ~Eflags.Resume) | (value & writable));
    }

    internal static SlowResult Enter(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = i->Mnemonic == Mnemonic.Enter && i->Code == Code.Enterw_imm16_imm8 ? 2 : 4;
        int level = i->Immediate8_2nd & 31;
        uint esp = x.Esp;
        uint ebp = x.Ebp;
        if (!x.Push(ebp, size))
        {
            return SlowResult.Fault;
        }

        uint frame = x.Esp;
        for (int n = 1; n <= level; n++)
        {
            uint value = frame;
            if (n < level)
            {
                uint at = ebp - (uint)(n * size);
                if (!x.TryLinear(Register.SS, x.WideStack ? at : (ushort)at, (uint)size, write: false, out uint linear)
                    || !x.Load(linear, size, out value))
                {
                    x.Esp = esp;
                    return SlowResult.Fault;
                }
            }

            if (!x.Push(value, size))
            {
                x.Esp = esp;
                return SlowResult.Fault;
            }
        }

        // The new top must be writable, or the instruction faults without effect.
        uint top = x.StackAfter(-i->Immediate16);
        if (!x.TryLinear(Register.SS, top, (uint)size, write: true, out uint topLinear) || !x._mmu.ProbeWrite(topLinear, (uint)size))
        {
            x.Esp = esp;
            return SlowResult.Fault;
        }

        x.SetRegister(size == 4 ? Register.EBP : Register.BP, frame);
        x.StackPointer = top;
        return SlowResult.Done;
    }

    internal static SlowResult Leave(InstructionExecutor x, SlowInstruction* p)
    {
        int size = p->Instruction.Code == Code.Leavew ? 2 : 4;
        uint at = x.WideStack ? x.Ebp : (ushort)x.Ebp;
        if (!x.TryLinear(Register.SS, at, (uint)size, write: false, out uint linear) || !x.Load(linear, size, out uint value))
        {
            return SlowResult.Fault;
        }

        x.StackPointer = at + (uint)size;
        x.SetRegister(size == 4 ? Register.EBP : Register.BP, value);
        return SlowResult.Done;
    }

    // ---- near transfers -------------------------------------------------------------------------------------------------

    private SlowResult JumpTo(uint eip)
    {
        // A target outside the code segment faults at the jump, not at the target.
        if (eip > _s->Cs.Limit)
        {
            return RaiseProtection();
        }

        _s->Eip = eip;
        return SlowResult.Leave;
    }

    /// <summary>Target and operand size of a near branch.</summary>
    private bool TryNearTarget(Instruction* i, out uint target, out int size)
    {
        switch (i->Op0Kind)
        {
            case OpKind.NearBranch32:
                target = i->NearBranch32;
                size = 4;
                return true;
            case OpKind.NearBranch16:
                target = i->NearBranch16;
                size = 2;
                return true;
            default:
                size = SizeOf(i, 0);
                return ReadOperand(i, 0, out target);
        }
    }

    internal static SlowResult Jmp(InstructionExecutor x, SlowInstruction* p)
    {
        if (IsFar(&p->Instruction))
        {
            return x.FarJump(&p->Instruction);
        }

        return x.TryNearTarget(&p->Instruction, out uint target, out _) ? x.JumpTo(target) : SlowResult.Fault;
    }

    internal static SlowResult Call(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        if (IsFar(i))
        {
            return x.FarCall(i);
        }

        if (!x.TryNearTarget(i, out uint target, out int size))
        {
            return SlowResult.Fault;
        }

        uint esp = x.Esp;
        if (!x.Push(i->NextIP32, size))
        {
            return SlowResult.Fault;
        }

        SlowResult result = x.JumpTo(target);
        if (result == SlowResult.Fault)
        {
            x.Esp = esp;
        }

        return result;
    }

    internal static SlowResult Ret(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = i->Code is Code.Retnw or Code.Retnw_imm16 ? 2 : 4;
        uint extra = i->OpCount == 1 ? i->Immediate16 : 0u;
        if (!x.Peek(0, size, out uint target))
        {
            return SlowResult.Fault;
        }

        SlowResult result = x.JumpTo(target);
        if (result == SlowResult.Leave)
        {
            x.StackPointer = x.StackAfter(size + (int)extra);
        }

        return result;
    }

    /// <summary>Jcc with a 16-bit target, LOOP, LOOPE, LOOPNE, JCXZ and JECXZ.</summary>
    internal static SlowResult Branch(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        bool taken;
        if (i->Mnemonic is Mnemonic.Loop or Mnemonic.Loope or Mnemonic.Loopne)
        {
            bool narrow = i->Code is Code.Loop_rel8_16_CX or Code.Loop_rel8_32_CX or Code.Loope_rel8_16_CX or Code.Loope_rel8_32_CX
                or Code.Loopne_rel8_16_CX or Code.Loopne_rel8_32_CX;
            uint count = narrow ? (ushort)(x.Ecx - 1) : x.Ecx - 1;
            bool zero = (uint)x._s->FlagResult == 0;
            taken = count != 0 && i->Mnemonic switch { Mnemonic.Loope => zero, Mnemonic.Loopne => !zero, _ => true };
            x.SetCount(count, narrow);
        }
        else
        {
            taken = i->Mnemonic switch
            {
                Mnemonic.Jcxz => (ushort)x.Ecx == 0,
                Mnemonic.Jecxz => x.Ecx == 0,
                _ => Condition(x._s, (int)i->ConditionCode - 1),
            };
        }

        if (!taken)
        {
            return x.LeaveBehind(i);
        }

        return x.TryNearTarget(i, out uint target, out _) ? x.JumpTo(target) : SlowResult.Fault;
    }

    // ---- software interrupts --------------------------------------------------------------------------------------------

    internal static SlowResult Interrupt(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        uint vector;
        switch (i->Mnemonic)
        {
            case Mnemonic.Int3:
                vector = TrapVector.Breakpoint;
                break;
            case Mnemonic.Int1:
                // ICEBP is no software interrupt: its gate's privilege does not matter.
                x._s->Eip = i->NextIP32;
                x._s->FaultVector = TrapVector.Debug;
                x._s->FaultError = 0;
                x._cpu.TrapIsBehind = true;
                return SlowResult.Fault;
            case Mnemonic.Into:
                if (x.OverflowFlag == 0)
                {
                    return x.LeaveBehind(i);
                }

                vector = TrapVector.Overflow;
                break;
            default:
                vector = i->Immediate8;
                break;
        }

        x._s->Eip = i->NextIP32;
        x._s->FaultVector = vector;
        x._s->FaultError = 0;
        x._cpu.TrapIsBehind = true;
        x._cpu.TrapIsSoftware = true;
        return SlowResult.Fault;
    }

    internal static SlowResult Bound(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = SizeOf(i->Op0Register);
        uint offset = x.Offset(i);
        if (!x.TryLinear(i->MemorySegment, offset, (uint)(2 * size), write: false, out uint linear)
            || !x.Load(linear, size, out uint low) || !x.Load(linear + (uint)size, size, out uint high))
        {
            return SlowResult.Fault;
        }

        long index = SignExtend(x.GetRegister(i->Op0Register), size);
        return index < SignExtend(low, size) || index > SignExtend(high, size) ? x.Raise(TrapVector.BoundRange) : SlowResult.Done;
    }
}
