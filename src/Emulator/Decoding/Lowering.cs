// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Interpretation;

namespace LguestPlug.Emulator.Decoding;

/// <summary>
/// Chooses the interpreter's operations for decoded instructions. What has no operation of its own, and every memory access while
/// segments are not flat, becomes a slow operation.
/// </summary>
internal sealed unsafe class Lowering
{
    private MicroOp* _ops;
    private SlowInstruction* _slow;
    private bool _flat;
    private bool _wide;

    public int OpCount { get; private set; }

    public int SlowCount { get; private set; }

    public int InstructionCount { get; private set; }

    /// <summary>Target of the block's last direct branch.</summary>
    public uint TakenEip { get; private set; }

    public void Begin(MicroOp* ops, SlowInstruction* slow, CodeMode mode)
    {
        _ops = ops;
        _slow = slow;
        _flat = (mode & CodeMode.Segmented) == 0;
        _wide = (mode & CodeMode.SixteenBit) == 0;
        OpCount = SlowCount = InstructionCount = 0;
        TakenEip = 0;
    }

    /// <summary>Adds one instruction; true if it ends the block.</summary>
    /// <param name="i">As Iced decoded it.</param>
    /// <param name="bytes">Its encoding.</param>
    public bool Lower(in Instruction i, byte* bytes)
    {
        InstructionCount++;
        bool ends = false;
        uint fpu = FpuEncoding(bytes);
        if (!_wide || !(fpu != 0 ? LowerFpu(i, fpu) : TryLower(i, out ends)))
        {
            ends = LowerSlow(i, fpu != 0 || i.IsInvalid ? fpu : SimdInstructions.Encoding(bytes));
        }

        MicroOp* last = &_ops[OpCount - 1];
        last->Extent = (byte)((last->Length + Math.Max(i.Length, 1)) | ((last->Instructions + 1) << 5));
        return ends;
    }

    /// <summary>Finishes the block.</summary>
    /// <param name="branched">False if it ran out of room or of page.</param>
    public void End(bool branched)
    {
        if (!branched)
        {
            Emit(OpCode.Continue);
        }

        FlagLiveness.Quieten(_ops, OpCount);
    }

    private bool TryLower(in Instruction i, out bool ends)
    {
        ends = false;
        switch (i.Mnemonic)
        {
            case Mnemonic.Mov: return LowerMov(i);
            case Mnemonic.Add: return LowerAlu(i, 0);
            case Mnemonic.Or: return LowerAlu(i, 1);
            case Mnemonic.Adc: return LowerAlu(i, 2);
            case Mnemonic.Sbb: return LowerAlu(i, 3);
            case Mnemonic.And: return LowerAlu(i, 4);
            case Mnemonic.Sub: return LowerAlu(i, 5);
            case Mnemonic.Xor: return LowerAlu(i, 6);
            case Mnemonic.Cmp: return LowerAlu(i, 7);
            case Mnemonic.Test: return LowerAlu(i, 8);
            case Mnemonic.Movzx: return LowerExtend(i, OpCode.MovzxRR8);
            case Mnemonic.Movsx: return LowerExtend(i, OpCode.MovsxRR8);
            case Mnemonic.Lea: return IsRegister32(i.Op0Register) && HasPlainAddress(i) && EmitMemory(OpCode.Lea, i, Index(i.Op0Register));
            case Mnemonic.Nop or Mnemonic.Reservednop or Mnemonic.Pause:
                Emit(OpCode.Nop);
                return true;
            case Mnemonic.Inc: return LowerUnary(i, OpCode.IncR, OpCode.IncM);
            case Mnemonic.Dec: return LowerUnary(i, OpCode.DecR, OpCode.DecM);
            case Mnemonic.Neg: return LowerUnary(i, OpCode.NegR, OpCode.Slow);
            case Mnemonic.Not: return LowerUnary(i, OpCode.NotR, OpCode.Slow);
            case Mnemonic.Mul: return LowerUnary(i, OpCode.MulR, OpCode.MulM);
            case Mnemonic.Div: return LowerUnary(i, OpCode.DivR, OpCode.DivM);
            case Mnemonic.Imul: return LowerImul(i);
            case Mnemonic.Shl or Mnemonic.Sal: return LowerShift(i, OpCode.ShlRI, OpCode.ShlRC);
            case Mnemonic.Shr: return LowerShift(i, OpCode.ShrRI, OpCode.ShrRC);
            case Mnemonic.Sar: return LowerShift(i, OpCode.SarRI, OpCode.SarRC);
            case Mnemonic.Rol: return LowerShift(i, OpCode.RolRI, OpCode.Slow);
            case Mnemonic.Ror: return LowerShift(i, OpCode.RorRI, OpCode.Slow);
            case Mnemonic.Shld: return LowerDoubleShift(i, OpCode.ShldRRI);
            case Mnemonic.Shrd: return LowerDoubleShift(i, OpCode.ShrdRRI);
            case Mnemonic.Cwde:
                Emit(OpCode.Cwde);
                return true;
            case Mnemonic.Cdq:
                Emit(OpCode.Cdq);
                return true;
            case Mnemonic.Xchg:
                return i.Op0Kind == OpKind.Register && i.Op1Kind == OpKind.Register && IsRegister32(i.Op0Register)
                    && Emit(OpCode.XchgRR, Index(i.Op0Register), Index(i.Op1Register));
            case Mnemonic.Push: return LowerPush(i);
            case Mnemonic.Pop:
                return _flat && i.Op0Kind == OpKind.Register && IsRegister32(i.Op0Register) && Emit(OpCode.PopR, Index(i.Op0Register));
            case Mnemonic.Leave: return _flat && i.Code == Code.Leaved && Emit(OpCode.Leave);
            case Mnemonic.Ret:
                ends = true;
                return _flat && i.Code switch
                {
                    Code.Retnd => Emit(OpCode.Ret),
                    Code.Retnd_imm16 => Emit(OpCode.RetI, immediate: i.Immediate16),
                    _ => false,
                };
            case Mnemonic.Jmp:
                ends = true;
                return i.Code switch
                {
                    Code.Jmp_rel8_32 or Code.Jmp_rel32_32 => EmitBranch(OpCode.Jmp, i),
                    Code.Jmp_rm32 => EmitIndirect(i, OpCode.JmpR, OpCode.JmpM),
                    _ => false,
                };
            case Mnemonic.Call:
                ends = true;
                return _flat && i.Code switch
                {
                    Code.Call_rel32_32 => EmitBranch(OpCode.Call, i),
                    Code.Call_rm32 => EmitIndirect(i, OpCode.CallR, OpCode.CallM),
                    _ => false,
                };
            default:
                if (i.ConditionCode != ConditionCode.None)
                {
                    return LowerConditional(i, ref ends);
                }

                return false;
        }
    }

