// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Fpu;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Interpretation;

/// <content>The way to the x87 unit: traps before an instruction, its memory operand, its pointers.</content>
internal sealed unsafe partial class InstructionExecutor
{
    internal static SlowResult Wait(InstructionExecutor x, SlowInstruction* p)
    {
        x._cpu.TakeFpuState();
        // CR0.MP is always set: WAIT respects TS.
        if (x._s->TaskSwitched != 0)
        {
            return x.Raise(TrapVector.DeviceNotAvailable);
        }

        return X87.IsFaultPending(&x._s->Fpu) ? x.Raise(TrapVector.MathFault) : SlowResult.Done;
    }

    /// <summary>An x87 instruction with a memory operand in any segment, or in 16-bit code.</summary>
    internal static SlowResult Fpu(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int esc = (int)((p->Encoding >> 8) & 7);
        int modrm = (int)(p->Encoding & 0xFF);
        if (modrm >= 0xC0)
        {
            return x.FpuRegister(esc, modrm, i->IP32) ? SlowResult.Done : SlowResult.Fault;
        }

        int reg = (modrm >> 3) & 7;
        bool narrow = HasSmallImage(i);
        if (!x.MayExecute(esc, modrm) || !x.TryOperandSize(esc, reg, narrow, out int reads, out int writes))
        {
            return SlowResult.Fault;
        }

        uint offset = x.Offset(i);
        return x.TryLinear(i->MemorySegment, offset, (uint)Math.Max(reads, writes), writes > 0, out uint linear)
            && x.FpuMemory(esc, modrm, i->IP32, linear, offset, x.SegmentAt(i->MemorySegment)->Selector, narrow, reads, writes)
                ? SlowResult.Done : SlowResult.Fault;
    }

    /// <summary>A register form; false after a fault.</summary>
    internal bool FpuRegister(int esc, int modrm, uint ip)
    {
        CpuState* s = _s;
        if (!MayExecute(esc, modrm))
        {
            return false;
        }

        // FCMOVcc, FCOMI and their kin: the only ones that know EFLAGS, which costs something to put together.
        bool usesFlags = (esc is 2 or 3 && modrm < 0xE0) || (esc is 3 or 7 && modrm is >= 0xE8 and < 0xF8);
        uint flags = usesFlags ? Eflags.Get(s) : 0;
        ushort ax = (ushort)Eax;
        RememberInstruction(esc, modrm, ip);
        FpuOutcome outcome = X87.ExecuteRegister(&s->Fpu, esc, modrm, ref flags, ref ax);
        if (outcome != FpuOutcome.Done)
        {
            return Fail(outcome);
        }

        Eax = (Eax & 0xFFFF0000) | ax;
        if (usesFlags)
        {
            Eflags.SetStatus(s, flags);
        }

        return true;
    }

    /// <summary>A memory form with 32-bit addressing through a flat DS or SS, other than the environment images.</summary>
    internal bool FpuFlatMemory(int esc, int modrm, uint ip, uint address) =>
        MayExecute(esc, modrm) && TryOperandSize(esc, (modrm >> 3) & 7, narrow: false, out int reads, out int writes)
        && FpuMemory(esc, modrm, ip, address, address, _s->Ds.Selector, narrow: false, reads, writes);

    private bool FpuMemory(int esc, int modrm, uint ip, uint linear, uint offset, ushort selector, bool narrow, int reads, int writes)
    {
        byte* operand = stackalloc byte[X87.MaximumOperand];
        if (reads > 0 ? !_mmu.Read(linear, operand, (uint)reads) : !_mmu.ProbeWrite(linear, (uint)writes))
        {
            return false;
        }

        if (RememberInstruction(esc, modrm, ip))
        {
            _s->Fpu.LastDp = offset;
            _s->Fpu.LastDs = selector;
        }

        FpuOutcome outcome = X87.ExecuteMemory(&_s->Fpu, esc, (modrm >> 3) & 7, narrow, operand, out bool store);
        if (outcome != FpuOutcome.Done)
        {
            return Fail(outcome);
        }

        if (store)
        {
            _mmu.Write(linear, operand, (uint)writes);
        }

        return true;
    }

    /// <summary>Device not available, then an exception that an earlier instruction left behind.</summary>
    private bool MayExecute(int esc, int modrm)
    {
        _cpu.TakeFpuState();
        if (_s->TaskSwitched != 0)
        {
            return Deny(TrapVector.DeviceNotAvailable, 0);
        }

        return !X87.IsFaultPending(&_s->Fpu) || !X87.IsWaiting(esc, modrm) || Deny(TrapVector.MathFault, 0);
    }

    private bool TryOperandSize(int esc, int reg, bool narrow, out int reads, out int writes) =>
        X87.TryGetMemoryOperand(esc, reg, narrow, out reads, out writes) || Deny(TrapVector.InvalidOpcode, 0);

    /// <summary>Keeps what FSTENV shows of the last instruction, unless it is a control instruction (Intel SDM vol. 1, 8.1.8).</summary>
    private bool RememberInstruction(int esc, int modrm, uint ip)
    {
        int reg = (modrm >> 3) & 7;
        bool control = modrm >= 0xC0
            ? (esc == 3 && reg == 4) || (esc == 7 && modrm == 0xE0)
            : (esc == 1 && reg >= 4) || (esc == 5 && reg is 4 or 6 or 7);
        if (control)
        {
            return false;
        }

        _s->Fpu.LastIp = ip;
        _s->Fpu.LastCs = _s->Cs.Selector;
        _s->Fpu.LastOpcode = (ushort)((esc << 8) | modrm);
        return true;
    }

    private bool Fail(FpuOutcome outcome) => Deny(outcome == FpuOutcome.InvalidOpcode ? TrapVector.InvalidOpcode : TrapVector.MathFault, 0);

    /// <summary>The environment forms come in a 14-byte and a 28-byte image; Iced tells them apart by their code.</summary>
    private static bool HasSmallImage(Instruction* i) =>
        i->Code is Code.Fldenv_m14byte or Code.Fnstenv_m14byte or Code.Fstenv_m14byte
            or Code.Frstor_m94byte or Code.Fnsave_m94byte or Code.Fsave_m94byte;
}
