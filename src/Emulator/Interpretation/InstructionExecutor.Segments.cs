// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Interpretation;

/// <content>Segment registers and everything that loads them: MOV, POP, LDS ..., far transfers, IRET (Intel SDM vol. 3, chapter 5).</content>
internal sealed unsafe partial class InstructionExecutor
{
    private KnownReturn _knownReturn;

    // Bits of Segment.Access.
    private const uint Present = 0x80, NotSystem = 0x10, CodeType = 8, Conforming = 4, ReadableOrWritable = 2, Accessed = 1;

    /// <summary>Loads a data segment register or SS with all checks; false after a fault. ES to GS only, never CS.</summary>
    private bool LoadSegment(Register register, ushort selector)
    {
        uint error = selector & 0xFFFCu;
        if (register == Register.SS)
        {
            if (error == 0)
            {
                return Deny(TrapVector.GeneralProtection, 0);
            }

            if (!_system.TryReadDescriptor(selector, out ulong stack))
            {
                return Deny(TrapVector.GeneralProtection, error);
            }

            Segment s = Segment.FromDescriptor(selector, stack);
            if ((selector & 3) != _s->Cpl || s.Dpl != _s->Cpl || (s.Access & (NotSystem | CodeType | ReadableOrWritable)) != (NotSystem | ReadableOrWritable))
            {
                return Deny(TrapVector.GeneralProtection, error);
            }

            if ((s.Access & Present) == 0)
            {
                return Deny(TrapVector.StackFault, error);
            }

            _cpu.SetSegment(SegmentRegister.Ss, s);
            return true;
        }

        var target = (SegmentRegister)(register - Register.ES);
        if (error == 0)
        {
            _cpu.SetSegment(target, new Segment { Selector = selector });
            return true;
        }

        if (!_system.TryReadDescriptor(selector, out ulong descriptor))
        {
            return Deny(TrapVector.GeneralProtection, error);
        }

        Segment g = Segment.FromDescriptor(selector, descriptor);
        bool code = (g.Access & CodeType) != 0;
        bool privileged = !(code && (g.Access & Conforming) != 0) && (g.Dpl < (selector & 3u) || g.Dpl < _s->Cpl);
        if ((g.Access & NotSystem) == 0 || (code && (g.Access & ReadableOrWritable) == 0) || privileged)
        {
            return Deny(TrapVector.GeneralProtection, error);
        }

        if ((g.Access & Present) == 0)
        {
            return Deny(TrapVector.SegmentNotPresent, error);
        }

        _cpu.SetSegment(target, g);
        return true;
    }

    /// <summary>MOV in the forms that have no operation of their own.</summary>
    internal static SlowResult Mov(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        if (i->Op0Kind == OpKind.Register && i->Op0Register is >= Register.ES and <= Register.GS)
        {
            if (i->Op0Register == Register.CS)
            {
                return x.Raise(TrapVector.InvalidOpcode);
            }

            CodeMode before = x._cpu.SegmentMode;
            return x.ReadOperand(i, 1, out uint selector) && x.LoadSegment(i->Op0Register, (ushort)selector)
                ? x.BehindSegmentLoad(i, before) : SlowResult.Fault;
        }

        if (IsSpecial(i->Op0Register) || IsSpecial(i->Op1Register))
        {
            // CR, DR and TR.
            return x.RaiseProtection();
        }

        if (!x.ReadOperand(i, 1, out uint value))
        {
            return SlowResult.Fault;
        }

        // A selector goes to memory as a word, to a 32-bit register zero-extended.
        return x.WriteOperand(i, value, SizeOf(i, 0)) ? SlowResult.Done : SlowResult.Fault;

        static bool IsSpecial(Register r) => r is >= Register.CR0 and <= Register.CR15 or >= Register.DR0 and <= Register.DR15 or >= Register.TR0 and <= Register.TR7;
    }

