// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Fpu;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Interpretation;

/// <content>Processor identification, privileged and undefined instructions, and the way to the x87 unit.</content>
internal sealed unsafe partial class InstructionExecutor
{
    internal static SlowResult Cpuid(InstructionExecutor x, SlowInstruction* p)
    {
        x._system.Cpuid(x.Eax, x.Ecx, out x.Eax, out x.Ebx, out x.Ecx, out x.Edx);
        return SlowResult.Done;
    }

    internal static SlowResult ReadTimeStamp(InstructionExecutor x, SlowInstruction* p)
    {
        ulong tsc = x._system.ReadTimeStampCounter();
        x.Eax = (uint)tsc;
        x.Edx = (uint)(tsc >> 32);
        return SlowResult.Done;
    }

    /// <summary>
    /// What needs CPL 0 or I/O privilege. No guest so far runs with either, so it always faults; the system behind the fault may
    /// emulate it.
    /// </summary>
    internal static SlowResult Privileged(InstructionExecutor x, SlowInstruction* p) => x.RaiseProtection();

    internal static SlowResult Undefined(InstructionExecutor x, SlowInstruction* p)
    {
        // With TS set an MMX or SSE instruction asks for the FPU first, so that the system can hand it over.
        if (x._s->TaskSwitched != 0)
        {
            foreach (CpuidFeature feature in p->Instruction.CpuidFeatures)
            {
                if (feature is CpuidFeature.MMX or CpuidFeature.SSE or CpuidFeature.SSE2 or CpuidFeature.SSE3 or CpuidFeature.SSSE3)
                {
                    return x.Raise(TrapVector.DeviceNotAvailable);
                }
            }
        }

        return x.Raise(TrapVector.InvalidOpcode);
    }

    internal static SlowResult Nop(InstructionExecutor x, SlowInstruction* p) => SlowResult.Done;

    internal static SlowResult Wait(InstructionExecutor x, SlowInstruction* p)
    {
        // CR0.MP is always set: WAIT respects TS.
        if (x._s->TaskSwitched != 0)
        {
            return x.Raise(TrapVector.DeviceNotAvailable);
        }

        return X87.IsFaultPending(&x._s->Fpu) ? x.Raise(TrapVector.MathFault) : SlowResult.Done;
    }

    internal static SlowResult Fpu(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int esc = (int)((p->Encoding >> 8) & 7);
        int modrm = (int)(p->Encoding & 0xFF);
        CpuState* s = x._s;
        if (s->TaskSwitched != 0)
        {
            return x.Raise(TrapVector.DeviceNotAvailable);
        }

        if (X87.IsWaiting(esc, modrm) && X87.IsFaultPending(&s->Fpu))
        {
            return x.Raise(TrapVector.MathFault);
        }

        if (modrm >= 0xC0)
        {
            // FCMOVcc, FCOMI and their kin: the only ones that know EFLAGS, which costs something to put together.
            bool usesFlags = (esc is 2 or 3 && modrm < 0xE0) || (esc is 3 or 7 && modrm is >= 0xE8 and < 0xF8);
            uint flags = usesFlags ? Eflags.Get(s) : 0;
            ushort ax = (ushort)x.Eax;
            x.RememberInstruction(i, esc, modrm);
            FpuOutcome outcome = X87.ExecuteRegister(&s->Fpu, esc, modrm, ref flags, ref ax);
            if (outcome != FpuOutcome.Done)
            {
                return x.Fail(outcome);
            }

            x.Eax = (x.Eax & 0xFFFF0000) | ax;
            if (usesFlags)
            {
                Eflags.SetStatus(s, flags);
            }

            return SlowResult.Done;
        }

        return x.FpuMemory(i, esc, modrm);
    }

    private SlowResult FpuMemory(Instruction* i, int esc, int modrm)
    {
        int reg = (modrm >> 3) & 7;
        bool narrow = HasOperandSizePrefix(i);
        if (!X87.TryGetMemoryOperand(esc, reg, narrow, out int reads, out int writes))
        {
            return Raise(TrapVector.InvalidOpcode);
        }

        byte* operand = stackalloc byte[128];
        uint offset = Offset(i);
        uint length = (uint)Math.Max(reads, writes);
        if (!TryLinear(i->MemorySegment, offset, length, writes > 0, out uint linear)
            || (reads > 0 && !_mmu.Read(linear, operand, (uint)reads))
            || (writes > 0 && !_mmu.ProbeWrite(linear, (uint)writes)))
        {
            return SlowResult.Fault;
        }

        if (RememberInstruction(i, esc, modrm))
        {
            _s->Fpu.LastDp = offset;
            _s->Fpu.LastDs = SegmentAt(i->MemorySegment)->Selector;
        }

        FpuOutcome outcome = X87.ExecuteMemory(&_s->Fpu, esc, reg, narrow, operand, out bool store);
        if (outcome != FpuOutcome.Done)
        {
            return Fail(outcome);
        }

        if (store)
        {
            _mmu.Write(linear, operand, (uint)writes);
        }

        return SlowResult.Done;
    }

    /// <summary>Keeps what FSTENV shows of the last instruction, unless it is a control instruction (Intel SDM vol. 1, 8.1.8).</summary>
    private bool RememberInstruction(Instruction* i, int esc, int modrm)
    {
        int reg = (modrm >> 3) & 7;
        bool control = modrm >= 0xC0
            ? (esc == 3 && reg == 4) || (esc == 7 && modrm == 0xE0)
            : (esc == 1 && reg >= 4) || (esc == 5 && reg is 4 or 6 or 7);
        if (control)
        {
            return false;
        }

        _s->Fpu.LastIp = i->IP32;
        _s->Fpu.LastCs = _s->Cs.Selector;
        _s->Fpu.LastOpcode = (ushort)((esc << 8) | modrm);
        return true;
    }

    private SlowResult Fail(FpuOutcome outcome) => Raise(outcome == FpuOutcome.InvalidOpcode ? TrapVector.InvalidOpcode : TrapVector.MathFault);

    /// <summary>The environment forms come in a 14-byte and a 28-byte image; Iced tells them apart by their code.</summary>
    private static bool HasOperandSizePrefix(Instruction* i) =>
        i->Code is Code.Fldenv_m14byte or Code.Fnstenv_m14byte or Code.Fstenv_m14byte
            or Code.Frstor_m94byte or Code.Fnsave_m94byte or Code.Fsave_m94byte;
}
