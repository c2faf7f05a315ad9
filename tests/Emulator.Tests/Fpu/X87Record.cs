// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LguestPlug.Emulator.Tests.Fpu;

/// <summary>One instruction with the state to run it from: 216 bytes, as x87host.c reads them.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 2)]
internal struct X87Case
{
    public byte Escape;

    /// <summary>The ModR/M byte; a memory form has only bits 3 to 5.</summary>
    public byte ModRm;

    /// <summary>1 for 16-bit operand size.</summary>
    public byte OperandSize16;

    /// <summary>One bit for each physical register in use.</summary>
    public byte Tag;
    public ushort Control;
    public ushort Status;
    public uint Flags;
    public ushort Ax;
    public ushort LastOpcode;
    public uint LastIp;
    public uint LastDp;
    public X87RegisterFile Registers;
    public X87Memory Memory;
    private uint _unused;

    public readonly bool IsMemory => ModRm < 0xC0;

    public readonly int Reg => (ModRm >> 3) & 7;

    public readonly int Top => (Status >> 11) & 7;
}

/// <summary>What an instruction left: 216 bytes, as x87host.c writes them.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 2)]
internal struct X87Result
{
    public ushort Control;
    public ushort Status;
    public byte Tag;

    /// <summary>0 done, 1 invalid opcode, 2 pending fault.</summary>
    public byte Outcome;
    public ushort Ax;
    public uint Flags;
    public ushort LastOpcode;
    public ushort Unused;
    public uint LastIp;
    public uint LastDp;
    public X87RegisterFile Registers;
    public X87Memory Memory;
    private uint _unused;
}

/// <summary>An 80-bit value as it lies in memory.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 2)]
internal record struct X87Value(ulong Significand, ushort SignExponent)
{
    public override readonly string ToString() => $"{SignExponent:X4}:{Significand:X16}";
}

/// <summary>The eight registers in physical order.</summary>
[InlineArray(8)]
internal struct X87RegisterFile
{
    private X87Value _first;
}

/// <summary>The memory operand, as large as the largest one.</summary>
[InlineArray(Size)]
internal struct X87Memory
{
    public const int Size = 108;

    private byte _first;
}
