// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Interpretation;

/// <content>Moves, integer and decimal arithmetic, logic.</content>
internal sealed unsafe partial class InstructionExecutor
{
    /// <summary>ADD, OR, ADC, SBB, AND, SUB, XOR, CMP and TEST by the instruction set's number; sets the flags.</summary>
    internal static uint Alu(CpuState* s, int operation, int size, uint a, uint b)
    {
        uint mask = Mask(size);
        uint r;
        uint carries;
        switch (operation)
        {
            case 0 or 2:
                r = (a + b + (operation == 2 ? s->FlagCarries >> 31 : 0)) & mask;
                carries = (a & b) | ((a | b) & ~r);
                break;
            case 3 or 5 or 7:
                r = (a - b - (operation == 3 ? s->FlagCarries >> 31 : 0)) & mask;
                carries = (~a & b) | (~(a ^ b) & r);
                break;
            case 1:
                r = a | b;
                carries = 0;
                break;
            case 6:
                r = a ^ b;
                carries = 0;
                break;
            default:
                r = a & b;
                carries = 0;
                break;
        }

        s->FlagResult = SignExtend(r, size);
        s->FlagCarries = size switch { 4 => carries, 2 => (carries << 16) | (carries & 8), _ => (carries << 24) | (carries & 8) };
        return r;
    }

    private SlowResult Binary(Instruction* i, int operation)
    {
        int size = SizeOf(i, 0);
        if (operation is 7 or 8)
        {
            if (!ReadOperand(i, 0, out uint left) || !ReadOperand(i, 1, out uint right))
            {
                return SlowResult.Fault;
            }

            Alu(_s, operation, size, left, right & Mask(size));
            return SlowResult.Done;
        }

        if (!ReadOperand(i, 1, out uint b) || !ReadForWrite(i, out uint a, out uint linear))
        {
            return SlowResult.Fault;
        }

        WriteBack(i, linear, Alu(_s, operation, size, a, b & Mask(size)));
        return SlowResult.Done;
    }

    internal static SlowResult Add(InstructionExecutor x, SlowInstruction* i) => x.Binary(&i->Instruction, 0);

    internal static SlowResult Or(InstructionExecutor x, SlowInstruction* i) => x.Binary(&i->Instruction, 1);

    internal static SlowResult Adc(InstructionExecutor x, SlowInstruction* i) => x.Binary(&i->Instruction, 2);

    internal static SlowResult Sbb(InstructionExecutor x, SlowInstruction* i) => x.Binary(&i->Instruction, 3);

    internal static SlowResult And(InstructionExecutor x, SlowInstruction* i) => x.Binary(&i->Instruction, 4);

    internal static SlowResult Sub(InstructionExecutor x, SlowInstruction* i) => x.Binary(&i->Instruction, 5);

    internal static SlowResult Xor(InstructionExecutor x, SlowInstruction* i) => x.Binary(&i->Instruction, 6);

    internal static SlowResult Cmp(InstructionExecutor x, SlowInstruction* i) => x.Binary(&i->Instruction, 7);

    internal static SlowResult Test(InstructionExecutor x, SlowInstruction* i) => x.Binary(&i->Instruction, 8);

    private SlowResult Step(Instruction* i, int operation)
    {
        int size = SizeOf(i, 0);
        if (!ReadForWrite(i, out uint a, out uint linear))
        {
            return SlowResult.Fault;
        }

        uint carry = CarryFlag;
        WriteBack(i, linear, Alu(_s, operation, size, a, 1));
        SetCarryKeepOthers(carry);
        return SlowResult.Done;
    }

    internal static SlowResult Inc(InstructionExecutor x, SlowInstruction* i) => x.Step(&i->Instruction, 0);

    internal static SlowResult Dec(InstructionExecutor x, SlowInstruction* i) => x.Step(&i->Instruction, 5);

