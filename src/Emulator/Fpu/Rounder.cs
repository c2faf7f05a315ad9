// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;

namespace LguestPlug.Emulator.Fpu;

/// <summary>Rounds exact or sticky intermediate results to the destination, with the overflow, underflow and
/// precision exceptions (Intel SDM vol. 1, 8.5.4 to 8.5.6 and 4.8.4).</summary>
internal static class Rounder
{
    /// <summary>What unmasked overflow takes off the exponent of a register result, and underflow adds.</summary>
    internal const int BiasAdjust = 24576;

    private const ulong Half = 1UL << 63;

    /// <summary>Rounds to a register.</summary>
    /// <param name="context">Rounding control, masks and raised exceptions.</param>
    /// <param name="sign">0 or 0x8000.</param>
    /// <param name="exponent">Biased exponent of <paramref name="high"/>; may be out of range.</param>
    /// <param name="high">Upper part of the significand with bit 63 set.</param>
    /// <param name="low">Lower part; bit 0 may stand for any lost lower bits.</param>
    /// <param name="precision">Significant bits to keep: 24, 53 or 64.</param>
    internal static Float80 Pack(ref FpuContext context, int sign, int exponent, ulong high, ulong low, int precision)
    {
        if (exponent <= 0)
        {
            return PackSmall(ref context, sign, exponent, high, low, precision);
        }

        exponent += RoundSignificand(ref context, sign, ref high, low, precision);
        return exponent < Float80.MaximumExponent
            ? new Float80((ushort)(sign | exponent), high)
            : PackLarge(ref context, sign, exponent, high, precision);
    }

    /// <summary>Rounds a significand in place to its upper <paramref name="precision"/> bits.</summary>
    /// <returns>1 when it carried over into the next exponent (it is then 1.0 again), else 0.</returns>
    internal static int RoundSignificand(ref FpuContext context, int sign, ref ulong high, ulong low, int precision)
    {
        ulong tail = Tail(high, low, precision);
        if (tail == 0)
        {
            return 0;
        }

        ulong unit = 1UL << (64 - precision);
        bool up = IsRoundedUp(context.Rounding, sign, tail, (high & unit) != 0);
        context.Raised |= StatusWord.Precision;
        high &= ~(unit - 1);
        if (!up)
        {
            return 0;
        }

        context.Raised |= StatusWord.C1;
        high += unit;
        if (high != 0)
        {
            return 0;
        }

        high = Float80.IntegerBit;
        return 1;
    }

    /// <summary>Whether a non-zero tail rounds the magnitude up.</summary>
    /// <param name="rounding">The rounding control.</param>
    /// <param name="sign">Non-zero for a negative number.</param>
    /// <param name="tail">The lost bits, 2^63 being half a unit.</param>
    /// <param name="odd">Whether the lowest kept bit is set.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsRoundedUp(int rounding, int sign, ulong tail, bool odd) => rounding switch
    {
        FpuContext.RoundNearest => tail > Half || (tail == Half && odd),
        FpuContext.RoundDown => sign != 0 && tail != 0,
        FpuContext.RoundUp => sign == 0 && tail != 0,
        _ => false,
    };

    /// <summary>Whether a number below the smallest normal exponent still is so after rounding with an unlimited
    /// exponent: the x87 detects tininess after rounding (SDM vol. 1, 4.9.1.5).</summary>
    internal static bool IsTiny(int rounding, int sign, int exponent, ulong high, ulong low, int precision)
    {
        if (exponent < 0)
        {
            return true;
        }

        ulong unit = 1UL << (64 - precision);
        bool allOnes = (high | (unit - 1)) == ulong.MaxValue;
        return !(allOnes && IsRoundedUp(rounding, sign, Tail(high, low, precision), odd: true));
    }

    /// <summary>Whether masked overflow gives infinity; else the largest finite number (SDM vol. 1, table 4-10).</summary>
    internal static bool OverflowsToInfinity(int rounding, int sign) => rounding switch
    {
        FpuContext.RoundNearest => true,
        FpuContext.RoundDown => sign != 0,
        FpuContext.RoundUp => sign == 0,
        _ => false,
    };

    /// <summary>The bits below the kept ones, 2^63 being half a unit, with a sticky bit 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Tail(ulong high, ulong low, int precision) =>
        precision == 64 ? low : (high << precision) | (low != 0 ? 1UL : 0UL);

    private static Float80 PackSmall(
        ref FpuContext context, int sign, int exponent, ulong high, ulong low, int precision)
    {
        bool tiny = IsTiny(context.Rounding, sign, exponent, high, low, precision);
        if (tiny && !context.IsMasked(StatusWord.Underflow))
        {
            context.Raised |= StatusWord.Underflow;
            exponent += BiasAdjust + RoundSignificand(ref context, sign, ref high, low, precision);
            if (exponent > 0)
            {
                return new Float80((ushort)(sign | exponent), high);
            }

            // Only FSCALE gets below even the adjusted range.
            context.Raised = (context.Raised & ~StatusWord.C1) | StatusWord.Precision;
            return Float80.Zero(sign);
        }

        Integers.ShiftRightJam(ref high, ref low, 1 - exponent);
        uint before = context.Raised;
        context.Raised = 0;
        _ = RoundSignificand(ref context, sign, ref high, low, precision);
        if (tiny && (context.Raised & StatusWord.Precision) != 0)
        {
            context.Raised |= StatusWord.Underflow;
        }

        context.Raised |= before;
        return new Float80((ushort)(sign | (int)(high >> 63)), high);
    }

    private static Float80 PackLarge(ref FpuContext context, int sign, int exponent, ulong high, int precision)
    {
        context.Raised |= StatusWord.Overflow;
        if (!context.IsMasked(StatusWord.Overflow))
        {
            exponent -= BiasAdjust;
            if (exponent < Float80.MaximumExponent)
            {
                return new Float80((ushort)(sign | exponent), high);
            }

            // Only FSCALE gets above even the adjusted range.
            context.Raised |= StatusWord.Precision | StatusWord.C1;
            return Float80.Infinity(sign);
        }

        context.Raised |= StatusWord.Precision;
        if (OverflowsToInfinity(context.Rounding, sign))
        {
            context.Raised |= StatusWord.C1;
            return Float80.Infinity(sign);
        }

        context.Raised &= ~StatusWord.C1;
        ulong largest = ~((1UL << (64 - precision)) - 1);
        return new Float80((ushort)(sign | (Float80.MaximumExponent - 1)), largest);
    }
}
