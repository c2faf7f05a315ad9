// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Fpu;
using LguestPlug.Emulator.Memory;

namespace LguestPlug.Emulator;

/// <summary>The segment registers in their encoding order (Intel SDM vol. 2, table 2-1).</summary>
public enum SegmentRegister
{
#pragma warning disable CS1591
    Es, Cs, Ss, Ds, Fs, Gs,
#pragma warning restore CS1591
}

/// <summary>A segment register: its selector and the descriptor it was loaded from (Intel SDM vol. 3, 3.4.3).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct Segment
{
    /// <summary>Linear address of offset 0.</summary>
    public uint Base;

    /// <summary>Last valid offset in bytes (granularity applied); for expand-down segments the last invalid one.</summary>
    public uint Limit;

    /// <summary>Bits 8 to 23 of the descriptor's high word: type, S, DPL, P, AVL, D/B, G. 0 means unusable (null selector).</summary>
    public uint Access;

    /// <summary>The visible part.</summary>
    public ushort Selector;

    private readonly ushort _padding;

    /// <summary>Descriptor privilege level.</summary>
    public readonly uint Dpl => (Access >> 5) & 3;

    /// <summary>True unless the register holds a null selector.</summary>
    public readonly bool IsUsable => Access != 0;

    /// <summary>Builds the hidden part from an 8-byte descriptor.</summary>
    public static Segment FromDescriptor(ushort selector, ulong descriptor)
    {
        uint low = (uint)descriptor;
        uint high = (uint)(descriptor >> 32);
        uint limit = (low & 0xFFFF) | (high & 0xF0000);
        if ((high & 0x800000) != 0)
        {
            limit = (limit << 12) | 0xFFF;
        }

        return new Segment
        {
            Selector = selector,
            Base = (low >> 16) | ((high & 0xFF) << 16) | (high & 0xFF000000),
            Limit = limit,
            Access = (high >> 8) & 0xF0FF,
        };
    }
}

/// <summary>
/// All of the guest-visible processor state, in unmanaged memory so that the interpreter reaches it by one pointer.
/// EFLAGS is kept apart: the six status flags live in <see cref="FlagResult"/> and <see cref="FlagCarries"/> and are computed
/// only when somebody looks (<see cref="Eflags"/>), the others in <see cref="SystemFlags"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct CpuState
{
    /// <summary>EAX, ECX, EDX, EBX, ESP, EBP, ESI, EDI; then a word that is always 0 and one for the interpreter's own use.</summary>
    public fixed uint Registers[10];

    /// <summary>The last result, sign-extended: ZF is "low word is 0", SF is bit 63, PF the parity of bits 0-7 and 32-39 together.</summary>
    public long FlagResult;

    /// <summary>Carries out of each bit: CF is bit 31, OF bit 31 xor bit 30, AF bit 3.</summary>
    public uint FlagCarries;

    /// <summary>EFLAGS without CF, PF, AF, ZF, SF, OF (those bits are 0 here). Bit 1 is always set.</summary>
    public uint SystemFlags;

    /// <summary>Address of the next instruction, or of the faulting one while a fault is delivered.</summary>
    public uint Eip;

    /// <summary>Current privilege level: RPL of CS.</summary>
    public uint Cpl;

    /// <summary>Control register 0's TS: x87, MMX and WAIT raise #NM.</summary>
    public uint TaskSwitched;

    /// <summary>Pending trap number while a helper reports a fault; see <see cref="Traps.Trap"/>.</summary>
    public uint FaultVector;

    /// <summary>Error code of the pending trap.</summary>
    public uint FaultError;

    /// <summary>Faulting linear address of the pending trap if it is a page fault.</summary>
    public uint FaultAddress;

    // What other threads write lies together, up to the instruction count: a lockstep trial leaves it as it is.

    /// <summary>The interpreter leaves its loop at the next block when <see cref="InstructionCount"/> has come this far. 0 asks at once; written by any thread.</summary>
    public long InstructionLimit;

    /// <summary>One bit for each interrupt that waits to be delivered. The system's; written by any thread.</summary>
    public uint PendingInterrupts;

    /// <summary>Instructions executed.</summary>
    public long InstructionCount;

    /// <summary>The TLB of the current privilege (user or supervisor view).</summary>
    public TlbEntry* Tlb;

    /// <summary>What the segment registers mean for decoding (CodeMode); <see cref="UnknownMode"/> until somebody asks.</summary>
    internal uint SegmentMode;

    /// <summary>In <see cref="SegmentMode"/>: to be found.</summary>
    internal const uint UnknownMode = uint.MaxValue;

    /// <summary>ES, CS, SS, DS, FS, GS.</summary>
    public Segment Es, Cs, Ss, Ds, Fs, Gs;

    /// <summary>The x87 unit, whose registers MMX shares.</summary>
    public FpuState Fpu;

    /// <summary>XMM0 to XMM7, low half first.</summary>
    public fixed ulong Xmm[16];

    /// <summary>The SSE control and status register.</summary>
    public uint Mxcsr;
}