    internal static SlowResult Neg(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        if (!x.ReadForWrite(i, out uint a, out uint linear))
        {
            return SlowResult.Fault;
        }

        x.WriteBack(i, linear, Alu(x._s, 5, SizeOf(i, 0), 0, a));
        return SlowResult.Done;
    }

    internal static SlowResult Not(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        if (!x.ReadForWrite(i, out uint a, out uint linear))
        {
            return SlowResult.Fault;
        }

        x.WriteBack(i, linear, ~a);
        return SlowResult.Done;
    }

    internal static SlowResult Movzx(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        if (!x.ReadOperand(i, 1, out uint value))
        {
            return SlowResult.Fault;
        }

        x.SetRegister(i->Op0Register, value);
        return SlowResult.Done;
    }

    internal static SlowResult Movsx(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        if (!x.ReadOperand(i, 1, out uint value))
        {
            return SlowResult.Fault;
        }

        x.SetRegister(i->Op0Register, (uint)SignExtend(value, SizeOf(i, 1)));
        return SlowResult.Done;
    }

    internal static SlowResult Lea(InstructionExecutor x, SlowInstruction* p)
    {
        x.SetRegister(p->Instruction.Op0Register, x.Offset(&p->Instruction));
        return SlowResult.Done;
    }

    internal static SlowResult Xchg(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        if (!x.ReadForWrite(i, out uint a, out uint linear))
        {
            return SlowResult.Fault;
        }

        uint b = x.GetRegister(i->Op1Register);
        x.WriteBack(i, linear, b);
        x.SetRegister(i->Op1Register, a);
        return SlowResult.Done;
    }

    internal static SlowResult Xadd(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        if (!x.ReadForWrite(i, out uint a, out uint linear))
        {
            return SlowResult.Fault;
        }

        uint sum = Alu(x._s, 0, SizeOf(i, 0), a, x.GetRegister(i->Op1Register));
        x.SetRegister(i->Op1Register, a);
        x.WriteBack(i, linear, sum);
        return SlowResult.Done;
    }

    internal static SlowResult Cmpxchg(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = SizeOf(i, 0);
        if (!x.ReadForWrite(i, out uint a, out uint linear))
        {
            return SlowResult.Fault;
        }

        uint accumulator = x.Eax & Mask(size);
        Alu(x._s, 7, size, accumulator, a);
        if (accumulator == a)
        {
            x.WriteBack(i, linear, x.GetRegister(i->Op1Register));
        }
        else
        {
            // The destination is written even so, with its own value.
            x.WriteBack(i, linear, a);
            x.SetRegister(size == 4 ? Register.EAX : size == 2 ? Register.AX : Register.AL, a);
        }

        return SlowResult.Done;
    }

    internal static SlowResult Cmpxchg8b(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        ulong old;
        if (!x.TryAddress(i, 8, write: true, out uint linear) || !x._mmu.ProbeWrite(linear, 8) || !x._mmu.Read(linear, (byte*)&old, 8))
        {
            return SlowResult.Fault;
        }

        bool equal = old == (((ulong)x.Edx << 32) | x.Eax);
        ulong value = equal ? ((ulong)x.Ecx << 32) | x.Ebx : old;
        x._mmu.Write(linear, (byte*)&value, 8);
        if (!equal)
        {
            x.Eax = (uint)old;
            x.Edx = (uint)(old >> 32);
        }

        uint flags = Eflags.Get(x._s) & ~Eflags.Zero;
        Eflags.SetStatus(x._s, equal ? flags | Eflags.Zero : flags);
        return SlowResult.Done;
    }

    internal static SlowResult Bswap(InstructionExecutor x, SlowInstruction* p)
    {
        Register r = p->Instruction.Op0Register;
        // On 16 bits the manual leaves it undefined; processors give 0.
        x.SetRegister(r, SizeOf(r) == 4 ? System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(x.GetRegister(r)) : 0);
        return SlowResult.Done;
    }