    private bool LowerSlow(in Instruction i, uint encoding)
    {
        SlowInstruction* slow = &_slow[SlowCount];
        slow->Instruction = i;
        slow->Encoding = encoding;
        slow->Handler = SlowHandlers.For(i, encoding);
        bool ends = encoding == 0 && SlowHandlers.EndsBlock(i.Mnemonic);
        Emit(ends ? OpCode.SlowEnd : OpCode.Slow, immediate: (uint)SlowCount);
        SlowCount++;
        return ends;
    }

    /// <summary>ESC opcode and ModRM of an x87 instruction, else 0.</summary>
    public static uint FpuEncoding(byte* bytes)
    {
        int n = 0;
        while (n < 14 && bytes[n] is 0x26 or 0x2E or 0x36 or 0x3E or 0x64 or 0x65 or 0x66 or 0x67 or 0xF2 or 0xF3)
        {
            n++;
        }

        return bytes[n] is >= 0xD8 and <= 0xDF ? ((uint)bytes[n] << 8) | bytes[n + 1] : 0;
    }

    private bool LowerFpu(in Instruction i, uint encoding)
    {
        byte esc = (byte)((encoding >> 8) & 7);
        byte modrm = (byte)encoding;
        if (modrm >= 0xC0)
        {
            return Emit(OpCode.FpuR, esc, modrm, i.IP32);
        }

        // The environment and state images have forms by operand size, and FS and GS an offset of their own.
        bool image = esc is 1 or 5 && ((modrm >> 3) & 7) is 4 or 6;
        return !image && i.MemorySegment is Register.DS or Register.SS && TryEmitMemory(OpCode.FpuM, i, esc, modrm, i.IP32);
    }

