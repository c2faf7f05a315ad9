// SPDX-License-Identifier: GPL-2.0-or-later
using System.Numerics;
using System.Runtime.CompilerServices;

namespace LguestPlug.Emulator;

/// <summary>EFLAGS: its bits, and the conversion from and to the lazy form in <see cref="CpuState"/> (Intel SDM vol. 1, 3.4.3).</summary>
public static unsafe class Eflags
{
#pragma warning disable CS1591
    public const uint Carry = 1, Parity = 4, Adjust = 0x10, Zero = 0x40, Sign = 0x80, Trap = 0x100, Interrupt = 0x200,
        Direction = 0x400, Overflow = 0x800, Iopl = 0x3000, NestedTask = 0x4000, Resume = 0x10000, Virtual8086 = 0x20000,
        AlignmentCheck = 0x40000, VirtualInterrupt = 0x80000, VirtualInterruptPending = 0x100000, Identification = 0x200000;
#pragma warning restore CS1591

    /// <summary>CF, PF, AF, ZF, SF and OF.</summary>
    public const uint Status = Carry | Parity | Adjust | Zero | Sign | Overflow;

    /// <summary>The whole register as PUSHF would show it.</summary>
    public static uint Get(CpuState* s)
    {
        long r = s->FlagResult;
        uint c = s->FlagCarries;
        uint flags = s->SystemFlags | (c >> 31) | ((c << 1) & Adjust) | ((c ^ (c << 1)) >> 31 << 11);
        if ((uint)r == 0)
        {
            flags |= Zero;
        }

        if (r < 0)
        {
            flags |= Sign;
        }

        return IsParityEven(r) ? flags | Parity : flags;
    }

    /// <summary>Sets the whole register; the caller has masked what the privilege level may not change. Bit 1 is forced to 1.</summary>
    public static void Set(CpuState* s, uint value)
    {
        s->SystemFlags = (value & ~Status) | 2;
        SetStatus(s, value);
    }

    /// <summary>Sets the six status flags.</summary>
    public static void SetStatus(CpuState* s, uint value)
    {
        uint overflow = (value >> 11) & 1;
        uint carry = value & 1;
        s->FlagCarries = (carry << 31) | ((carry ^ overflow) << 30) | ((value & Adjust) >> 1);
        // Low word 0 for ZF; bits 32-39 then make the parity come out right.
        uint low = (value & Zero) != 0 ? 0u : 1u;
        uint fix = ((value & Parity) != 0) == (low == 0) ? 0u : 1u;
        uint high = fix | ((value & Sign) != 0 ? 0x80000000u : 0);
        s->FlagResult = (long)(((ulong)high << 32) | low);
    }

    /// <summary>PF of a lazy result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool IsParityEven(long result) => (BitOperations.PopCount((uint)(byte)(result ^ (result >> 32))) & 1) == 0;
}
