// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Decoding;

namespace LguestPlug.Emulator.Translation;

/// <summary>
/// Decides how an instruction is translated. Iced has found its length and whether it is valid; this looks at the encoding, most
/// of which goes to the host unchanged. Whatever it does not know is left to the interpreter.
/// </summary>
internal static unsafe class InstructionClassifier
{
    /// <summary>Classifies one instruction of flat 32-bit code.</summary>
    /// <param name="code">Its bytes.</param>
    /// <param name="decoded">What Iced says of it.</param>
    /// <param name="eip">Its address.</param>
    /// <param name="i">Receives the result.</param>
    public static void Classify(byte* code, in Instruction decoded, uint eip, out GuestInstruction i)
    {
        i = default;
        i.Eip = eip;
        i.Next = eip + (uint)Math.Max(decoded.Length, 1);
        i.Condition = i.Base = i.Index = -1;
        i.Encoding = Lowering.FpuEncoding(code);
        i.Treatment = Treatment.Interpret;
        if (decoded.IsInvalid)
        {
            i.Treatment = i.Encoding != 0 ? Treatment.Interpret : Treatment.InterpretLast;
            return;
        }

        i.Encoding = i.Encoding != 0 ? i.Encoding : SimdInstructions.Encoding(code);
        byte* p = code;
        byte* end = code + decoded.Length;
        bool narrow = false;
        byte repeat = 0;
        bool otherSegment = false;
        for (bool more = true; more;)
        {
            switch (*p)
            {
                case 0x66: narrow = true; break;
                case 0xF2 or 0xF3: repeat = *p; break;
                case 0xF0: i.IsLocked = true; break;
                case 0x64: i.Segment = (byte)SegmentRegister.Fs; otherSegment = false; break;
                case 0x65: i.Segment = (byte)SegmentRegister.Gs; otherSegment = false; break;
                case 0x26 or 0x2E or 0x36 or 0x3E: otherSegment = *p == 0x2E; i.Segment = 0; break;
                case 0x67: return; // 16-bit addresses
                default: more = false; continue;
            }

            p++;
        }

        int opcode = *p++;
        if (opcode == 0x0F)
        {
            opcode = 0x0F00 | *p++;
        }

        i.Opcode = (ushort)opcode;
        i.Prefix = narrow ? (byte)0x66 : (byte)0;
        if (i.Encoding > ushort.MaxValue ? opcode != (0x0F00 | SimdInstructions.Emms) : HasModRm(opcode))
        {
            i.HasModRm = true;
            p = ReadModRm(p, ref i);
        }

        i.ImmediateLength = (byte)(end - p);
        i.ImmediateValue = ReadImmediate(p, i.ImmediateLength);
        i.Size = (byte)(narrow ? 2 : 4);
        if (i.Encoding > ushort.MaxValue)
        {
            ChooseSimd(ref i, SimdInstructions.Find(i.Encoding), (byte)(i.Encoding >> 16));
        }
        else
        {
            Choose(ref i, opcode, narrow, repeat);
        }

        // A store through CS faults, and only string instructions repeat.
        if ((otherSegment && i.Treatment is not (Treatment.Read or Treatment.JumpIf or Treatment.Lea)) || (repeat != 0 && !IgnoresRepeat(i)))
        {
            i.Treatment = i.Treatment >= Treatment.JumpIf ? Treatment.InterpretLast : Treatment.Interpret;
        }

        if (i.Treatment is Treatment.Interpret or Treatment.InterpretLast)
        {
            i.Flags = FlagUse.None;
        }

        if (i.Segment != 0 && !i.HasMemory && i.Treatment is not (Treatment.LoadOffset or Treatment.StoreOffset))
        {
            if (i.Treatment is Treatment.MoveString or Treatment.StoreString or Treatment.LoadString or Treatment.ScanString or Treatment.RepeatString)
            {
                i.Treatment = Treatment.Interpret;
                i.Flags = FlagUse.None;
            }

            i.Segment = 0;
        }
    }

    private static bool IgnoresRepeat(in GuestInstruction i) =>
        // REP RET and PAUSE; BSF and BSR, which go over without it.
        i.Treatment is Treatment.Nop or Treatment.JumpIf or Treatment.Jump or Treatment.RepeatString or Treatment.Simd
            || (i.Treatment == Treatment.Return && i.Prefix == 0) || (i.Treatment == Treatment.Read && i.Opcode is 0x0FBC or 0x0FBD);