    /// <summary>LDS, LES, LSS, LFS and LGS.</summary>
    internal static SlowResult LoadFarPointer(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = SizeOf(i->Op0Register);
        if (!x.TryReadFarPointer(i, size, out uint offset, out ushort selector))
        {
            return SlowResult.Fault;
        }

        Register target = i->Mnemonic switch
        {
            Mnemonic.Lds => Register.DS,
            Mnemonic.Les => Register.ES,
            Mnemonic.Lss => Register.SS,
            Mnemonic.Lfs => Register.FS,
            _ => Register.GS,
        };
        if (!x.LoadSegment(target, selector))
        {
            return SlowResult.Fault;
        }

        x.SetRegister(i->Op0Register, offset);
        return x.LeaveBehind(i);
    }

    private bool TryReadFarPointer(Instruction* i, int size, out uint offset, out ushort selector)
    {
        selector = 0;
        offset = 0;
        if (!TryLinear(i->MemorySegment, Offset(i), (uint)size + 2, write: false, out uint linear)
            || !Load(linear, size, out offset) || !Load(linear + (uint)size, 2, out uint value))
        {
            return false;
        }

        selector = (ushort)value;
        return true;
    }

    // ---- far transfers ----------------------------------------------------------------------------------------------------

    private static bool IsFar(Instruction* i) =>
        i->Op0Kind is OpKind.FarBranch16 or OpKind.FarBranch32
        || i->Code is Code.Jmp_m1616 or Code.Jmp_m1632 or Code.Call_m1616 or Code.Call_m1632;

    private bool TryFarTarget(Instruction* i, out uint offset, out ushort selector, out int size)
    {
        switch (i->Op0Kind)
        {
            case OpKind.FarBranch32:
                (offset, selector, size) = (i->FarBranch32, i->FarBranchSelector, 4);
                return true;
            case OpKind.FarBranch16:
                (offset, selector, size) = (i->FarBranch16, i->FarBranchSelector, 2);
                return true;
            default:
                size = i->Code is Code.Jmp_m1616 or Code.Call_m1616 ? 2 : 4;
                return TryReadFarPointer(i, size, out offset, out selector);
        }
    }

    /// <summary>Checks a code segment as a far JMP or CALL does, without gates; false after a fault.</summary>
    private bool TryCodeSegment(ushort selector, out Segment code)
    {
        code = default;
        uint error = selector & 0xFFFCu;
        if (error == 0)
        {
            return Deny(TrapVector.GeneralProtection, 0);
        }

        if (!_system.TryReadDescriptor(selector, out ulong descriptor))
        {
            return Deny(TrapVector.GeneralProtection, error);
        }

        code = Segment.FromDescriptor(selector, descriptor);
        if ((code.Access & NotSystem) == 0)
        {
            // Call gates, task gates and TSSs. A paravirtual guest has none of its own that work.
            return DenySystemTarget(code, error, selector);
        }

        bool conforming = (code.Access & Conforming) != 0;
        if ((code.Access & CodeType) == 0 || (conforming ? code.Dpl > _s->Cpl : (selector & 3) > _s->Cpl || code.Dpl != _s->Cpl))
        {
            return Deny(TrapVector.GeneralProtection, error);
        }

        if ((code.Access & Present) == 0)
        {
            return Deny(TrapVector.SegmentNotPresent, error);
        }

        code.Selector = (ushort)((selector & 0xFFFC) | (int)_s->Cpl);
        return true;
    }

    private bool DenySystemTarget(in Segment target, uint error, ushort selector)
    {
        uint type = target.Access & 0xF;
        bool isTssOrGate = type is 1 or 4 or 5 or 9 or 0xC;
        if (!isTssOrGate || target.Dpl < _s->Cpl || target.Dpl < (selector & 3u))
        {
            return Deny(TrapVector.GeneralProtection, error);
        }

        return Deny((target.Access & Present) == 0 ? TrapVector.SegmentNotPresent : TrapVector.GeneralProtection, error);
    }

    private SlowResult FarJump(Instruction* i)
    {
        if (!TryFarTarget(i, out uint offset, out ushort selector, out _) || !TryCodeSegment(selector, out Segment code))
        {
            return SlowResult.Fault;
        }

        if (offset > code.Limit)
        {
            return RaiseProtection();
        }

        _cpu.SetSegment(SegmentRegister.Cs, code);
        _s->Eip = offset;
        return SlowResult.Leave;
    }