    private bool LowerMov(in Instruction i)
    {
        Register r0 = i.Op0Kind == OpKind.Register ? i.Op0Register : Register.None;
        Register r1 = i.Op1Kind == OpKind.Register ? i.Op1Register : Register.None;
        if (i.Op0Kind == OpKind.Register)
        {
            if (i.Op1Kind == OpKind.Register)
            {
                return (IsRegister32(r0) && IsRegister32(r1) && Emit(OpCode.MovRR, Index(r0), Index(r1)))
                    || (IsRegister8(r0) && Emit(OpCode.MovRR8, Index(r0), Index(r1)))
                    || (IsRegister16(r0) && IsRegister16(r1) && Emit(OpCode.MovRR16, Index(r0), Index(r1)));
            }

            if (i.Op1Kind == OpKind.Memory)
            {
                return (IsRegister32(r0) && TryEmitMemory(OpCode.MovRM, i, Index(r0)))
                    || (IsRegister8(r0) && TryEmitMemory(OpCode.MovRM8, i, Index(r0)))
                    || (IsRegister16(r0) && TryEmitMemory(OpCode.MovRM16, i, Index(r0)));
            }

            return (IsRegister32(r0) && Emit(OpCode.MovRI, Index(r0), immediate: i.Immediate32))
                || (IsRegister8(r0) && Emit(OpCode.MovRI8, Index(r0), immediate: i.Immediate8))
                || (IsRegister16(r0) && Emit(OpCode.MovRI16, Index(r0), immediate: i.Immediate16));
        }

        if (i.Op1Kind == OpKind.Register)
        {
            return (IsRegister32(r1) && TryEmitMemory(OpCode.MovMR, i, b: Index(r1)))
                || (IsRegister8(r1) && TryEmitMemory(OpCode.MovMR8, i, b: Index(r1)))
                || (IsRegister16(r1) && TryEmitMemory(OpCode.MovMR16, i, b: Index(r1)));
        }

        return i.MemorySize switch
        {
            MemorySize.UInt32 => TryEmitMemory(OpCode.MovMI, i, immediate: i.Immediate32),
            MemorySize.UInt8 => TryEmitMemory(OpCode.MovMI8, i, immediate: i.Immediate8),
            MemorySize.UInt16 => TryEmitMemory(OpCode.MovMI16, i, immediate: i.Immediate16),
            _ => false,
        };
    }

    /// <param name="i">The instruction.</param>
    /// <param name="operation">The instruction set's number of the operation; 8 is TEST.</param>
    private bool LowerAlu(in Instruction i, int operation)
    {
        int size = OperandSize(i);
        byte op = (byte)operation;
        if (i.Op0Kind == OpKind.Register)
        {
            byte a = Index(i.Op0Register);
            if (i.Op1Kind == OpKind.Register)
            {
                byte b = Index(i.Op1Register);
                return size == 4 ? Emit(Nth(OpCode.AddRR, operation), a, b)
                    : Emit(size == 1 ? OpCode.Alu8RR : OpCode.Alu16RR, a, b, scale: op);
            }

            if (i.Op1Kind == OpKind.Memory)
            {
                return operation == 8 ? false
                    : size == 4 ? TryEmitMemory(Nth(OpCode.AddRM, operation), i, a)
                    : TryEmitMemory(size == 1 ? OpCode.Alu8RM : OpCode.Alu16RM, i, a, op);
            }

            return size == 4 ? Emit(Nth(OpCode.AddRI, operation), a, immediate: (uint)i.GetImmediate(1))
                : Emit(size == 1 ? OpCode.Alu8RI : OpCode.Alu16RI, a, op, (uint)i.GetImmediate(1));
        }

        if (i.Op1Kind == OpKind.Register)
        {
            byte b = Index(i.Op1Register);
            return size == 4 ? TryEmitMemory(Nth(OpCode.AddMR, operation), i, b: b)
                : TryEmitMemory(size == 1 ? OpCode.Alu8MR : OpCode.Alu16MR, i, op, b);
        }

        uint immediate = (uint)i.GetImmediate(1);
        return size == 4 ? TryEmitMemory(Nth(OpCode.AddMI, operation), i, immediate: immediate)
            : TryEmitMemory(size == 1 ? OpCode.Alu8MI : OpCode.Alu16MI, i, op, immediate: immediate);
    }

    /// <summary>MOVZX and MOVSX to 32 bits; the four forms follow each other in <see cref="OpCode"/>.</summary>
    private bool LowerExtend(in Instruction i, OpCode first)
    {
        if (!IsRegister32(i.Op0Register))
        {
            return false;
        }

        byte a = Index(i.Op0Register);
        if (i.Op1Kind == OpKind.Register)
        {
            return Emit(IsRegister8(i.Op1Register) ? first : first + 2, a, Index(i.Op1Register));
        }

        return TryEmitMemory(OperandSizeOfMemory(i) == 1 ? first + 1 : first + 3, i, a);
    }

    private bool LowerUnary(in Instruction i, OpCode register, OpCode memory)
    {
        if (OperandSize(i) != 4)
        {
            return false;
        }

        return i.Op0Kind == OpKind.Register ? Emit(register, Index(i.Op0Register))
            : memory != OpCode.Slow && TryEmitMemory(memory, i);
    }

