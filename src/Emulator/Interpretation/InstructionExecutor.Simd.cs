// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Fpu;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Interpretation;

/// <content>
/// The few MMX and SSE instructions that move the register state about. CPUID offers neither extension; this is what programs use
/// that look at the state without asking, and what shows that TS guards it.
/// </content>
internal sealed unsafe partial class InstructionExecutor
{
    private const uint MxcsrMask = 0xFFFF;

    /// <summary>MOVD between a vector register and a 32-bit register or memory.</summary>
    internal static SlowResult Movd(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        if (!x.MayUseVectors())
        {
            return SlowResult.Fault;
        }

        if (i->Code is Code.Movd_rm32_mm or Code.Movd_rm32_xmm)
        {
            uint value = i->Code == Code.Movd_rm32_mm
                ? (uint)x._s->Fpu.Registers[i->Op1Register - Register.MM0].Significand
                : (uint)x._s->Xmm[(i->Op1Register - Register.XMM0) * 2];
            if (!x.WriteOperand(i, value, 4))
            {
                return SlowResult.Fault;
            }
        }
        else
        {
            if (!x.ReadOperand(i, 1, out uint value))
            {
                return SlowResult.Fault;
            }

            if (i->Code == Code.Movd_mm_rm32)
            {
                x._s->Fpu.Registers[i->Op0Register - Register.MM0] = new Float80(0xFFFF, value);
            }
            else
            {
                ulong* xmm = x._s->Xmm + ((i->Op0Register - Register.XMM0) * 2);
                xmm[0] = value;
                xmm[1] = 0;
            }
        }

        if (i->Code is Code.Movd_mm_rm32 or Code.Movd_rm32_mm)
        {
            x.EnterMmx();
        }

        return SlowResult.Done;
    }

    /// <summary>MOVUPS and MOVAPS.</summary>
    internal static SlowResult MovePacked(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        if (!x.MayUseVectors())
        {
            return SlowResult.Fault;
        }

        if (i->Op0Kind == OpKind.Register && i->Op1Kind == OpKind.Register)
        {
            ulong* to = x._s->Xmm + ((i->Op0Register - Register.XMM0) * 2);
            ulong* from = x._s->Xmm + ((i->Op1Register - Register.XMM0) * 2);
            (to[0], to[1]) = (from[0], from[1]);
            return SlowResult.Done;
        }

        bool stores = i->Op0Kind == OpKind.Memory;
        if (!x.TryAddress(i, 16, stores, out uint linear))
        {
            return SlowResult.Fault;
        }

        if (i->Mnemonic == Mnemonic.Movaps && (linear & 15) != 0)
        {
            return x.RaiseProtection();
        }

        byte* xmm = (byte*)(x._s->Xmm + (((stores ? i->Op1Register : i->Op0Register) - Register.XMM0) * 2));
        return (stores ? x._mmu.Write(linear, xmm, 16) : x._mmu.Read(linear, xmm, 16)) ? SlowResult.Done : SlowResult.Fault;
    }

    /// <summary>LDMXCSR and STMXCSR.</summary>
    internal static SlowResult Mxcsr(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        if (!x.MayUseVectors())
        {
            return SlowResult.Fault;
        }

        if (i->Mnemonic == Mnemonic.Stmxcsr)
        {
            return x.WriteOperand(i, x._s->Mxcsr, 4) ? SlowResult.Done : SlowResult.Fault;
        }

        if (!x.ReadOperand(i, 0, out uint value))
        {
            return SlowResult.Fault;
        }

        if ((value & ~MxcsrMask) != 0)
        {
            return x.RaiseProtection();
        }

        x._s->Mxcsr = value;
        return SlowResult.Done;
    }

    internal static SlowResult Emms(InstructionExecutor x, SlowInstruction* p)
    {
        if (!x.MayUseVectors())
        {
            return SlowResult.Fault;
        }

        x._s->Fpu.Tag = 0;
        return SlowResult.Done;
    }

    private bool MayUseVectors()
    {
        _cpu.TakeFpuState();
        return _s->TaskSwitched == 0 || Deny(TrapVector.DeviceNotAvailable, 0);
    }

    /// <summary>An MMX instruction makes the top of the stack register 0 and all registers valid (Intel SDM vol. 3, 12.2).</summary>
    private void EnterMmx()
    {
        _s->Fpu.Status &= unchecked((ushort)~0x3800);
        _s->Fpu.Tag = 0xFF;
    }
}
