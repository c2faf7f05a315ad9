// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Emulator.Decoding;

/// <summary>One decoded operation: 16 bytes, so that wide code stays in the host's caches.</summary>
[StructLayout(LayoutKind.Sequential, Size = 16)]
internal struct MicroOp
{
    /// <summary>The register file's index that always reads 0: stands for an absent base or index.</summary>
    public const byte ZeroRegister = 8;

    /// <summary>Holds the linear address that <see cref="OpCode.SegmentAddress"/> computed.</summary>
    public const byte ScratchRegister = 9;

    public OpCode Code;

    /// <summary>First operand: a register index; for 8-bit registers the byte's offset in the register file.</summary>
    public byte A;

    /// <summary>Second operand, as <see cref="A"/>.</summary>
    public byte B;

    /// <summary>Memory operand: base + (index &lt;&lt; scale) + displacement.</summary>
    public byte Base;

    public byte Index;

    public byte Scale;

    /// <summary>Bits 0-4: bytes of guest code; bits 5-7: instructions (0 for the first half of one, 2 for a fused pair).</summary>
    public byte Extent;

    public int Displacement;

    /// <summary>Immediate; for slow operations the index into the block's instructions.</summary>
    public uint Immediate;

    public readonly int Length => Extent & 31;

    public readonly int Instructions => Extent >> 5;
}
