// SPDX-License-Identifier: GPL-2.0-or-later
using System.Numerics;
using Iced.Intel;
using LguestPlug.Emulator.Decoding;

namespace LguestPlug.Emulator.Interpretation;

/// <content>Shifts, rotates, bit tests and scans, flag instructions.</content>
internal sealed unsafe partial class InstructionExecutor
{
    internal static SlowResult Shift(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = SizeOf(i, 0);
        if (!x.ReadOperand(i, 1, out uint count) || !x.ReadForWrite(i, out uint a, out uint linear))
        {
            return SlowResult.Fault;
        }

        uint r = x.ShiftValue(i->Mnemonic, size, a, (int)count & 31);
        x.WriteBack(i, linear, r);
        return SlowResult.Done;
    }

    private uint ShiftValue(Mnemonic mnemonic, int size, uint a, int count)
    {
        if (count == 0)
        {
            return a;
        }

        int bits = size * 8;
        uint mask = Mask(size);
        uint sign = 1u << (bits - 1);
        uint r;
        uint carry;
        switch (mnemonic)
        {
            case Mnemonic.Shl or Mnemonic.Sal:
                ulong wide = (ulong)a << count;
                r = (uint)wide & mask;
                carry = (uint)(wide >> bits) & 1;
                SetFlags(size, r, carry, carry ^ (r >> (bits - 1)));
                return r;
            case Mnemonic.Shr:
                r = (uint)((ulong)a >> count);
                carry = (uint)((ulong)a >> (count - 1)) & 1;
                SetFlags(size, r, carry, count == 1 ? a >> (bits - 1) : 0);
                return r;
            case Mnemonic.Sar:
                long extended = SignExtend(a, size);
                r = (uint)(extended >> count) & mask;
                carry = (uint)(extended >> (count - 1)) & 1;
                SetFlags(size, r, carry, 0);
                return r;
            case Mnemonic.Rol:
                int left = count % bits;
                r = left == 0 ? a : ((a << left) | (a >> (bits - left))) & mask;
                SetCarryAndOverflow(r & 1, (r & 1) ^ (r >> (bits - 1)));
                return r;
            case Mnemonic.Ror:
                int right = count % bits;
                r = right == 0 ? a : ((a >> right) | (a << (bits - right))) & mask;
                carry = r >> (bits - 1);
                SetCarryAndOverflow(carry, carry ^ ((r & (sign >> 1)) != 0 ? 1u : 0));
                return r;
            case Mnemonic.Rcl:
                // Through the carry: a number one bit wider.
                count %= bits + 1;
                ulong ring = ((ulong)CarryFlag << bits) | a;
                ring = count == 0 ? ring : ((ring << count) | (ring >> (bits + 1 - count))) & ((1ul << (bits + 1)) - 1);
                r = (uint)ring & mask;
                carry = (uint)(ring >> bits);
                SetCarryAndOverflow(carry, carry ^ (r >> (bits - 1)));
                return r;
            default:
                count %= bits + 1;
                ring = ((ulong)CarryFlag << bits) | a;
                ring = count == 0 ? ring : ((ring >> count) | (ring << (bits + 1 - count))) & ((1ul << (bits + 1)) - 1);
                r = (uint)ring & mask;
                SetCarryAndOverflow((uint)(ring >> bits), ((r ^ (r << 1)) & sign) != 0 ? 1u : 0);
                return r;
        }
    }

    internal static SlowResult DoubleShift(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = SizeOf(i, 0);
        int bits = size * 8;
        if (!x.ReadOperand(i, 2, out uint rawCount) || !x.ReadForWrite(i, out uint a, out uint linear))
        {
            return SlowResult.Fault;
        }

        int count = (int)rawCount & 31;
        if (count == 0)
        {
            return SlowResult.Done;
        }

        uint b = x.GetRegister(i->Op1Register);
        uint r;
        uint carry;
        if (i->Mnemonic == Mnemonic.Shld)
        {
            // For 16-bit operands and counts above 16 (undefined) the destination's bits come in again, as on P6.
            ulong ring = ((ulong)a << 32) | (bits == 32 ? b : (b << 16) | a);
            ulong window = ring >> (32 - count);
            r = (uint)window & Mask(size);
            carry = (uint)(window >> bits) & 1;
        }
        else
        {
            ulong ring = bits == 32 ? ((ulong)b << 32) | a : ((ulong)a << 32) | (b << 16) | a;
            r = (uint)(ring >> count) & Mask(size);
            carry = (uint)(ring >> (count - 1)) & 1;
        }

        x.WriteBack(i, linear, r);
        x.SetFlags(size, r, carry, (a ^ r) >> (bits - 1) & 1);
        return SlowResult.Done;
    }

