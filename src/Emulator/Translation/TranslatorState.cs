// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Decoding;

namespace LguestPlug.Emulator.Translation;

/// <summary>
/// What generated code keeps beside the CPU state. It lies right before the <see cref="CpuState"/>, within reach of short
/// displacements; behind that lie the jump cache and the flat TLBs (<see cref="TranslatorMemory"/>).
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = 128)]
internal unsafe struct TranslatorState
{
    /// <summary>The six status flags while they are not in the host's: LAHF's byte in bits 8-15, OF in bit 0;
    /// or, with the top bit set, the number of one of the <see cref="FlagRecipes"/>.</summary>
    public uint Flags;

    /// <summary>Instructions left when generated code was left.</summary>
    public int Budget;

    /// <summary>What the next instruction is translated as.</summary>
    public CodeMode Mode;

    /// <summary>The jump (its displacement field) that wants to be linked to the block now looked up.</summary>
    public byte* PatchSite;

    public ulong SavedTemporary;

    /// <summary>A handle of the <see cref="Translator"/>.</summary>
    public nint Owner;

    /// <summary>Linear address of a store that is made on <see cref="Scratch"/> first.</summary>
    public uint PendingAddress;

    /// <summary>Its size in bytes; 0 if there is none.</summary>
    public uint PendingSize;

    /// <summary>Stands for guest memory where an access crosses pages or may hit translated code. At a multiple of 16.</summary>
    public fixed byte Scratch[16];

    public nint MemoryHelper;
    public nint CommitHelper;
    public nint SlowHelper;

    /// <summary>Instructions of the block that was left which were taken from the budget but not executed.</summary>
    public int Unexecuted;

    /// <summary>Where the guest's x87 and SSE registers are.</summary>
    public FpuHome FpuHome;

    public nint FpuHelper;
    public nint CallHelper;

    /// <summary>What follows an access that faulted: an <see cref="ExitReason"/>.</summary>
    public ExitReason PendingExit;

    /// <summary>Address of the last x87 instruction that is not a control instruction, its opcode, and the address of its operand.</summary>
    public uint FpuInstruction, FpuOpcode, FpuOperand;
}