    private static byte* ReadModRm(byte* p, ref GuestInstruction i)
    {
        i.ModRm = *p++;
        if (i.ModRm >= 0xC0)
        {
            return p;
        }

        int mod = i.ModRm >> 6;
        i.Base = (sbyte)(i.ModRm & 7);
        if (i.Base == 4)
        {
            int sib = *p++;
            i.Base = (sbyte)(sib & 7);
            i.Index = (sbyte)((sib >> 3) & 7);
            i.Scale = (byte)(sib >> 6);
            if (i.Index == 4)
            {
                i.Index = -1;
            }
        }

        if (i.Base == 5 && mod == 0)
        {
            i.Base = -1;
            mod = 2;
        }

        switch (mod)
        {
            case 1:
                i.Displacement = (sbyte)*p++;
                break;
            case 2:
                i.Displacement = *(int*)p;
                p += 4;
                break;
        }

        return p;
    }

    private static uint ReadImmediate(byte* p, int length) => length switch
    {
        1 => *p,
        2 => *(ushort*)p,
        4 => *(uint*)p,
        _ => 0,
    };

    private static bool HasModRm(int opcode) => opcode switch
    {
        < 0x40 => (opcode & 7) < 4,
        < 0x0F00 => opcode is 0x62 or 0x63 or 0x69 or 0x6B or (>= 0x80 and <= 0x8F) or 0xC0 or 0xC1 or 0xC4 or 0xC5 or 0xC6 or 0xC7
            or (>= 0xD0 and <= 0xD3) or (>= 0xD8 and <= 0xDF) or 0xF6 or 0xF7 or 0xFE or 0xFF,
        // Those of the two-byte map that are translated; the rest is left to the interpreter, whatever it has.
        _ => opcode is (>= 0x0F18 and <= 0x0F1F) or (>= 0x0F40 and <= 0x0F4F) or (>= 0x0F90 and <= 0x0F9F) or 0x0FA3 or 0x0FA4 or 0x0FA5
            or 0x0FAB or 0x0FAC or 0x0FAD or 0x0FAF or 0x0FB0 or 0x0FB1 or 0x0FB3 or 0x0FB6 or 0x0FB7 or (>= 0x0FBA and <= 0x0FBF)
            or 0x0FC0 or 0x0FC1 or 0x0FC7 or 0x0FAE,
    };

