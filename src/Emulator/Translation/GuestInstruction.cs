// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Decoding;

namespace LguestPlug.Emulator.Translation;

/// <summary>How the translator treats an instruction.</summary>
internal enum Treatment : byte
{
    /// <summary>The interpreter executes it; the block goes on behind it.</summary>
    Interpret,

    /// <summary>The interpreter executes it; the block ends.</summary>
    InterpretLast,

    Nop,

    /// <summary>Copied as it is: the operands are implied registers other than ESP.</summary>
    Copy,

    /// <summary>A ModRM instruction that means the same on the host, with its operands replaced; memory is only read.</summary>
    Read,

    /// <summary>The same, and memory is written.</summary>
    Write,

    IncrementRegister, MoveImmediate, ExchangeEax, SwapBytes, Lea, LoadOffset, StoreOffset,
    PushRegister, PushImmediate, PushMemory, PushAll, PopRegister, PopAll, Leave,

    /// <summary>Segment registers: to and from the stack, and MOV.</summary>
    PushSegment, PopSegment, LoadSegment, StoreSegment,

    Divide, MoveString, StoreString, LoadString, ScanString,

    /// <summary>A string instruction with a repeat prefix.</summary>
    RepeatString,

    /// <summary>BT of memory anywhere: a register counts the bits from the operand on.</summary>
    TestBit,

    /// <summary>x87: executed by the host's unit.</summary>
    Fpu,

    /// <summary>MMX, SSE and SSE2: likewise.</summary>
    Simd,

    ClearDirection, SetDirection,

    // These end a block.
    JumpIf, JumpOnCount, Jump, JumpIndirect, Call, CallIndirect, Return,
}

/// <summary>What an instruction does with the six status flags.</summary>
[Flags]
internal enum FlagUse : byte
{
    None = 0,

    /// <summary>Looks at some.</summary>
    Reads = 1,

    /// <summary>Sets them all.</summary>
    Writes = 2,

    /// <summary>Sets some and keeps the others.</summary>
    Changes = 4,
}

/// <summary>One guest instruction as the translator sees it.</summary>
internal struct GuestInstruction
{
    public uint Eip;
    public uint Next;

    /// <summary>Target of a direct branch.</summary>
    public uint Target;

    public uint ImmediateValue;
    public int Displacement;

    /// <summary>A vector or x87 instruction that the host may only execute while the guest's registers are in its own.</summary>
    public readonly bool UsesFpu => Treatment == Treatment.Fpu || (Treatment == Treatment.Simd && !Simd.Has(SimdTraits.Stateless));

    /// <summary>The opcode; 0x0F00 and the second byte for the two-byte map.</summary>
    public ushort Opcode;

    /// <summary>What the interpreter wants to know of the encoding, see <see cref="SlowInstruction.Encoding"/>.</summary>
    public uint Encoding;

    /// <summary>What is special about an MMX or SSE instruction.</summary>
    public SimdForm Simd;

    public Treatment Treatment;
    public FlagUse Flags;

    /// <summary>Condition of Jcc, SETcc and CMOVcc, else -1.</summary>
    public sbyte Condition;

    public byte ModRm;
    public bool HasModRm;
    public byte ImmediateLength;

    /// <summary>0x66, a repeat prefix that belongs to the opcode, or 0.</summary>
    public byte Prefix;

    public bool IsLocked;

    /// <summary>Bytes of the memory operand.</summary>
    public byte Size;

    /// <summary>Base and index register of the memory operand, or -1.</summary>
    public sbyte Base, Index;

    public byte Scale;

    /// <summary>Number of the segment register that an address counts from if it is FS or GS, else 0.</summary>
    public byte Segment;

    /// <summary>The instruction stores, so that it may end its block if it hits translated code.</summary>
    public readonly bool Stores => Treatment switch
    {
        Treatment.Write => HasMemory,
        Treatment.StoreOffset or Treatment.PushRegister or Treatment.PushImmediate or Treatment.PushMemory or Treatment.PushSegment
            or Treatment.PushAll or Treatment.MoveString or Treatment.StoreString or Treatment.RepeatString or Treatment.Call or Treatment.CallIndirect => true,
        Treatment.Fpu => IsFpuStore,
        Treatment.Simd => HasMemory && Simd.Has(SimdTraits.Stores),
        _ => false,
    };

    /// <summary>The segment register that is loaded or stored.</summary>
    public byte Register;

    /// <summary>The middle field of ModRM.</summary>
    public readonly int Reg => (ModRm >> 3) & 7;

    /// <summary>The last field of ModRM.</summary>
    public readonly int Rm => ModRm & 7;

    public readonly bool HasMemory => HasModRm && ModRm < 0xC0;

    /// <summary>The instruction may fault, or others may look at the state in the middle of it.</summary>
    public readonly bool IsVisible => Treatment switch
    {
        Treatment.Read or Treatment.Write => HasMemory,
        Treatment.Nop or Treatment.Copy or Treatment.IncrementRegister or Treatment.MoveImmediate or Treatment.ExchangeEax
            or Treatment.SwapBytes or Treatment.Lea or Treatment.StoreSegment or Treatment.ClearDirection or Treatment.SetDirection => false,
        _ => true,
    };

    /// <summary>An x87 instruction that writes its memory operand.</summary>
    public bool IsFpuStore;

    /// <summary>The reg field (or implied operand) is one byte wide.</summary>
    public bool IsByteRegister;
}
