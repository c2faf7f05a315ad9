// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Fpu;
using LguestPlug.Emulator.Translation;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Interpretation;

/// <content>
/// MMX and SSE. With a translator the host's CPU executes these instructions, and CPUID offers them. Without one only those exist
/// that move the register state about: what programs use that look at the state without asking, and what shows that TS guards it.
/// </content>
internal sealed unsafe partial class InstructionExecutor
{
    private const uint MxcsrMask = 0xFFFF;
    private const int ImageBytes = 512, SavedBytes = 288;
    private const int MxcsrOffset = 24, MxcsrMaskOffset = 28, StackOffset = 32, VectorsOffset = 160;

    /// <summary>The host's CPU, if a translator makes it available.</summary>
    public HostSimd? HostSimd { get; set; }

    /// <summary>Any MMX, SSE or SSE2 instruction that works on vector registers.</summary>
    internal static SlowResult Simd(InstructionExecutor x, SlowInstruction* p)
    {
        if (x.HostSimd is not null)
        {
            return x.ExecuteOnHost(x.HostSimd, p);
        }

        return p->Instruction.Mnemonic switch
        {
            Mnemonic.Movd => Movd(x, p),
            Mnemonic.Movups or Mnemonic.Movaps => MovePacked(x, p),
            Mnemonic.Emms => Emms(x, p),
            _ => Undefined(x, p),
        };
    }

    /// <summary>MOVD between a vector register and a 32-bit register or memory.</summary>
    private static SlowResult Movd(InstructionExecutor x, SlowInstruction* p)
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
    private static SlowResult MovePacked(InstructionExecutor x, SlowInstruction* p)
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

    /// <summary>FXSAVE: an image of 512 bytes (Intel SDM vol. 1, 10.5.1), of which the processor leaves the end alone.</summary>
    internal static SlowResult SaveVectors(InstructionExecutor x, SlowInstruction* p)
    {
        if (!x.TryImage(&p->Instruction, write: true, out uint linear))
        {
            return SlowResult.Fault;
        }

        byte* image = stackalloc byte[SavedBytes];
        new Span<byte>(image, SavedBytes).Clear();
        CpuState* s = x._s;
        FpuState* fpu = &s->Fpu;
        *(ushort*)image = fpu->Control;
        *(ushort*)(image + 2) = fpu->Status;
        image[4] = fpu->Tag;
        *(ushort*)(image + 6) = fpu->LastOpcode;
        *(uint*)(image + 8) = fpu->LastIp;
        *(ushort*)(image + 12) = fpu->LastCs;
        *(uint*)(image + 16) = fpu->LastDp;
        *(ushort*)(image + 20) = fpu->LastDs;
        *(uint*)(image + MxcsrOffset) = s->Mxcsr;
        *(uint*)(image + MxcsrMaskOffset) = MxcsrMask;
        for (int i = 0; i < 8; i++)
        {
            Float80 value = fpu->Registers[((fpu->Status >> 11) + i) & 7];
            *(ulong*)(image + StackOffset + (i * 16)) = value.Significand;
            *(ushort*)(image + StackOffset + (i * 16) + 8) = value.SignExponent;
        }

        new Span<ulong>(s->Xmm, 16).CopyTo(new Span<ulong>(image + VectorsOffset, 16));
        return x._mmu.Write(linear, image, SavedBytes) ? SlowResult.Done : SlowResult.Fault;
    }

    /// <summary>FXRSTOR.</summary>
    internal static SlowResult RestoreVectors(InstructionExecutor x, SlowInstruction* p)
    {
        byte* image = stackalloc byte[ImageBytes];
        if (!x.TryImage(&p->Instruction, write: false, out uint linear) || !x._mmu.Read(linear, image, ImageBytes))
        {
            return SlowResult.Fault;
        }

        uint mxcsr = *(uint*)(image + MxcsrOffset);
        if ((mxcsr & ~MxcsrMask) != 0)
        {
            return x.RaiseProtection();
        }

        CpuState* s = x._s;
        FpuState* fpu = &s->Fpu;
        X87.LoadModes(fpu, *(ushort*)image, *(ushort*)(image + 2));
        fpu->Tag = image[4];
        fpu->LastOpcode = (ushort)(*(ushort*)(image + 6) & 0x7FF);
        fpu->LastIp = *(uint*)(image + 8);
        fpu->LastCs = *(ushort*)(image + 12);
        fpu->LastDp = *(uint*)(image + 16);
        fpu->LastDs = *(ushort*)(image + 20);
        for (int i = 0; i < 8; i++)
        {
            byte* from = image + StackOffset + (i * 16);
            fpu->Registers[((fpu->Status >> 11) + i) & 7] = new Float80(*(ushort*)(from + 8), *(ulong*)from);
        }

        new Span<ulong>(image + VectorsOffset, 16).CopyTo(new Span<ulong>(s->Xmm, 16));
        s->Mxcsr = mxcsr;
        return SlowResult.Done;
    }

    /// <summary>LFENCE, MFENCE and SFENCE.</summary>
    internal static SlowResult Fence(InstructionExecutor x, SlowInstruction* p)
    {
        Interlocked.MemoryBarrier();
        return SlowResult.Done;
    }