    private static void Choose(ref GuestInstruction i, int opcode, bool narrow, byte repeat)
    {
        if (opcode >= 0x0F00)
        {
            ChooseTwoByte(ref i, opcode, narrow, repeat);
            return;
        }

        if (opcode < 0x40 && (opcode & 7) < 6)
        {
            ChooseArithmetic(ref i, opcode);
            return;
        }

        switch (opcode)
        {
            case >= 0x40 and <= 0x4F:
                i.Treatment = Treatment.IncrementRegister;
                i.Flags = FlagUse.Changes;
                break;
            case >= 0x50 and <= 0x57 when !narrow:
                i.Treatment = Treatment.PushRegister;
                break;
            case >= 0x58 and <= 0x5F when !narrow:
                i.Treatment = Treatment.PopRegister;
                break;
            case 0x60 when !narrow:
                i.Treatment = Treatment.PushAll;
                break;
            case 0x61 when !narrow:
                i.Treatment = Treatment.PopAll;
                break;
            case 0x68 when !narrow:
                i.Treatment = Treatment.PushImmediate;
                break;
            case 0x6A when !narrow:
                i.Treatment = Treatment.PushImmediate;
                i.ImmediateValue = (uint)(sbyte)i.ImmediateValue;
                break;
            case 0x69 or 0x6B:
                Plain(ref i, Treatment.Read, FlagUse.Writes);
                break;
            case >= 0x70 and <= 0x7F when !narrow:
                Branch(ref i, Treatment.JumpIf, opcode & 15);
                break;
            case 0x80 or 0x81 or 0x83:
                Plain(ref i, i.Reg == 7 ? Treatment.Read : Treatment.Write, ArithmeticFlags(i.Reg), opcode == 0x80);
                break;
            case 0x84 or 0x85:
                Plain(ref i, Treatment.Read, FlagUse.Writes, opcode == 0x84);
                break;
            case 0x86 or 0x87:
                Plain(ref i, Treatment.Write, FlagUse.None, opcode == 0x86);
                break;
            case 0x88 or 0x89:
                Plain(ref i, Treatment.Write, FlagUse.None, opcode == 0x88);
                break;
            case 0x8A or 0x8B:
                Plain(ref i, Treatment.Read, FlagUse.None, opcode == 0x8A);
                break;
            case 0x06 or 0x0E or 0x16 or 0x1E when !narrow:
                Segmented(ref i, Treatment.PushSegment, opcode >> 3);
                break;
            case 0x07 or 0x17 or 0x1F when !narrow:
                Segmented(ref i, Treatment.PopSegment, opcode >> 3);
                break;
            // To a register, and of 32 bits: a store to memory is always 16 bits wide.
            case 0x8C when !narrow && !i.HasMemory && i.Reg < 6:
                Segmented(ref i, Treatment.StoreSegment, i.Reg);
                break;
            case 0x8E when !narrow && i.Reg is not 1 and < 6:
                Segmented(ref i, Treatment.LoadSegment, i.Reg);
                break;
            case 0x8D when !narrow && i.HasMemory:
                i.Treatment = Treatment.Lea;
                i.Segment = 0;
                break;
            case 0x90:
                i.Treatment = Treatment.Nop;
                break;
            case >= 0x91 and <= 0x97:
                i.Treatment = Treatment.ExchangeEax;
                break;
            case 0x98 or 0x99:
                i.Treatment = Treatment.Copy;
                break;
            case 0x9E:
                i.Treatment = Treatment.Copy;
                i.Flags = FlagUse.Changes;
                break;
            case 0x9F:
                i.Treatment = Treatment.Copy;
                i.Flags = FlagUse.Reads;
                break;
            case >= 0xA0 and <= 0xA3:
                i.Displacement = (int)i.ImmediateValue;
                i.ImmediateLength = 0;
                i.Size = (opcode & 1) == 0 ? (byte)1 : i.Size;
                i.IsByteRegister = (opcode & 1) == 0;
                i.Treatment = opcode < 0xA2 ? Treatment.LoadOffset : Treatment.StoreOffset;
                break;
            case 0xA4 or 0xA5 when !narrow && repeat == 0:
                i.Size = opcode == 0xA4 ? (byte)1 : (byte)4;
                i.Treatment = Treatment.MoveString;
                break;
            case 0xAA or 0xAB when !narrow && repeat == 0:
                i.Size = opcode == 0xAA ? (byte)1 : (byte)4;
                i.Treatment = Treatment.StoreString;
                break;
            case 0xAC or 0xAD when !narrow && repeat == 0:
                i.Size = opcode == 0xAC ? (byte)1 : (byte)4;
                i.Treatment = Treatment.LoadString;
                break;
            case 0xAE or 0xAF when !narrow && repeat == 0:
                i.Size = opcode == 0xAE ? (byte)1 : (byte)4;
                i.Treatment = Treatment.ScanString;
                i.Flags = FlagUse.Writes;
                break;
            case 0xA4 or 0xA5 or 0xAA or 0xAB when !narrow:
                Repeated(ref i, opcode, repeat);
                break;
            case 0xA6 or 0xA7 or 0xAE or 0xAF when !narrow && repeat != 0:
                Repeated(ref i, opcode, repeat);
                i.Flags = FlagUse.Changes;
                break;
            case 0xA8 or 0xA9:
                i.Treatment = Treatment.Copy;
                i.Flags = FlagUse.Writes;
                break;
            case >= 0xB0 and <= 0xB7:
                i.Treatment = Treatment.Copy;
                break;
            case >= 0xB8 and <= 0xBF:
                i.Treatment = Treatment.MoveImmediate;
                break;
            case 0xC0 or 0xC1 or (>= 0xD0 and <= 0xD3):
                ChooseShift(ref i, opcode);
                break;
            case 0xC2 or 0xC3 when !narrow:
                i.Treatment = Treatment.Return;
                break;
            case 0xC6 or 0xC7 when i.Reg == 0:
                Plain(ref i, Treatment.Write, FlagUse.None, opcode == 0xC6);
                break;
            case 0xC9 when !narrow:
                i.Treatment = Treatment.Leave;
                break;
            // LOOP and JECXZ.
            case 0xE2 or 0xE3 when !narrow:
                Branch(ref i, Treatment.JumpOnCount, -1);
                break;
            case 0xE8 when !narrow:
                Branch(ref i, Treatment.Call, -1);
                break;
            case 0xE9 or 0xEB when !narrow:
                Branch(ref i, Treatment.Jump, -1);
                break;
            case 0xF5 or 0xF8 or 0xF9:
                i.Treatment = Treatment.Copy;
                i.Flags = opcode == 0xF5 ? FlagUse.Reads | FlagUse.Changes : FlagUse.Changes;
                break;
            case 0xFC:
                i.Treatment = Treatment.ClearDirection;
                break;
            case 0xFD:
                i.Treatment = Treatment.SetDirection;
                break;
            case 0x9B:
                i.Treatment = Treatment.Fpu;
                break;
            case >= 0xD8 and <= 0xDF:
                ChooseFpu(ref i, opcode);
                break;
            case 0xF6 or 0xF7:
                ChooseGroup3(ref i, opcode == 0xF6, narrow);
                break;
            case 0xFE when i.Reg < 2:
                Plain(ref i, Treatment.Write, FlagUse.Changes, true);
                break;
            case 0xFF:
                ChooseGroup5(ref i, narrow);
                break;
            default:
                if (Ends(opcode))
                {
                    i.Treatment = Treatment.InterpretLast;
                }

                break;
        }
    }

