// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;

namespace LguestPlug.Emulator.Fpu;

/// <summary>The eight x87 data registers R0 to R7 in physical order, 16 bytes each.</summary>
[InlineArray(8)]
public struct FpuRegisters
{
    private Float80 _first;
}