    /// <summary>CLFLUSH, which faults like a load.</summary>
    internal static SlowResult FlushLine(InstructionExecutor x, SlowInstruction* p) =>
        x.TryAddress(&p->Instruction, 1, write: false, out uint linear) && x.Load(linear, 1, out _) ? SlowResult.Done : SlowResult.Fault;

    /// <summary>The address of FXSAVE's operand; all of it may be accessed.</summary>
    private bool TryImage(Instruction* i, bool write, out uint linear)
    {
        linear = 0;
        if (!MayUseVectors() || !TryAddress(i, ImageBytes, write, out linear))
        {
            return false;
        }

        if ((linear & 15) != 0)
        {
            return Deny(TrapVector.GeneralProtection, 0);
        }

        // Processors look at the last byte first.
        const uint Last = ImageBytes - 1;
        return write ? _mmu.ProbeWrite(linear + Last, 1) && _mmu.ProbeWrite(linear, 1) : Load(linear + Last, 1, out _);
    }

    private SlowResult ExecuteOnHost(HostSimd host, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        SimdForm form = SimdInstructions.Find(p->Encoding);
        if (!form.Has(SimdTraits.Stateless) && !MayUseVectors())
        {
            return SlowResult.Fault;
        }

        if (form.Has(SimdTraits.Mmx) && X87.IsFaultPending(&_s->Fpu))
        {
            return Raise(TrapVector.MathFault);
        }

        if (i->Mnemonic is Mnemonic.Maskmovq or Mnemonic.Maskmovdqu)
        {
            return MoveMasked(i, form);
        }

        SimdOperands* operands = stackalloc SimdOperands[2];
        operands = (SimdOperands*)(((nint)operands + 15) & ~15);
        bool hasMemory = i->Op0Kind == OpKind.Memory || i->Op1Kind == OpKind.Memory;
        uint linear = 0;
        bool stores = form.Has(SimdTraits.Stores);
        if (hasMemory)
        {
            if (!TryAddress(i, form.Size, stores, out linear))
            {
                return SlowResult.Fault;
            }

            if (form.Has(SimdTraits.Aligned) && (linear & 15) != 0)
            {
                return RaiseProtection();
            }

            if (stores ? !_mmu.ProbeWrite(linear, form.Size) : !_mmu.Read(linear, operands->Memory, form.Size))
            {
                return SlowResult.Fault;
            }
        }

        Register general = form.Has(SimdTraits.GeneralReg) ? (stores ? i->Op1Register : i->Op0Register)
            : form.Has(SimdTraits.GeneralRm) && !hasMemory ? (stores ? i->Op0Register : i->Op1Register)
            : Register.None;
        operands->General = general == Register.None ? 0 : GetRegister(general);
        if (!host.Execute(p->Encoding, SimdInstructions.HasImmediate((int)(p->Encoding >> 8) & 0xFF) ? i->Immediate8 : (byte)0, operands))
        {
            // By then the x87 unit is turned over, unless that is for the sake of a memory operand only (CVTPI2PS).
            if (form.Has(SimdTraits.Mmx) && !(hasMemory && i->Op0Register.IsXMM()))
            {
                EnterMmx();
            }

            return Raise(TrapVector.SimdError);
        }

        if (general != Register.None)
        {
            SetRegister(general, operands->General);
        }

        if (form.Has(SimdTraits.SetsFlags))
        {
            Eflags.SetStatus(_s, operands->Flags);
        }

        // Probed above.
        _ = hasMemory && stores && _mmu.Write(linear, operands->Memory, form.Size);
        return SlowResult.Done;
    }

    /// <summary>MASKMOVQ and MASKMOVDQU: stores the bytes whose mask has its top bit set, at DS:EDI or another segment.</summary>
    private SlowResult MoveMasked(Instruction* i, SimdForm form)
    {
        bool isMmx = form.Has(SimdTraits.Mmx);
        byte* data = stackalloc byte[16];
        byte* mask = stackalloc byte[16];
        ReadVector(i->Op1Register, isMmx, data);
        ReadVector(i->Op2Register, isMmx, mask);
        uint offset = i->Op0Kind == OpKind.MemorySegDI ? (ushort)Edi : Edi;
        if (!TryLinear(i->MemorySegment, offset, form.Size, write: true, out uint linear))
        {
            return SlowResult.Fault;
        }

        // Even where no byte is stored.
        if (!_mmu.ProbeWrite(linear, form.Size))
        {
            return SlowResult.Fault;
        }

        for (uint n = 0; n < form.Size; n++)
        {
            _ = mask[n] >= 0x80 && _mmu.Write(linear + n, data + n, 1);
        }

        if (isMmx)
        {
            EnterMmx();
        }

        return SlowResult.Done;
    }

    private void ReadVector(Register register, bool isMmx, byte* to)
    {
        if (isMmx)
        {
            *(ulong*)to = _s->Fpu.Registers[register - Register.MM0].Significand;
        }
        else
        {
            new Span<ulong>(_s->Xmm + ((register - Register.XMM0) * 2), 2).CopyTo(new Span<ulong>(to, 2));
        }
    }

    private static SlowResult Emms(InstructionExecutor x, SlowInstruction* p)
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
