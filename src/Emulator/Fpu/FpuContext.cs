// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Fpu;

/// <summary>What one operation needs of the control word, and what it raises.</summary>
/// <param name="control">The control word.</param>
internal struct FpuContext(uint control)
{
    internal const int RoundNearest = 0;
    internal const int RoundDown = 1;
    internal const int RoundUp = 2;
    internal const int RoundChop = 3;

    /// <summary>Exceptions raised so far, with the status word's bits; C1 tells that the result was rounded away from
    /// zero.</summary>
    internal uint Raised;

    /// <summary>The control word.</summary>
    internal readonly uint Control = control;

    /// <summary>The rounding control field (SDM vol. 1, 8.1.5.3).</summary>
    internal readonly int Rounding => (int)(Control >> 10) & 3;

    /// <summary>Significant bits asked for by the precision control field (SDM vol. 1, table 8-2).</summary>
    internal readonly int Precision => (Control & 0x300) switch
    {
        0x000 => 24,
        0x200 => 53,
        _ => 64,
    };

    internal readonly bool IsMasked(uint exception) => (Control & exception) != 0;

    /// <summary>Raises invalid operation and gives its masked answer.</summary>
    internal Float80 Invalid()
    {
        Raised |= StatusWord.Invalid;
        return Float80.Indefinite;
    }
}