    /// <summary>What the interpreter would end a block at: transfers, and what may change how the next instruction is decoded.</summary>
    private static bool Ends(int opcode) =>
        opcode is (>= 0x70 and <= 0x7F) or 0x9A or 0x9D or 0xC2 or 0xC3 or (>= 0xCA and <= 0xCF) or (>= 0xE0 and <= 0xE3)
            or 0xE8 or 0xE9 or 0xEA or 0xEB or 0xF1 or 0xF4;

    private static void ChooseArithmetic(ref GuestInstruction i, int opcode)
    {
        int operation = opcode >> 3;
        switch (opcode & 7)
        {
            case 0 or 1:
                Plain(ref i, operation == 7 ? Treatment.Read : Treatment.Write, ArithmeticFlags(operation), (opcode & 7) == 0);
                break;
            case 2 or 3:
                Plain(ref i, Treatment.Read, ArithmeticFlags(operation), (opcode & 7) == 2);
                break;
            case 4 or 5:
                i.Treatment = Treatment.Copy;
                i.Flags = ArithmeticFlags(operation);
                break;
        }
    }

    private static void ChooseShift(ref GuestInstruction i, int opcode)
    {
        bool isByte = (opcode & 1) == 0;
        bool byCount = opcode is 0xD2 or 0xD3;
        int count = opcode < 0xD0 ? (int)i.ImmediateValue & 31 : 1;
        // RCL and RCR by more than one are slow anyway, and 6 is an alias of 4.
        if (i.Reg is 2 or 3 or 6)
        {
            return;
        }

        bool isRotate = i.Reg < 2;
        FlagUse use = byCount || isRotate ? FlagUse.Changes : count == 0 ? FlagUse.None : FlagUse.Writes;
        if (isRotate && !byCount && count == 0)
        {
            use = FlagUse.None;
        }

        Plain(ref i, Treatment.Write, use, isByte);
    }

    private static void ChooseGroup3(ref GuestInstruction i, bool isByte, bool narrow)
    {
        switch (i.Reg)
        {
            case 0 or 1:
                Plain(ref i, Treatment.Read, FlagUse.Writes, isByte);
                break;
            case 2:
                Plain(ref i, Treatment.Write, FlagUse.None, isByte);
                break;
            case 3:
                Plain(ref i, Treatment.Write, FlagUse.Writes, isByte);
                break;
            case 4 or 5:
                Plain(ref i, Treatment.Read, FlagUse.Writes, isByte);
                break;
            default:
                if (!isByte && !narrow)
                {
                    i.Treatment = Treatment.Divide;
                }

                break;
        }
    }

