// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using Iced.Intel;
using LguestPlug.Emulator.Interpretation;

namespace LguestPlug.Emulator.Decoding;

/// <summary>An instruction that runs through its handler, with what Iced knows of it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SlowInstruction
{
    public delegate*<InstructionExecutor, SlowInstruction*, SlowResult> Handler;
    public Instruction Instruction;

    /// <summary>
    /// For x87 instructions: the ESC opcode byte in bits 8-15, ModRM in bits 0-7. For MMX and SSE: <see cref="SimdInstructions.Encoding"/>.
    /// Iced does not keep the encoding.
    /// </summary>
    public uint Encoding;
}

/// <summary>A straight run of decoded code: entered at its top, left at its end or by a fault.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct Block
{
    public MicroOp* Ops;

    /// <summary>Where the block goes when its last branch is taken, once known.</summary>
    public Block* Taken;

    /// <summary>Where the block goes otherwise, once known.</summary>
    public Block* Fall;

    /// <summary>The code key under which a link to another page holds; <see cref="SamePage"/> for one that needs no check.</summary>
    public uint TakenKey;
    public uint FallKey;

    public int Instructions;
    public int OpCount;

    public uint Eip;
    public uint TakenEip;

    /// <summary>Address behind the block: not-taken target, or return address of a call.</summary>
    public uint FallEip;

    /// <summary>Guest-physical address of the first byte.</summary>
    public uint Physical;

    /// <summary>Guest-physical page of the last byte if that is another page, else <see cref="NoPage"/>.</summary>
    public uint SecondPage;

    public CodeMode Mode;

    public SlowInstruction* Slow;

    /// <summary>Chain of blocks in one hash bucket.</summary>
    public Block* NextInBucket;

    /// <summary>Chain of blocks in the first, respectively second, physical page.</summary>
    public Block* NextInPage;
    public Block* NextInSecondPage;

    /// <summary>Links that lead here, as block pointers with bit 0 set for the Fall link; continued in the linking block.</summary>
    public nuint Incoming;
    public nuint NextIncomingOfTaken;
    public nuint NextIncomingOfFall;

    public const uint SamePage = 0;
    public const uint NoPage = uint.MaxValue;
}

/// <summary>What decoding depends on besides the bytes.</summary>
[Flags]
internal enum CodeMode : uint
{
    None = 0,

    /// <summary>CPL 3: code is fetched through the user view.</summary>
    User = 1,

    /// <summary>A segment other than FS and GS is not the flat 4 GiB one: every access is checked on the slow path.</summary>
    Segmented = 2,

    /// <summary>EFLAGS.TF: one instruction a block.</summary>
    SingleStep = 4,

    /// <summary>CS.D is 0.</summary>
    SixteenBit = 8,

    /// <summary>The translator leaves x87 and SSE instructions to the interpreter.</summary>
    InterpretedFpu = 16,
}
