// SPDX-License-Identifier: GPL-2.0-or-later
using System.Numerics;

namespace LguestPlug.Emulator.Fpu;

/// <summary>Conversions between registers and the integer and packed decimal memory formats (Intel SDM vol. 1,
/// 4.2.1 and 4.7).</summary>
internal static class IntegerFormats
{
    /// <summary>Bytes of a packed decimal: nine of two digits each, then the sign.</summary>
    internal const int DecimalBytes = 10;

    private const ulong DecimalLimit = 1_000_000_000_000_000_000;

    internal static Float80 FromInteger(long value)
    {
        if (value == 0)
        {
            return default;
        }

        int sign = value < 0 ? 0x8000 : 0;
        return FromMagnitude(sign, (ulong)(value < 0 ? -value : value));
    }

    /// <summary>Rounds to a signed integer (FIST).</summary>
    /// <param name="context">Rounding control and raised exceptions.</param>
    /// <param name="value">The value.</param>
    /// <param name="bits">Size of the integer: 16, 32 or 64.</param>
    /// <returns>The integer; the integer indefinite (the most negative one) if it does not fit.</returns>
    internal static long ToInteger(ref FpuContext context, Float80 value, int bits)
    {
        ulong limit = 1UL << (bits - 1);
        uint before = context.Raised;
        if (TryRound(ref context, value, out ulong magnitude) && magnitude <= limit - (value.IsNegative ? 0UL : 1UL))
        {
            return value.IsNegative ? -(long)magnitude : (long)magnitude;
        }

        context.Raised = before | StatusWord.Invalid;
        return -(long)limit;
    }

    /// <summary>Rounds to an integer that stays in its register (FRNDINT).</summary>
    internal static Float80 RoundToIntegral(ref FpuContext context, Float80 value)
    {
        if (NaNs.TryResolve(ref context, value, out Float80 result))
        {
            return result;
        }

        if (value.IsDenormal)
        {
            context.Raised |= StatusWord.Denormal;
        }

        // From 2^63 up every number is an integer.
        if (value.IsZero || value.Exponent >= Float80.Bias + 63)
        {
            return value;
        }

        _ = TryRound(ref context, value, out ulong magnitude);
        return magnitude == 0 ? Float80.Zero(value.Sign) : FromMagnitude(value.Sign, magnitude);
    }

    /// <summary>Loads a packed decimal (FBLD). What digits above nine mean is undefined; they count as they stand.
    /// </summary>
    internal static unsafe Float80 FromDecimal(byte* operand)
    {
        ulong magnitude = 0;
        for (int i = DecimalBytes - 2; i >= 0; i--)
        {
            magnitude = (magnitude * 100) + ((uint)(operand[i] >> 4) * 10) + (operand[i] & 15U);
        }

        int sign = (operand[DecimalBytes - 1] & 0x80) << 8;
        return magnitude == 0 ? Float80.Zero(sign) : FromMagnitude(sign, magnitude);
    }

    /// <summary>Rounds and stores a packed decimal (FBSTP).</summary>
    internal static unsafe void ToDecimal(ref FpuContext context, Float80 value, byte* operand)
    {
        uint before = context.Raised;
        if (!TryRound(ref context, value, out ulong magnitude) || magnitude >= DecimalLimit)
        {
            context.Raised = before | StatusWord.Invalid;
            DecimalIndefinite(operand);
            return;
        }

        for (int i = 0; i < DecimalBytes - 1; i++)
        {
            (magnitude, ulong pair) = Math.DivRem(magnitude, 100);
            (ulong tens, ulong ones) = Math.DivRem(pair, 10);
            operand[i] = (byte)((tens << 4) | ones);
        }

        operand[DecimalBytes - 1] = (byte)(value.Sign >> 8);
    }

    /// <summary>Stores the packed decimal indefinite (SDM vol. 1, table 4-4).</summary>
    internal static unsafe void DecimalIndefinite(byte* operand)
    {
        new Span<byte>(operand, DecimalBytes - 3).Clear();
        operand[DecimalBytes - 3] = 0xC0;
        operand[DecimalBytes - 2] = 0xFF;
        operand[DecimalBytes - 1] = 0xFF;
    }

    private static Float80 FromMagnitude(int sign, ulong magnitude)
    {
        int shift = BitOperations.LeadingZeroCount(magnitude);
        return new Float80((ushort)(sign | (Float80.Bias + 63 - shift)), magnitude << shift);
    }

    /// <summary>Rounds to an integer of up to 64 bits as the rounding control says.</summary>
    /// <returns>Whether it is a number that fits.</returns>
    private static bool TryRound(ref FpuContext context, Float80 value, out ulong magnitude)
    {
        magnitude = 0;
        int exponent = value.Exponent - Float80.Bias;
        if (value.IsUnsupported || exponent > 63)
        {
            return false;
        }

        ulong tail = 0;
        magnitude = value.Significand;
        Integers.ShiftRightJam(ref magnitude, ref tail, 63 - exponent);
        if (tail == 0)
        {
            return true;
        }

        context.Raised |= StatusWord.Precision;
        if (Rounder.IsRoundedUp(context.Rounding, value.Sign, tail, (magnitude & 1) != 0))
        {
            // Cannot wrap: a number with a fraction is below 2^63.
            context.Raised |= StatusWord.C1;
            magnitude++;
        }

        return true;
    }
}