    private SlowResult FarCall(Instruction* i)
    {
        if (!TryFarTarget(i, out uint offset, out ushort selector, out int size) || !TryCodeSegment(selector, out Segment code))
        {
            return SlowResult.Fault;
        }

        if (offset > code.Limit)
        {
            return RaiseProtection();
        }

        uint esp = Esp;
        if (!Push(_s->Cs.Selector, size) || !Push(i->NextIP32, size))
        {
            Esp = esp;
            return SlowResult.Fault;
        }

        _cpu.SetSegment(SegmentRegister.Cs, code);
        _s->Eip = offset;
        return SlowResult.Leave;
    }

    internal static SlowResult FarReturn(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = i->Code is Code.Retfw or Code.Retfw_imm16 ? 2 : 4;
        int extra = i->OpCount == 1 ? i->Immediate16 : 0;
        if (size == 4 && x.TryKnownReturn())
        {
            return SlowResult.Leave;
        }

        if (!x.Peek(0, size, out uint eip) || !x.Peek(size, size, out uint cs))
        {
            return SlowResult.Fault;
        }

        return x.ReturnTo((ushort)cs, eip, flags: null, size, popped: (2 * size) + extra, stackAt: (2 * size) + extra, extra);
    }

    internal static SlowResult InterruptReturn(InstructionExecutor x, SlowInstruction* p)
    {
        int size = p->Instruction.Mnemonic == Mnemonic.Iretd ? 4 : 2;
        if ((x._s->SystemFlags & Eflags.NestedTask) != 0)
        {
            // A return from a nested task; without tasks there is no valid link.
            return x.Raise(TrapVector.InvalidTss);
        }

        if (!x.Peek(0, size, out uint eip) || !x.Peek(size, size, out uint cs) || !x.Peek(2 * size, size, out uint flags))
        {
            return SlowResult.Fault;
        }

        return x.ReturnTo((ushort)cs, eip, &flags, size, popped: 3 * size, stackAt: 3 * size, 0);
    }

    /// <summary>The common part of far RET and IRET: to the same or an outer privilege level.</summary>
    private SlowResult ReturnTo(ushort selector, uint eip, uint* flags, int size, int popped, int stackAt, int extra)
    {
        uint error = selector & 0xFFFCu;
        uint rpl = selector & 3u;
        if (error == 0)
        {
            return RaiseProtection();
        }

        if (!_system.TryReadDescriptor(selector, out ulong descriptor))
        {
            return RaiseProtection(error);
        }

        Segment code = Segment.FromDescriptor(selector, descriptor);
        bool conforming = (code.Access & Conforming) != 0;
        if ((code.Access & (NotSystem | CodeType)) != (NotSystem | CodeType) || rpl < _s->Cpl || (conforming ? code.Dpl > rpl : code.Dpl != rpl))
        {
            return RaiseProtection(error);
        }

        if ((code.Access & Present) == 0)
        {
            return Raise(TrapVector.SegmentNotPresent, error);
        }

        if (rpl == _s->Cpl)
        {
            if (eip > code.Limit)
            {
                return RaiseProtection();
            }

            StackPointer = StackAfter(popped);
            FinishReturn(code, eip, flags, size);
            return SlowResult.Leave;
        }

        if (!Peek(stackAt, size, out uint esp) || !Peek(stackAt + size, size, out uint ss) || !TryOuterStack((ushort)ss, rpl, out Segment stack))
        {
            return SlowResult.Fault;
        }

        if (eip > code.Limit)
        {
            return RaiseProtection();
        }

        _knownReturn = new KnownReturn { Code = code, CodeDescriptor = descriptor, Stack = stack, Cpl = _s->Cpl };
        _system.TryReadDescriptor((ushort)ss, out _knownReturn.StackDescriptor);
        FinishReturn(code, eip, flags, size);
        _cpu.SetSegment(SegmentRegister.Ss, stack);
        StackPointer = esp + (uint)extra;
        for (SegmentRegister r = SegmentRegister.Es; r <= SegmentRegister.Gs; r++)
        {
            // What the outer level may not use it must not keep.
            Segment g = _cpu.GetSegment(r);
            if (r is not (SegmentRegister.Cs or SegmentRegister.Ss) && IsHeldBack(g, rpl))
            {
                _cpu.SetSegment(r, default);
            }
        }

        _cpu.Translator?.NoteReturn(_knownReturn.Cpl, code, stack);

        return SlowResult.Leave;
    }