    /// <summary>BT, BTS, BTR and BTC; a register offset reaches beyond a memory operand (Intel SDM vol. 2, figure 3-2).</summary>
    internal static SlowResult BitTest(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = SizeOf(i, 0);
        bool writes = i->Mnemonic != Mnemonic.Bt;
        uint offset = i->Op1Kind == OpKind.Register ? x.GetRegister(i->Op1Register) : (uint)i->GetImmediate(1);
        int bit = (int)offset & ((size * 8) - 1);
        uint value;
        uint linear = 0;
        if (i->Op0Kind == OpKind.Register)
        {
            value = x.GetRegister(i->Op0Register);
        }
        else
        {
            uint address = x.Offset(i);
            if (i->Op1Kind == OpKind.Register)
            {
                int signed = size == 4 ? (int)offset : (short)offset;
                address += (uint)((signed >> (size == 4 ? 5 : 4)) * size);
                if (IsAddress16(i))
                {
                    address = (ushort)address;
                }
            }

            if (!x.TryLinear(i->MemorySegment, address, (uint)size, writes, out linear)
                || (writes && !x._mmu.ProbeWrite(linear, (uint)size))
                || !x.Load(linear, size, out value))
            {
                return SlowResult.Fault;
            }
        }

        uint mask = 1u << bit;
        if (writes)
        {
            uint changed = i->Mnemonic switch { Mnemonic.Bts => value | mask, Mnemonic.Btr => value & ~mask, _ => value ^ mask };
            x.WriteBack(i, linear, changed);
        }

        x.SetCarryKeepOthers((value >> bit) & 1);
        return SlowResult.Done;
    }

    internal static SlowResult BitScan(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        if (!x.ReadOperand(i, 1, out uint value))
        {
            return SlowResult.Fault;
        }

        uint flags = Eflags.Get(x._s) & ~Eflags.Zero;
        if (value == 0)
        {
            // The destination stays as it is, on every processor that matters.
            Eflags.SetStatus(x._s, flags | Eflags.Zero);
            return SlowResult.Done;
        }

        Eflags.SetStatus(x._s, flags);
        x.SetRegister(i->Op0Register, (uint)(i->Mnemonic == Mnemonic.Bsf ? BitOperations.TrailingZeroCount(value) : BitOperations.Log2(value)));
        return SlowResult.Done;
    }

    internal static SlowResult Flag(InstructionExecutor x, SlowInstruction* p)
    {
        CpuState* s = x._s;
        switch (p->Instruction.Mnemonic)
        {
            case Mnemonic.Clc:
                x.SetCarryKeepOthers(0);
                break;
            case Mnemonic.Stc:
                x.SetCarryKeepOthers(1);
                break;
            case Mnemonic.Cmc:
                x.SetCarryKeepOthers(x.CarryFlag ^ 1);
                break;
            case Mnemonic.Cld:
                s->SystemFlags &= ~Eflags.Direction;
                break;
            case Mnemonic.Std:
                s->SystemFlags |= Eflags.Direction;
                break;
            case Mnemonic.Lahf:
                x.SetRegister(Register.AH, Eflags.Get(s));
                break;
            case Mnemonic.Sahf:
                Eflags.SetStatus(s, (Eflags.Get(s) & Eflags.Overflow) | ((x.Eax >> 8) & 0xFF & Eflags.Status));
                break;
            default:
                // SALC: undocumented, in every processor since the first.
                x.SetRegister(Register.AL, x.CarryFlag != 0 ? 0xFFu : 0);
                break;
        }

        return SlowResult.Done;
    }

    internal static SlowResult Xlat(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        bool narrow = i->MemoryBase == Register.BX;
        uint offset = narrow ? (ushort)(x.Ebx + (x.Eax & 0xFF)) : x.Ebx + (x.Eax & 0xFF);
        if (!x.TryLinear(i->MemorySegment, offset, 1, write: false, out uint linear) || !x.Load(linear, 1, out uint value))
        {
            return SlowResult.Fault;
        }

        x.SetRegister(Register.AL, value);
        return SlowResult.Done;
    }
}
