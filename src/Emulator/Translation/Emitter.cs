// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <summary>The operation field of ADD to CMP and, in <see cref="Emitter.ShiftImmediate"/>, of the shifts (Intel SDM vol. 2).</summary>
internal static class Alu
{
    public const int Add = 0, Or = 1, And = 4, Sub = 5, Xor = 6, Cmp = 7, ShiftLeft = 4, ShiftRight = 5, ShiftArithmetic = 7;
}

/// <summary>Condition numbers of Jcc and SETcc (Intel SDM vol. 1, appendix B).</summary>
internal static class HostCondition
{
    public const int Overflow = 0, Below = 2, AboveOrEqual = 3, Equal = 4, NotEqual = 5, BelowOrEqual = 6, Above = 7, Sign = 8;
}

/// <summary>Writes x86-64 machine code (Intel SDM vol. 2, 2.1 and 2.2): the few forms the translator needs. Operands are 32 bits wide unless a name says 64.</summary>
internal sealed unsafe class Emitter
{
    private const int NoRegister = -1;

    /// <summary>Where the next byte goes.</summary>
    public byte* At { get; set; }

    // ---- bytes --------------------------------------------------------------------------------------------------------

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Byte(int value) => *At++ = (byte)value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Dword(uint value)
    {
        *(uint*)At = value;
        At += 4;
    }

    public void Qword(ulong value)
    {
        *(ulong*)At = value;
        At += 8;
    }

    /// <summary>The low bytes of an immediate.</summary>
    public void Immediate(uint value, int bytes)
    {
        *(uint*)At = value;
        At += bytes;
    }

    /// <summary>Copies finished code, which must not depend on where it is.</summary>
    public void Copy(byte* code, byte* end)
    {
        Unsafe.CopyBlockUnaligned(At, code, (uint)(end - code));
        At += end - code;
    }

    // ---- any instruction with a ModRM byte --------------------------------------------------------------------------------

    /// <summary>An instruction on two registers. <paramref name="opcode"/> is the opcode byte, with 0x0F00 for the two-byte map.</summary>
    public void Registers(int opcode, int reg, int rm, bool wide = false, int prefix = 0)
    {
        Opcode(opcode, prefix, (wide ? 8 : 0) | (reg >> 3 << 2) | (rm >> 3));
        Byte(0xC0 | ((reg & 7) << 3) | (rm & 7));
    }

    /// <summary>An instruction on a register and memory at base + (index &lt;&lt; scale) + displacement; -1 stands for no register.</summary>
    public void Memory(int opcode, int reg, int baseRegister, int displacement, int index = NoRegister, int scale = 0, bool wide = false, int prefix = 0)
    {
        int rex = (wide ? 8 : 0) | (reg >> 3 << 2) | (index > 0 ? index >> 3 << 1 : 0) | (baseRegister >= 0 ? baseRegister >> 3 : 0);
        Opcode(opcode, prefix, rex);
        int field = (reg & 7) << 3;
        if (baseRegister < 0)
        {
            // Without a base there is always a SIB byte here: the short form would be relative to the instruction pointer.
            Byte(0x04 | field);
            Byte((scale << 6) | ((index < 0 ? 4 : index & 7) << 3) | 5);
            Dword((uint)displacement);
            return;
        }

        int low = baseRegister & 7;
        bool needsSib = index >= 0 || low == 4;
        int mod = displacement == 0 && low != 5 ? 0 : displacement == (sbyte)displacement ? 0x40 : 0x80;
        Byte(mod | field | (needsSib ? 4 : low));
        if (needsSib)
        {
            Byte((scale << 6) | ((index < 0 ? 4 : index & 7) << 3) | low);
        }

        if (mod == 0x40)
        {
            Byte(displacement);
        }
        else if (mod == 0x80)
        {
            Dword((uint)displacement);
        }
    }

    private void Opcode(int opcode, int prefix, int rex)
    {
        if (prefix != 0)
        {
            Byte(prefix);
        }

        if (rex != 0)
        {
            Byte(0x40 | rex);
        }

        if ((opcode & 0xFF00) != 0)
        {
            Byte(opcode >> 8);
        }

        Byte(opcode);
    }