    internal static SlowResult Convert(InstructionExecutor x, SlowInstruction* p)
    {
        switch (p->Instruction.Mnemonic)
        {
            case Mnemonic.Cbw:
                x.SetRegister(Register.AX, (uint)(sbyte)x.Eax);
                break;
            case Mnemonic.Cwde:
                x.Eax = (uint)(short)x.Eax;
                break;
            case Mnemonic.Cwd:
                x.SetRegister(Register.DX, (short)x.Eax < 0 ? 0xFFFFu : 0);
                break;
            default:
                x.Edx = (int)x.Eax < 0 ? uint.MaxValue : 0;
                break;
        }

        return SlowResult.Done;
    }

    internal static SlowResult Setcc(InstructionExecutor x, SlowInstruction* p) =>
        x.WriteOperand(&p->Instruction, Condition(x._s, (int)p->Instruction.ConditionCode - 1) ? 1u : 0, 1) ? SlowResult.Done : SlowResult.Fault;

    internal static SlowResult Cmovcc(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        if (!x.ReadOperand(i, 1, out uint value))
        {
            return SlowResult.Fault;
        }

        if (Condition(x._s, (int)i->ConditionCode - 1))
        {
            x.SetRegister(i->Op0Register, value);
        }

        return SlowResult.Done;
    }

    internal static SlowResult Mul(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = SizeOf(i, 0);
        if (!x.ReadOperand(i, 0, out uint b))
        {
            return SlowResult.Fault;
        }

        ulong product = (ulong)(x.Eax & Mask(size)) * b;
        x.SetProduct(size, product);
        uint high = (uint)(product >> (size * 8)) & Mask(size);
        x.SetFlags(size, (uint)product & Mask(size), high != 0 ? 1u : 0, high != 0 ? 1u : 0);
        return SlowResult.Done;
    }

    internal static SlowResult Imul(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = SizeOf(i, 0);
        int operands = i->OpCount;
        if (!x.ReadOperand(i, operands == 1 ? 0 : 1, out uint b))
        {
            return SlowResult.Fault;
        }

        uint a = operands switch { 1 => x.Eax, 2 => x.GetRegister(i->Op0Register), _ => (uint)i->GetImmediate(2) };
        long product = SignExtend(a & Mask(size), size) * SignExtend(b, size);
        if (operands == 1)
        {
            x.SetProduct(size, (ulong)product);
        }
        else
        {
            x.SetRegister(i->Op0Register, (uint)product);
        }

        uint truncated = product != SignExtend((uint)product & Mask(size), size) ? 1u : 0;
        x.SetFlags(size, (uint)product & Mask(size), truncated, truncated);
        return SlowResult.Done;
    }

    private void SetProduct(int size, ulong product)
    {
        switch (size)
        {
            case 1:
                SetRegister(Register.AX, (uint)product);
                break;
            case 2:
                SetRegister(Register.AX, (uint)product);
                SetRegister(Register.DX, (uint)(product >> 16));
                break;
            default:
                Eax = (uint)product;
                Edx = (uint)(product >> 32);
                break;
        }
    }

    private ulong Dividend(int size) => size switch
    {
        1 => (ushort)Eax,
        2 => ((Edx & 0xFFFF) << 16) | (ushort)Eax,
        _ => ((ulong)Edx << 32) | Eax,
    };

    private void SetQuotient(int size, uint quotient, uint remainder)
    {
        switch (size)
        {
            case 1:
                SetRegister(Register.AL, quotient);
                SetRegister(Register.AH, remainder);
                break;
            case 2:
                SetRegister(Register.AX, quotient);
                SetRegister(Register.DX, remainder);
                break;
            default:
                Eax = quotient;
                Edx = remainder;
                break;
        }
    }

