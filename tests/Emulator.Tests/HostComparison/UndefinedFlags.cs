// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>
/// The status flags that the manual (Intel SDM vol. 2) leaves undefined: they differ between processors, so nobody can expect
/// a value.
/// </summary>
internal static class UndefinedFlags
{
    /// <summary>The undefined flags after a case that consists of one instruction.</summary>
    public static uint After(CpuCase test, ReadOnlySpan<byte> code)
    {
        Decoder decoder = Decoder.Create(32, new ByteArrayCodeReader(code.ToArray()), test.Eip);
        decoder.Decode(out Instruction instruction);
        int? count = ShiftCount(instruction);
        return Of(instruction, count ?? (int)(test.Registers[1] & 0xFF));
    }

    /// <summary>The undefined flags of a sequence's instruction; a shift count that is not in the code may be anything.</summary>
    public static uint Anytime(in Instruction instruction) => ShiftCount(instruction) is int count
        ? Of(instruction, count)
        : Of(instruction, 1) | Of(instruction, 31);

    /// <summary>The undefined flags of an instruction.</summary>
    /// <param name="instruction">The instruction.</param>
    /// <param name="count">Its shift count, if it has one, before the CPU masks it.</param>
    private static uint Of(in Instruction instruction, int count)
    {
        count &= 31;
        int size = instruction.OpCount == 0 ? 0 : OperandBits(instruction);
        switch (instruction.Mnemonic)
        {
            case Mnemonic.And:
            case Mnemonic.Or:
            case Mnemonic.Xor:
            case Mnemonic.Test:
                return Eflags.Adjust;
            case Mnemonic.Mul:
            case Mnemonic.Imul:
                return Eflags.Sign | Eflags.Zero | Eflags.Adjust | Eflags.Parity;
            case Mnemonic.Div:
            case Mnemonic.Idiv:
                return Eflags.Status;
            case Mnemonic.Bsf:
            case Mnemonic.Bsr:
                return Eflags.Status & ~Eflags.Zero;
            case Mnemonic.Bt:
            case Mnemonic.Bts:
            case Mnemonic.Btr:
            case Mnemonic.Btc:
                return Eflags.Overflow | Eflags.Sign | Eflags.Adjust | Eflags.Parity;
            case Mnemonic.Daa:
            case Mnemonic.Das:
                return Eflags.Overflow;
            case Mnemonic.Aaa:
            case Mnemonic.Aas:
                return Eflags.Overflow | Eflags.Sign | Eflags.Zero | Eflags.Parity;
            case Mnemonic.Aam:
            case Mnemonic.Aad:
                return Eflags.Overflow | Eflags.Adjust | Eflags.Carry;
            case Mnemonic.Rol:
            case Mnemonic.Ror:
            case Mnemonic.Rcl:
            case Mnemonic.Rcr:
                return count > 1 ? Eflags.Overflow : 0;
            case Mnemonic.Shl:
            case Mnemonic.Sal:
            case Mnemonic.Shr:
                return count == 0 ? 0 : Eflags.Adjust | (count > 1 ? Eflags.Overflow : 0) | (count >= size ? Eflags.Carry : 0);
            case Mnemonic.Sar:
                return count == 0 ? 0 : Eflags.Adjust | (count > 1 ? Eflags.Overflow : 0);
            case Mnemonic.Shld:
            case Mnemonic.Shrd:
                return count == 0 ? 0 : count > size ? Eflags.Status : Eflags.Adjust | (count > 1 ? Eflags.Overflow : 0);
            default:
                return 0;
        }
    }

    /// <summary>The count in the instruction itself, null if it is in CL.</summary>
    private static int? ShiftCount(in Instruction instruction)
    {
        int last = instruction.OpCount - 1;
        return last > 0 && instruction.GetOpKind(last) == OpKind.Immediate8 ? instruction.Immediate8 : null;
    }

    private static int OperandBits(in Instruction instruction) => 8 * (instruction.Op0Kind == OpKind.Register
        ? instruction.Op0Register.GetSize()
        : instruction.MemorySize.GetSize());
}
