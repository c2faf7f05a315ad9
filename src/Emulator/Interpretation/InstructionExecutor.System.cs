// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Interpretation;

/// <content>Processor identification, privileged and undefined instructions.</content>
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
}
