// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Emulator.Fpu;

/// <summary>
/// The state of the x87 FPU (Intel SDM vol. 1, 8.1). It holds no references, so it can live in unmanaged memory.
/// </summary>
/// <remarks>The Last* fields are written by the interpreter before it executes a non-control instruction; the FPU
/// itself only stores and loads them with the environment.</remarks>
[StructLayout(LayoutKind.Sequential)]
public struct FpuState
{
    /// <summary>The data registers in physical order (ST(0) is register TOP).</summary>
    public FpuRegisters Registers;

    /// <summary>Linear or effective address of the last non-control instruction.</summary>
    public uint LastIp;

    /// <summary>Effective address of the last memory operand.</summary>
    public uint LastDp;

    /// <summary>The control word (SDM vol. 1, 8.1.5).</summary>
    public ushort Control;

    /// <summary>The status word, with TOP in bits 11 to 13 (SDM vol. 1, 8.1.3).</summary>
    public ushort Status;

    /// <summary>Low 11 bits of the last non-control instruction's opcode: the low 3 bits of its first byte, then its
    /// second byte (SDM vol. 1, 8.1.9).</summary>
    public ushort LastOpcode;

    /// <summary>Code segment selector of the last non-control instruction.</summary>
    public ushort LastCs;

    /// <summary>Segment selector of the last memory operand.</summary>
    public ushort LastDs;

    /// <summary>Which physical registers are in use, one bit each; a clear bit is an empty register. The two-bit tags
    /// of the full tag word follow from the register's contents, as on the hardware (SDM vol. 2, FXSAVE).</summary>
    public byte Tag;
}