    private static void ChooseGroup5(ref GuestInstruction i, bool narrow)
    {
        switch (i.Reg)
        {
            case 0 or 1:
                Plain(ref i, Treatment.Write, FlagUse.Changes);
                break;
            case 2:
                i.Treatment = narrow ? Treatment.InterpretLast : Treatment.CallIndirect;
                break;
            case 4:
                i.Treatment = narrow ? Treatment.InterpretLast : Treatment.JumpIndirect;
                break;
            case 6 when !narrow && i.HasMemory:
                i.Treatment = Treatment.PushMemory;
                break;
            case 3 or 5:
                i.Treatment = Treatment.InterpretLast;
                break;
        }
    }

    private static void ChooseFpu(ref GuestInstruction i, int opcode)
    {
        if (!i.HasMemory)
        {
            i.Treatment = Treatment.Fpu;
            i.Flags = opcode is 0xDA or 0xDB && i.ModRm < 0xE0 ? FlagUse.Reads // FCMOVcc
                : opcode is 0xDB or 0xDF && i.ModRm is >= 0xE8 and < 0xF8 ? FlagUse.Writes // F(U)COMI
                : FlagUse.None;
            return;
        }

        // Size of the operand, negative if it is written; 0 for what is left to the interpreter: environment images, and later additions.
        int size = (opcode, i.Reg) switch
        {
            (0xD8 or 0xDA, _) => 4,
            (0xDC, _) => 8,
            (0xDE, _) => 2,
            (0xD9 or 0xDB, 0) => 4,
            (0xD9 or 0xDB, 2 or 3) => -4,
            (0xD9, 5) => 2,
            (0xD9 or 0xDD, 7) => -2,
            (0xDB, 5) => 10,
            (0xDB, 7) => -10,
            (0xDD, 0) => 8,
            (0xDD, 2 or 3) => -8,
            (0xDF, 0) => 2,
            (0xDF, 2 or 3) => -2,
            (0xDF, 4) => 10,
            (0xDF, 5) => 8,
            (0xDF, 6) => -10,
            (0xDF, 7) => -8,
            _ => 0,
        };
        if (size != 0 && i.Segment == 0)
        {
            i.Treatment = Treatment.Fpu;
            i.Size = (byte)Math.Abs(size);
            i.IsFpuStore = size < 0;
        }
    }

    private static void ChooseTwoByte(ref GuestInstruction i, int opcode, bool narrow, byte repeat)
    {
        switch (opcode)
        {
            case >= 0x0F18 and <= 0x0F1F:
                i.Treatment = Treatment.Nop;
                break;
            case >= 0x0F40 and <= 0x0F4F:
                i.Condition = (sbyte)(opcode & 15);
                Plain(ref i, Treatment.Read, FlagUse.Reads);
                break;
            case 0x0FA0 or 0x0FA8 when !narrow:
                Segmented(ref i, Treatment.PushSegment, (opcode >> 3) & 7);
                break;
            case 0x0FA1 or 0x0FA9 when !narrow:
                Segmented(ref i, Treatment.PopSegment, (opcode >> 3) & 7);
                break;
            case >= 0x0F80 and <= 0x0F8F:
                if (narrow)
                {
                    i.Treatment = Treatment.InterpretLast;
                }
                else
                {
                    Branch(ref i, Treatment.JumpIf, opcode & 15);
                }

                break;
            case >= 0x0F90 and <= 0x0F9F:
                i.Condition = (sbyte)(opcode & 15);
                Plain(ref i, Treatment.Write, FlagUse.Reads, true);
                break;
            // With a register for the bit's number memory anywhere may be meant.
            case 0x0FA3 when !i.HasMemory:
                Plain(ref i, Treatment.Read, FlagUse.Changes);
                break;
            case 0x0FA3 when !narrow && !i.IsLocked:
                i.Treatment = Treatment.TestBit;
                i.Flags = FlagUse.Changes;
                break;
            case 0x0FAB or 0x0FB3 or 0x0FBB when !i.HasMemory:
                Plain(ref i, Treatment.Write, FlagUse.Changes);
                break;
            case 0x0FBA when i.Reg >= 4:
                Plain(ref i, i.Reg == 4 ? Treatment.Read : Treatment.Write, FlagUse.Changes);
                break;
            // By CL, or narrow: undefined results beyond the operand's width.
            case 0x0FA4 or 0x0FAC when !narrow && (i.ImmediateValue & 31) != 0:
                Plain(ref i, Treatment.Write, FlagUse.Writes);
                break;
            case 0x0FA5 or 0x0FAD when !narrow:
                Plain(ref i, Treatment.Write, FlagUse.Changes);
                break;
            case 0x0FAE when !narrow && repeat == 0:
                ChooseGroup15(ref i);
                break;
            case 0x0FAF:
                Plain(ref i, Treatment.Read, FlagUse.Writes);
                break;
            case 0x0FB0 or 0x0FB1:
                Plain(ref i, Treatment.Write, FlagUse.Writes, opcode == 0x0FB0);
                if (opcode == 0x0FB0 && i.HasMemory && i.Reg >= 4)
                {
                    // The byte registers would have to be swapped, and AL is an operand.
                    i.Treatment = Treatment.Interpret;
                }

                break;
            case 0x0FC0 or 0x0FC1:
                Plain(ref i, Treatment.Write, FlagUse.Writes, opcode == 0x0FC0);
                break;
            case 0x0FC7 when i.Reg == 1 && i.HasMemory && !narrow && repeat == 0:
                Plain(ref i, Treatment.Write, FlagUse.Changes);
                i.Size = 8;
                break;
            case 0x0FB6 or 0x0FBE:
                i.Size = 1;
                // No encoding has a high byte register and the stand-in for ESP.
                i.Treatment = !i.HasMemory && i.Rm >= 4 && i.Reg == 4 ? Treatment.Interpret : Treatment.Read;
                break;
            case 0x0FB7 or 0x0FBF:
                i.Size = 2;
                i.Treatment = Treatment.Read;
                break;
            case 0x0FBC or 0x0FBD:
                Plain(ref i, Treatment.Read, FlagUse.Changes);
                break;
            case >= 0x0FC8 and <= 0x0FCF when !narrow:
                i.Treatment = Treatment.SwapBytes;
                break;
        }
    }