    // ---- moves --------------------------------------------------------------------------------------------------------

    public void Move(int destination, int source) => Registers(0x89, source, destination);

    public void Move64(int destination, int source) => Registers(0x89, source, destination, wide: true);

    public void MoveImmediate(int register, uint value)
    {
        if (register > 7)
        {
            Byte(0x41);
        }

        Byte(0xB8 | (register & 7));
        Dword(value);
    }

    public void Move64Immediate(int register, ulong value)
    {
        Byte(0x48 | (register >> 3));
        Byte(0xB8 | (register & 7));
        Qword(value);
    }

    public void LoadState(int register, int offset) => Memory(0x8B, register, State, offset);

    public void LoadState64(int register, int offset) => Memory(0x8B, register, State, offset, wide: true);

    public void StoreState(int register, int offset) => Memory(0x89, register, State, offset);

    public void StoreState64(int register, int offset) => Memory(0x89, register, State, offset, wide: true);

    public void StoreStateImmediate(int offset, uint value)
    {
        Memory(0xC7, 0, State, offset);
        Dword(value);
    }

    public void Lea(int register, int baseRegister, int displacement, int index = NoRegister, int scale = 0) =>
        Memory(0x8D, register, baseRegister, displacement, index, scale);

    // ---- arithmetic -----------------------------------------------------------------------------------------------------

    public void AluImmediate(int operation, int register, int value)
    {
        bool isShort = value == (sbyte)value;
        Registers(isShort ? 0x83 : 0x81, operation, register);
        Immediate((uint)value, isShort ? 1 : 4);
    }

    public void AluRegisters(int operation, int register, int source) => Registers((operation << 3) | 1, source, register);

    public void CompareState(int offset, int value)
    {
        bool isShort = value == (sbyte)value;
        Memory(isShort ? 0x83 : 0x81, Alu.Cmp, State, offset);
        Immediate((uint)value, isShort ? 1 : 4);
    }

    public void ShiftImmediate(int operation, int register, int count)
    {
        Registers(0xC1, operation, register);
        Byte(count);
    }

    public void ShiftImmediate64(int operation, int register, int count)
    {
        Registers(0xC1, operation, register, wide: true);
        Byte(count);
    }

    public void Test64(int register) => Registers(0x85, register, register, wide: true);

    // ---- jumps --------------------------------------------------------------------------------------------------------

    /// <summary>A conditional jump whose target is set by <see cref="Bind(byte*)"/>; returns its displacement field.</summary>
    public byte* JumpIf(int condition)
    {
        Byte(0x0F);
        Byte(0x80 | condition);
        Dword(0);
        return At - 4;
    }

    /// <summary>A jump whose target is set by <see cref="Bind(byte*)"/>; returns its displacement field.</summary>
    public byte* Jump()
    {
        Byte(0xE9);
        Dword(0);
        return At - 4;
    }

    /// <summary>A short forward jump; returns its displacement field for <see cref="BindShort"/>.</summary>
    public byte* JumpIfShort(int condition)
    {
        Byte(0x70 | condition);
        Byte(0);
        return At - 1;
    }

    /// <summary>A short forward jump if ECX is 0; returns its displacement field for <see cref="BindShort"/>.</summary>
    public byte* JumpIfCountZero()
    {
        Byte(0x67);
        Byte(0xE3);
        Byte(0);
        return At - 1;
    }

    public void JumpTo(byte* target)
    {
        Byte(0xE9);
        Dword((uint)(target - (At + 4)));
    }

    public void JumpIfTo(int condition, byte* target)
    {
        Byte(0x0F);
        Byte(0x80 | condition);
        Dword((uint)(target - (At + 4)));
    }

    public void CallTo(byte* target)
    {
        Byte(0xE8);
        Dword((uint)(target - (At + 4)));
    }

    /// <summary>Lets a jump lead here.</summary>
    public void Bind(byte* field) => Bind(field, At);

    /// <summary>Lets a jump lead to <paramref name="target"/>.</summary>
    public static void Bind(byte* field, byte* target) => *(int*)field = (int)(target - (field + 4));

    public void BindShort(byte* field) => *field = (byte)(At - (field + 1));
}