    /// <summary>The system has changed descriptors.</summary>
    internal void NoteChangedDescriptors()
    {
        ref KnownReturn known = ref _knownReturn;
        if (!_system.TryReadDescriptor(known.Code.Selector, out ulong code) || code != known.CodeDescriptor
            || !_system.TryReadDescriptor(known.Stack.Selector, out ulong stack) || stack != known.StackDescriptor)
        {
            known = default;
            _cpu.Translator?.ForgetReturn();
        }
    }

    /// <summary>
    /// IRET to an outer level by the same selectors and descriptors as the last time, when they passed all checks; false without effect
    /// if anything is different.
    /// </summary>
    private bool TryKnownReturn()
    {
        CpuState* s = _s;
        ref KnownReturn known = ref _knownReturn;
        uint esp = s->Registers[4];
        uint rpl = known.Code.Selector & 3u;
        if (known.Cpl != s->Cpl || rpl <= s->Cpl || (_cpu.SegmentMode & ~CodeMode.User) != 0
            || !Load(esp + 4, 4, out uint cs) || (ushort)cs != known.Code.Selector
            || !_system.TryReadDescriptor((ushort)cs, out ulong code) || code != known.CodeDescriptor
            || !Load(esp, 4, out uint eip) || eip > known.Code.Limit
            || !Load(esp + 16, 4, out uint ss) || (ushort)ss != known.Stack.Selector
            || !_system.TryReadDescriptor((ushort)ss, out ulong stack) || stack != known.StackDescriptor
            || !Load(esp + 12, 4, out uint outerEsp) || !Load(esp + 8, 4, out uint flags)
            || IsHeldBack(s->Es, rpl) || IsHeldBack(s->Ds, rpl) || IsHeldBack(s->Fs, rpl) || IsHeldBack(s->Gs, rpl))
        {
            return false;
        }

        FinishReturn(known.Code, eip, &flags, 4);
        _cpu.SetSegment(SegmentRegister.Ss, known.Stack);
        StackPointer = outerEsp;
        return true;
    }

    /// <summary>What a register holds may not be kept at an outer level.</summary>
    private static bool IsHeldBack(in Segment g, uint rpl) =>
        g.IsUsable && g.Dpl < rpl && (g.Access & (CodeType | Conforming)) != (CodeType | Conforming);

    private void FinishReturn(in Segment code, uint eip, uint* flags, int size)
    {
        if (flags != null)
        {
            // With the rights of the level that returns.
            SetFlagsAsPrivileged(*flags, size);
        }

        _cpu.SetSegment(SegmentRegister.Cs, code);
        _s->Eip = eip;
    }

    private bool TryOuterStack(ushort selector, uint rpl, out Segment stack)
    {
        stack = default;
        uint error = selector & 0xFFFCu;
        if (error == 0)
        {
            return Deny(TrapVector.GeneralProtection, 0);
        }

        if (!_system.TryReadDescriptor(selector, out ulong descriptor))
        {
            return Deny(TrapVector.GeneralProtection, error);
        }

        stack = Segment.FromDescriptor(selector, descriptor);
        if ((selector & 3u) != rpl || stack.Dpl != rpl || (stack.Access & (NotSystem | CodeType | ReadableOrWritable)) != (NotSystem | ReadableOrWritable))
        {
            return Deny(TrapVector.GeneralProtection, error);
        }

        return (stack.Access & Present) != 0 || Deny(TrapVector.StackFault, error);
    }

    // ---- looking at descriptors -------------------------------------------------------------------------------------------