    private bool LowerImul(in Instruction i)
    {
        if (OperandSize(i) != 4)
        {
            return false;
        }

        byte a = i.Op0Kind == OpKind.Register ? Index(i.Op0Register) : (byte)0;
        return i.OpCount switch
        {
            1 => i.Op0Kind == OpKind.Register && Emit(OpCode.ImulR, a),
            2 => i.Op1Kind == OpKind.Register ? Emit(OpCode.ImulRR, a, Index(i.Op1Register)) : TryEmitMemory(OpCode.ImulRM, i, a),
            _ => i.Op1Kind == OpKind.Register
                ? Emit(OpCode.ImulRRI, a, Index(i.Op1Register), (uint)i.GetImmediate(2))
                : TryEmitMemory(OpCode.ImulRMI, i, a, immediate: (uint)i.GetImmediate(2)),
        };
    }

    private bool LowerShift(in Instruction i, OpCode byImmediate, OpCode byCl)
    {
        if (i.Op0Kind != OpKind.Register || !IsRegister32(i.Op0Register))
        {
            return false;
        }

        if (i.Op1Kind == OpKind.Register)
        {
            return byCl != OpCode.Slow && Emit(byCl, Index(i.Op0Register));
        }

        uint count = i.Immediate8 & 31u;
        return count == 0 ? Emit(OpCode.Nop) : Emit(byImmediate, Index(i.Op0Register), immediate: count);
    }

    private bool LowerDoubleShift(in Instruction i, OpCode code)
    {
        if (i.Op0Kind != OpKind.Register || !IsRegister32(i.Op0Register) || i.Op2Kind == OpKind.Register)
        {
            return false;
        }

        uint count = i.Immediate8 & 31u;
        return count == 0 ? Emit(OpCode.Nop) : Emit(code, Index(i.Op0Register), Index(i.Op1Register), count);
    }

    private bool LowerPush(in Instruction i)
    {
        if (!_flat)
        {
            return false;
        }

        return i.Code switch
        {
            Code.Push_r32 => Emit(OpCode.PushR, Index(i.Op0Register)),
            Code.Pushd_imm8 or Code.Pushd_imm32 => Emit(OpCode.PushI, immediate: (uint)i.GetImmediate(0)),
            Code.Push_rm32 => i.Op0Kind == OpKind.Register ? Emit(OpCode.PushR, Index(i.Op0Register)) : TryEmitMemory(OpCode.PushM, i),
            _ => false,
        };
    }

    private bool LowerConditional(in Instruction i, ref bool ends)
    {
        int condition = (int)i.ConditionCode - 1;
        if (i.FlowControl == FlowControl.ConditionalBranch)
        {
            // LOOPE and LOOPNE have a condition too; they and 16-bit targets go the slow way.
            if (i.Op0Kind != OpKind.NearBranch32 || i.Mnemonic is Mnemonic.Loope or Mnemonic.Loopne)
            {
                return false;
            }

            ends = true;
            TakenEip = i.NearBranch32;
            if (!TryFuse(condition))
            {
                Emit(Nth(OpCode.Jo, condition));
            }

            return true;
        }

        if (i.Op0Kind == OpKind.Register && IsRegister8(i.Op0Register) && i.OpCount == 1)
        {
            return Emit(OpCode.Setcc, Index(i.Op0Register), (byte)condition);
        }

        if (i.OpCount == 2 && IsRegister32(i.Op0Register))
        {
            return i.Op1Kind == OpKind.Register
                ? Emit(OpCode.CmovRR, Index(i.Op0Register), Index(i.Op1Register), (uint)condition)
                : TryEmitMemory(OpCode.CmovRM, i, Index(i.Op0Register), immediate: (uint)condition);
        }

        return false;
    }

    /// <summary>Turns a comparison just emitted and the branch on it into one operation.</summary>
    private bool TryFuse(int condition)
    {
        if (OpCount == 0)
        {
            return false;
        }

        // B, AE, E, NE, BE, A, S, NS and L, GE, LE, G: the order of the fused operations.
        int slot = condition switch { >= 2 and <= 9 => condition - 2, >= 12 => condition - 4, _ => -1 };
        MicroOp* last = &_ops[OpCount - 1];
        OpCode fused = (last->Code, condition) switch
        {
            (OpCode.CmpRR, _) when slot >= 0 => Nth(OpCode.CmpRRJb, slot),
            (OpCode.CmpRI, _) when slot >= 0 => Nth(OpCode.CmpRIJb, slot),
            (OpCode.TestRR, 4) => OpCode.TestRRJe,
            (OpCode.TestRR, 5) => OpCode.TestRRJne,
            (OpCode.TestRR, 8) => OpCode.TestRRJs,
            (OpCode.TestRR, 9) => OpCode.TestRRJns,
            (OpCode.TestRR, 14) => OpCode.TestRRJle,
            (OpCode.TestRR, 15) => OpCode.TestRRJg,
            (OpCode.DecR, 5) => OpCode.DecRJne,
            _ => OpCode.Nop,
        };
        if (fused == OpCode.Nop)
        {
            return false;
        }

        last->Code = fused;
        return true;
    }