    private static void ChooseSimd(ref GuestInstruction i, SimdForm form, byte prefix)
    {
        if (i.Opcode == (0x0F00 | SimdInstructions.MaskedMove))
        {
            return;
        }

        i.Treatment = Treatment.Simd;
        i.Simd = form;
        i.Prefix = prefix;
        i.Size = form.Size;
        i.Flags = form.Has(SimdTraits.SetsFlags) ? FlagUse.Writes : FlagUse.None;
    }

    /// <summary>MXCSR, fences and the cache; FXSAVE and FXRSTOR are for the interpreter.</summary>
    private static void ChooseGroup15(ref GuestInstruction i)
    {
        SimdForm form = (i.Reg, i.HasMemory) switch
        {
            (2, true) => new SimdForm(4, SimdTraits.Exists),
            (3, true) => new SimdForm(4, SimdTraits.Exists | SimdTraits.Stores),
            (7, true) => new SimdForm(1, SimdTraits.Exists | SimdTraits.Stateless),
            ( >= 5, false) => new SimdForm(0, SimdTraits.Exists | SimdTraits.Stateless),
            _ => default,
        };
        if (form.Has(SimdTraits.Exists))
        {
            ChooseSimd(ref i, form, 0);
        }
    }

    private static void Plain(ref GuestInstruction i, Treatment treatment, FlagUse flags, bool isByte = false)
    {
        i.Treatment = treatment;
        i.Flags = flags;
        if (isByte)
        {
            i.Size = 1;
            i.IsByteRegister = true;
        }
    }

    private static void Repeated(ref GuestInstruction i, int opcode, byte repeat)
    {
        i.Treatment = Treatment.RepeatString;
        i.Size = (opcode & 1) == 0 ? (byte)1 : (byte)4;
        i.Prefix = repeat;
    }

    private static void Segmented(ref GuestInstruction i, Treatment treatment, int register)
    {
        i.Treatment = treatment;
        i.Register = (byte)register;
    }

    private static void Branch(ref GuestInstruction i, Treatment treatment, int condition)
    {
        i.Treatment = treatment;
        i.Condition = (sbyte)condition;
        i.Flags = condition >= 0 ? FlagUse.Reads : FlagUse.None;
        i.Target = i.Next + (i.ImmediateLength == 1 ? (uint)(sbyte)i.ImmediateValue : i.ImmediateValue);
    }

    // ADC and SBB read the carry.
    private static FlagUse ArithmeticFlags(int operation) => operation is 2 or 3 ? FlagUse.Reads | FlagUse.Writes : FlagUse.Writes;
}
