// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <summary>One entry of the jump cache.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TranslatedJump
{
    /// <summary>The code key in the upper half, the address in the lower.</summary>
    public ulong Tag;

    /// <summary>Where the translated block starts.</summary>
    public byte* Code;
}

/// <summary>The jump cache: finds translated code by linear address without leaving generated code.</summary>
internal static unsafe class JumpCache
{
    private const uint Multiplier = 0x9E3779B1;
    private const int Bits = 16;

    /// <summary>Number of entries.</summary>
    public const int Entries = 1 << Bits;

    /// <summary>The entry an address may be in.</summary>
    public static uint Index(uint eip) => (eip * Multiplier) >> (32 - Bits);

    /// <summary>Writes a jump to the guest address in r8; returns the displacement field of a jump that is taken if it is not known.</summary>
    public static byte* EmitJump(Emitter e)
    {
        const int EntryBits = 4;
        e.Registers(0x69, Addend, Address);
        e.Dword(Multiplier);
        e.ShiftImmediate(Alu.ShiftRight, Addend, 32 - Bits - EntryBits);
        e.Registers(0x81, Alu.And, Addend);
        e.Dword((Entries - 1) << EntryBits);
        e.LoadState64(Temporary, RuntimeStubs.Field(nameof(TranslatorState.JumpKey)));
        e.Registers(0x09, Address, Temporary, wide: true); // or r11, r8
        e.Memory(0x3B, Temporary, State, TranslatorMemory.JumpOffset, Addend, wide: true);
        byte* miss = e.JumpIf(HostCondition.NotEqual);
        e.Memory(0xFF, 4, State, TranslatorMemory.JumpOffset + 8, Addend);
        return miss;
    }
}