    internal static SlowResult Div(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = SizeOf(i, 0);
        if (!x.ReadOperand(i, 0, out uint b))
        {
            return SlowResult.Fault;
        }

        ulong a = x.Dividend(size);
        if (b == 0 || a / b > Mask(size))
        {
            return x.Raise(TrapVector.DivideError);
        }

        x.SetQuotient(size, (uint)(a / b), (uint)(a % b));
        return SlowResult.Done;
    }

    internal static SlowResult Idiv(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = SizeOf(i, 0);
        if (!x.ReadOperand(i, 0, out uint b))
        {
            return SlowResult.Fault;
        }

        long divisor = SignExtend(b, size);
        long a = size switch { 1 => (short)x.Dividend(1), 2 => (int)x.Dividend(2), _ => (long)x.Dividend(4) };
        if (divisor == 0 || (a == long.MinValue && divisor == -1))
        {
            return x.Raise(TrapVector.DivideError);
        }

        long quotient = a / divisor;
        if (quotient != SignExtend((uint)quotient & Mask(size), size))
        {
            return x.Raise(TrapVector.DivideError);
        }

        x.SetQuotient(size, (uint)quotient, (uint)(a % divisor));
        return SlowResult.Done;
    }

    // ---- decimal (Intel SDM vol. 2) -----------------------------------------------------------------------------------

    internal static SlowResult Decimal(InstructionExecutor x, SlowInstruction* p)
    {
        uint flags = Eflags.Get(x._s);
        uint al = x.Eax & 0xFF;
        bool adjust = (flags & Eflags.Adjust) != 0;
        bool carry = (flags & Eflags.Carry) != 0;
        bool low = (al & 0xF) > 9 || adjust;
        uint result;
        switch (p->Instruction.Mnemonic)
        {
            case Mnemonic.Daa:
                bool highAdd = al > 0x99 || carry;
                result = al + (low ? 6u : 0) + (highAdd ? 0x60u : 0);
                x.FinishDecimal(result, highAdd || (low && al > 0xF9), low);
                break;
            case Mnemonic.Das:
                bool highSub = al > 0x99 || carry;
                result = al - (low ? 6u : 0) - (highSub ? 0x60u : 0);
                x.FinishDecimal(result, highSub || (low && al < 6), low);
                break;
            case Mnemonic.Aaa:
                x.SetRegister(Register.AX, (low ? x.Eax + 0x106 : x.Eax) & 0xFF0F);
                x.FinishAscii(low);
                break;
            default:
                x.SetRegister(Register.AX, (low ? x.Eax - 0x106 : x.Eax) & 0xFF0F);
                x.FinishAscii(low);
                break;
        }

        return SlowResult.Done;
    }

    private void FinishDecimal(uint result, bool carry, bool adjust)
    {
        SetRegister(Register.AL, result);
        _s->FlagResult = (sbyte)result;
        _s->FlagCarries = (carry ? 0xC0000000 : 0) | (adjust ? 8u : 0);
    }

    private void FinishAscii(bool adjusted)
    {
        _s->FlagResult = (sbyte)Eax;
        _s->FlagCarries = adjusted ? 0xC0000008 : 0;
    }

    internal static SlowResult Aam(InstructionExecutor x, SlowInstruction* p)
    {
        uint b = p->Instruction.Immediate8;
        if (b == 0)
        {
            return x.Raise(TrapVector.DivideError);
        }

        uint al = x.Eax & 0xFF;
        x.SetRegister(Register.AX, ((al / b) << 8) | (al % b));
        x.SetFlags(1, al % b, 0u);
        return SlowResult.Done;
    }

    internal static SlowResult Aad(InstructionExecutor x, SlowInstruction* p)
    {
        uint al = ((x.Eax & 0xFF) + (((x.Eax >> 8) & 0xFF) * p->Instruction.Immediate8)) & 0xFF;
        x.SetRegister(Register.AX, al);
        x.SetFlags(1, al, 0u);
        return SlowResult.Done;
    }
}