    /// <summary>LAR, LSL, VERR and VERW: ZF tells whether the selector is visible.</summary>
    internal static SlowResult InspectDescriptor(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        bool loads = i->Mnemonic is Mnemonic.Lar or Mnemonic.Lsl;
        uint selector;
        if (i->GetOpKind(loads ? 1 : 0) == OpKind.Memory)
        {
            // Always a word, whatever the operand size.
            if (!x.TryAddress(i, 2, write: false, out uint linear) || !x.Load(linear, 2, out selector))
            {
                return SlowResult.Fault;
            }
        }
        else
        {
            selector = (ushort)x.GetRegister(i->GetOpRegister(loads ? 1 : 0));
        }

        uint flags = Eflags.Get(x._s) & ~Eflags.Zero;
        if ((selector & 0xFFFC) != 0 && x._system.TryReadDescriptor((ushort)selector, out ulong descriptor))
        {
            Segment g = Segment.FromDescriptor((ushort)selector, descriptor);
            if (x.IsVisible(g, i->Mnemonic))
            {
                flags |= Eflags.Zero;
                if (loads)
                {
                    x.SetRegister(i->Op0Register, i->Mnemonic == Mnemonic.Lar ? (uint)(descriptor >> 32) & 0x00F0FF00 : g.Limit);
                }
            }
        }

        Eflags.SetStatus(x._s, flags);
        return SlowResult.Done;
    }

    private bool IsVisible(in Segment g, Mnemonic mnemonic)
    {
        bool system = (g.Access & NotSystem) == 0;
        bool code = (g.Access & CodeType) != 0;
        bool conforming = !system && code && (g.Access & Conforming) != 0;
        bool privileged = !conforming && (g.Dpl < _s->Cpl || g.Dpl < (g.Selector & 3u));
        uint type = g.Access & 0xF;
        return !privileged && mnemonic switch
        {
            Mnemonic.Lar => !system || type is 1 or 2 or 3 or 4 or 5 or 9 or 0xB or 0xC,
            Mnemonic.Lsl => !system || type is 1 or 2 or 3 or 9 or 0xB,
            Mnemonic.Verr => !system && (!code || (g.Access & ReadableOrWritable) != 0),
            _ => !system && !code && (g.Access & ReadableOrWritable) != 0,
        };
    }

    internal static SlowResult Arpl(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        if (!x.ReadOperand(i, 0, out uint a))
        {
            return SlowResult.Fault;
        }

        uint rpl = x.GetRegister(i->Op1Register) & 3;
        uint flags = Eflags.Get(x._s) & ~Eflags.Zero;
        if ((a & 3) < rpl)
        {
            flags |= Eflags.Zero;
            if (!x.WriteOperand(i, (a & ~3u) | rpl, 2))
            {
                return SlowResult.Fault;
            }
        }

        Eflags.SetStatus(x._s, flags);
        return SlowResult.Done;
    }

    /// <summary>SGDT, SIDT, SLDT, STR and SMSW, which unprivileged code may execute.</summary>
    internal static SlowResult StoreTable(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        x._system.ReadTableRegisters(out uint gdtBase, out ushort gdtLimit, out uint idtBase, out ushort idtLimit, out ushort ldt, out ushort tr, out uint machineStatus);
        bool stored;
        switch (i->Mnemonic)
        {
            case Mnemonic.Sgdt or Mnemonic.Sidt:
                bool gdt = i->Mnemonic == Mnemonic.Sgdt;
                ulong image = (gdt ? gdtLimit : idtLimit) | ((ulong)(gdt ? gdtBase : idtBase) << 16);
                stored = x.TryAddress(i, 6, write: true, out uint linear) && x._mmu.Write(linear, (byte*)&image, 6);
                break;
            case Mnemonic.Smsw:
                // To a 32-bit register all of CR0 goes, to memory always a word.
                stored = x.WriteOperand(i, machineStatus, i->Op0Kind == OpKind.Register ? SizeOf(i->Op0Register) : 2);
                break;
            default:
                stored = x.WriteOperand(i, i->Mnemonic == Mnemonic.Sldt ? ldt : tr, 2);
                break;
        }

        return stored ? SlowResult.Done : SlowResult.Fault;
    }

    /// <summary>A return to an outer level that passed all checks: they depend on nothing else.</summary>
    private struct KnownReturn
    {
        public Segment Code;
        public Segment Stack;
        public ulong CodeDescriptor;
        public ulong StackDescriptor;
        public uint Cpl;
    }
}
