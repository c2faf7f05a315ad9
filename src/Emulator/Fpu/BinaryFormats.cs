// SPDX-License-Identifier: GPL-2.0-or-later
using System.Numerics;

namespace LguestPlug.Emulator.Fpu;

/// <summary>Conversions between registers and the 32-bit and 64-bit real memory formats (Intel SDM vol. 1,
/// 4.2.2).</summary>
internal static class BinaryFormats
{
    private const int SingleFraction = 23;
    private const int DoubleFraction = 52;

    /// <summary>Widens a 32-bit real. Denormals raise their exception here, while a signaling NaN stays one, for the
    /// operation to judge together with its other operand.</summary>
    internal static Float80 FromSingle(ref FpuContext context, uint bits) =>
        Widen(ref context, (int)(bits >> 16) & 0x8000, (int)(bits >> SingleFraction) & 0xFF, (ulong)bits << 41 >> 1, 0xFF);

    /// <summary>Widens a 64-bit real as <see cref="FromSingle"/> does.</summary>
    internal static Float80 FromDouble(ref FpuContext context, ulong bits) =>
        Widen(ref context, (int)(bits >> 48) & 0x8000, (int)(bits >> DoubleFraction) & 0x7FF, bits << 12 >> 1, 0x7FF);

    /// <summary>Rounds to the 32-bit format. Unmasked overflow and underflow leave no usable result.</summary>
    internal static uint ToSingle(ref FpuContext context, Float80 value)
    {
        int sign = value.Sign;
        ulong fraction = Narrow(ref context, value, SingleFraction, 0xFF, ref sign, out int exponent);
        return ((uint)sign << 16) | ((uint)exponent << SingleFraction) | (uint)fraction;
    }

    /// <summary>Rounds to the 64-bit format. Unmasked overflow and underflow leave no usable result.</summary>
    internal static ulong ToDouble(ref FpuContext context, Float80 value)
    {
        int sign = value.Sign;
        ulong fraction = Narrow(ref context, value, DoubleFraction, 0x7FF, ref sign, out int exponent);
        return ((ulong)sign << 48) | ((ulong)exponent << DoubleFraction) | fraction;
    }

    /// <param name="context">Collects exceptions.</param>
    /// <param name="sign">0 or 0x8000.</param>
    /// <param name="exponent">The exponent field.</param>
    /// <param name="fraction">The fraction, its upper bit in bit 62.</param>
    /// <param name="maximum">The exponent field of infinities and NaNs.</param>
    private static Float80 Widen(ref FpuContext context, int sign, int exponent, ulong fraction, int maximum)
    {
        int bias = maximum >> 1;
        if ((uint)(exponent - 1) < (uint)(maximum - 1))
        {
            return new Float80((ushort)(sign | (exponent - bias + Float80.Bias)), fraction | Float80.IntegerBit);
        }

        if (exponent == maximum)
        {
            if (fraction == 0)
            {
                return Float80.Infinity(sign);
            }

            return new Float80((ushort)(sign | Float80.MaximumExponent), fraction | Float80.IntegerBit);
        }

        if (fraction == 0)
        {
            return Float80.Zero(sign);
        }

        context.Raised |= StatusWord.Denormal;
        int shift = BitOperations.LeadingZeroCount(fraction);
        return new Float80((ushort)(sign | (1 - shift - bias + Float80.Bias)), fraction << shift);
    }

    private static ulong Narrow(
        ref FpuContext context, Float80 value, int fractionBits, int maximum, ref int sign, out int exponent)
    {
        int drop = Float80.Bias - (maximum >> 1);
        ulong mask = (1UL << fractionBits) - 1;
        int shift = 63 - fractionBits;
        ulong high = value.Significand;
        exponent = value.Exponent;
        if (!value.IsNormal)
        {
            if (NaNs.TryResolve(ref context, value, out Float80 quiet))
            {
                // Unsupported values turn into the indefinite one, which is negative.
                sign = quiet.Sign;
                exponent = maximum;
                return (quiet.Significand >> shift) & mask;
            }

            if (value.IsInfinity)
            {
                exponent = maximum;
                return 0;
            }

            if (value.IsZero)
            {
                return 0;
            }

            Arithmetic.Normalize(ref exponent, ref high);
        }

        int precision = fractionBits + 1;
        ulong low = 0;
        exponent -= drop;
        if (exponent <= 0)
        {
            bool tiny = Rounder.IsTiny(context.Rounding, sign, exponent, high, low, precision);
            Integers.ShiftRightJam(ref high, ref low, 1 - exponent);
            _ = Rounder.RoundSignificand(ref context, sign, ref high, low, precision);
            bool inexact = (context.Raised & StatusWord.Precision) != 0;
            if (tiny && (inexact || !context.IsMasked(StatusWord.Underflow)))
            {
                context.Raised |= StatusWord.Underflow;
            }

            exponent = (int)(high >> 63);
            return (high >> shift) & mask;
        }

        exponent += Rounder.RoundSignificand(ref context, sign, ref high, low, precision);
        if (exponent < maximum)
        {
            return (high >> shift) & mask;
        }

        context.Raised |= StatusWord.Overflow | StatusWord.Precision;
        if (Rounder.OverflowsToInfinity(context.Rounding, sign))
        {
            context.Raised |= StatusWord.C1;
            exponent = maximum;
            return 0;
        }

        context.Raised &= ~StatusWord.C1;
        exponent = maximum - 1;
        return mask;
    }
}
