// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Decoding;
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <summary>One entry of the jump cache.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TranslatedJump
{
    public uint Eip;
    public CodeMode Mode;

    /// <summary>Where the translated block starts; null in an empty entry.</summary>
    public byte* Code;

    /// <summary>What the flat TLB must say about the page of <see cref="Eip"/>: the block was made from the bytes there. Never 0 if there is a block.</summary>
    public nint Addend;

    private readonly ulong _padding;
}

/// <summary>
/// The jump cache: finds translated code by linear address without leaving generated code. Each use looks into the flat TLB whether
/// the page is still where it was, so that entries outlive changes of page tables.
/// </summary>
internal static unsafe class JumpCache
{
    // Functions are aligned: the low bits of their addresses are no good as an index.
    private const uint Multiplier = 0x9E3779B1;
    private const int Bits = 17, EntryBits = 5;
    private const int CodeOffset = TranslatorMemory.JumpOffset + 8, AddendOffset = TranslatorMemory.JumpOffset + 16;

    /// <summary>Number of entries.</summary>
    public const int Entries = 1 << Bits;

    /// <summary>Their size in bytes.</summary>
    public const int Bytes = Entries << EntryBits;

    /// <summary>
    /// An empty entry. It looks like one for address 0, but the flat TLB never says such an addend of a page: it says 0 of one that is
    /// not there, which all zeros would agree with.
    /// </summary>
    public static TranslatedJump Nothing => new() { Addend = 1 };

    /// <summary>The entry an address may be in.</summary>
    public static uint Index(uint eip) => (eip * Multiplier) >> (32 - Bits);

    /// <summary>Writes a jump to the guest address in r8 in a mode; returns the displacement field of a jump that is taken if it is not known.</summary>
    public static byte* EmitJump(Emitter e, CodeMode mode)
    {
        EmitIndex(e);
        int tag = Temporary;
        if (mode == CodeMode.None)
        {
            tag = Address;
        }
        else
        {
            e.Move64Immediate(Temporary, (ulong)mode << 32);
            e.Registers(0x09, Address, Temporary, wide: true); // or r11, r8
        }

        return EmitUse(e, tag, (mode & CodeMode.User) != 0);
    }

    /// <summary>The same for the mode in the state, which <paramref name="user"/> tells the privilege of.</summary>
    public static byte* EmitJumpInCurrentMode(Emitter e, bool user)
    {
        EmitIndex(e);
        e.LoadState(Temporary, RuntimeStubs.Field(nameof(TranslatorState.Mode)));
        e.ShiftImmediate64(Alu.ShiftLeft, Temporary, 32);
        e.Registers(0x09, Address, Temporary, wide: true);
        return EmitUse(e, Temporary, user);
    }

    private static void EmitIndex(Emitter e)
    {
        e.Registers(0x69, Addend, Address);
        e.Dword(Multiplier);
        e.ShiftImmediate(Alu.ShiftRight, Addend, 32 - Bits);
        e.ShiftImmediate(Alu.ShiftLeft, Addend, EntryBits);
    }

    private static byte* EmitUse(Emitter e, int tag, bool user)
    {
        e.Memory(0x3B, tag, State, TranslatorMemory.JumpOffset, Addend, wide: true);
        byte* isOther = e.JumpIfShort(HostCondition.NotEqual);
        e.Move(Temporary, Address);
        e.ShiftImmediate(Alu.ShiftRight, Temporary, 12);
        e.Memory(0x8B, Temporary, State, TranslatorMemory.FlatTlbOffset(user, write: false), Temporary, 3, wide: true);
        e.Memory(0x3B, Temporary, State, AddendOffset, Addend, wide: true);
        byte* isElsewhere = e.JumpIfShort(HostCondition.NotEqual);
        e.Memory(0xFF, 4, State, CodeOffset, Addend);
        e.BindShort(isOther);
        e.BindShort(isElsewhere);
        return e.Jump();
    }
}