    private bool EmitBranch(OpCode code, in Instruction i)
    {
        TakenEip = i.NearBranch32;
        return Emit(code);
    }

    private bool EmitIndirect(in Instruction i, OpCode register, OpCode memory) =>
        i.Op0Kind == OpKind.Register ? Emit(register, Index(i.Op0Register)) : TryEmitMemory(memory, i);

    private bool TryEmitMemory(OpCode code, in Instruction i, byte a = 0, byte b = 0, uint immediate = 0)
    {
        if (!_flat || !HasPlainAddress(i))
        {
            return false;
        }

        switch (i.MemorySegment)
        {
            case Register.DS or Register.SS or Register.ES:
                return EmitMemory(code, i, a, b, immediate);
            case Register.FS or Register.GS:
                EmitMemory(OpCode.SegmentAddress, i, (byte)(i.MemorySegment == Register.FS ? SegmentRegister.Fs : SegmentRegister.Gs),
                    immediate: (uint)OperandSizeOfMemory(i));
                Emit(code, a, b, immediate);
                _ops[OpCount - 1].Base = MicroOp.ScratchRegister;
                return true;
            default:
                return false;
        }
    }

    private bool EmitMemory(OpCode code, in Instruction i, byte a = 0, byte b = 0, uint immediate = 0)
    {
        Emit(code, a, b, immediate);
        MicroOp* op = &_ops[OpCount - 1];
        op->Base = i.MemoryBase == Register.None ? MicroOp.ZeroRegister : Index(i.MemoryBase);
        op->Index = i.MemoryIndex == Register.None ? MicroOp.ZeroRegister : Index(i.MemoryIndex);
        op->Scale = (byte)System.Numerics.BitOperations.TrailingZeroCount(i.MemoryIndexScale);
        op->Displacement = (int)i.MemoryDisplacement32;
        return true;
    }

    private bool Emit(OpCode code, byte a = 0, byte b = 0, uint immediate = 0, byte scale = 0)
    {
        _ops[OpCount++] = new MicroOp
        {
            Code = code,
            A = a,
            B = b,
            Base = MicroOp.ZeroRegister,
            Index = MicroOp.ZeroRegister,
            Scale = scale,
            Immediate = immediate,
        };
        return true;
    }

    /// <summary>True for 32-bit addressing, which all compiled code uses.</summary>
    private static bool HasPlainAddress(in Instruction i) =>
        (i.MemoryBase == Register.None || IsRegister32(i.MemoryBase))
        && (i.MemoryIndex == Register.None || IsRegister32(i.MemoryIndex))
        && !(i.MemoryDisplSize == 2);

    /// <summary>An operation counted from the first of its group.</summary>
    private static OpCode Nth(OpCode first, int number) => (OpCode)((int)first + number);

    private static int OperandSize(in Instruction i) =>
        i.Op0Kind == OpKind.Register
            ? IsRegister32(i.Op0Register) ? 4 : IsRegister16(i.Op0Register) ? 2 : 1
            : OperandSizeOfMemory(i);

    private static int OperandSizeOfMemory(in Instruction i) => i.MemorySize.GetSize();

    private static bool IsRegister32(Register r) => r is >= Register.EAX and <= Register.EDI;

    private static bool IsRegister16(Register r) => r is >= Register.AX and <= Register.DI;

    private static bool IsRegister8(Register r) => r is >= Register.AL and <= Register.BH;

    /// <summary>Index in the register file; for 8-bit registers the byte's offset in it.</summary>
    private static byte Index(Register r) => r switch
    {
        >= Register.EAX and <= Register.EDI => (byte)(r - Register.EAX),
        >= Register.AX and <= Register.DI => (byte)(r - Register.AX),
        >= Register.AL and <= Register.BL => (byte)((r - Register.AL) * 4),
        >= Register.AH and <= Register.BH => (byte)(((r - Register.AH) * 4) + 1),
        _ => 0,
    };
}
