// SPDX-License-Identifier: GPL-2.0-or-later
using System.Numerics;

namespace LguestPlug.Emulator.Fpu;

/// <summary>The four basic operations and the square root (Intel SDM vol. 2: FADD, FSUB, FMUL, FDIV, FSQRT), rounded
/// as the precision control says.</summary>
internal static class Arithmetic
{
    internal static Float80 Add(ref FpuContext context, Float80 left, Float80 right) =>
        AddSigned(ref context, left, right, right.Sign);

    internal static Float80 Subtract(ref FpuContext context, Float80 left, Float80 right) =>
        AddSigned(ref context, left, right, right.Sign ^ 0x8000);

    internal static Float80 Multiply(ref FpuContext context, Float80 left, Float80 right)
    {
        int sign = left.Sign ^ right.Sign;
        ulong leftSignificand = left.Significand;
        ulong rightSignificand = right.Significand;
        int leftExponent = left.Exponent;
        int rightExponent = right.Exponent;
        if (!left.IsNormal || !right.IsNormal)
        {
            if (NaNs.TryResolve(ref context, left, right, out Float80 result))
            {
                return result;
            }

            if (left.IsInfinity || right.IsInfinity)
            {
                if (left.IsZero || right.IsZero)
                {
                    return context.Invalid();
                }

                RaiseDenormal(ref context, left, right);
                return Float80.Infinity(sign);
            }

            RaiseDenormal(ref context, left, right);
            if (left.IsZero || right.IsZero)
            {
                return Float80.Zero(sign);
            }

            Normalize(ref leftExponent, ref leftSignificand);
            Normalize(ref rightExponent, ref rightSignificand);
        }

        ulong high = Math.BigMul(leftSignificand, rightSignificand, out ulong low);
        int exponent = leftExponent + rightExponent - Float80.Bias + 1;
        if ((long)high >= 0)
        {
            high = (high << 1) | (low >> 63);
            low <<= 1;
            exponent--;
        }

        return Rounder.Pack(ref context, sign, exponent, high, low, context.Precision);
    }

    internal static Float80 Divide(ref FpuContext context, Float80 left, Float80 right)
    {
        int sign = left.Sign ^ right.Sign;
        ulong dividend = left.Significand;
        ulong divisor = right.Significand;
        int leftExponent = left.Exponent;
        int rightExponent = right.Exponent;
        if (!left.IsNormal || !right.IsNormal)
        {
            if (NaNs.TryResolve(ref context, left, right, out Float80 result))
            {
                return result;
            }

            if (left.IsInfinity)
            {
                if (right.IsInfinity)
                {
                    return context.Invalid();
                }

                RaiseDenormal(ref context, left, right);
                return Float80.Infinity(sign);
            }

            if (right.IsZero)
            {
                if (left.IsZero)
                {
                    return context.Invalid();
                }

                context.Raised |= StatusWord.ZeroDivide;
                return Float80.Infinity(sign);
            }

            RaiseDenormal(ref context, left, right);
            if (left.IsZero || right.IsInfinity)
            {
                return Float80.Zero(sign);
            }

            Normalize(ref leftExponent, ref dividend);
            Normalize(ref rightExponent, ref divisor);
        }

        int exponent = leftExponent - rightExponent + Float80.Bias;
        ulong high = dividend;
        ulong low = 0;
        if (dividend >= divisor)
        {
            high = dividend >> 1;
            low = dividend << 63;
        }
        else
        {
            exponent--;
        }

        ulong quotient = Integers.Divide(high, low, divisor, out ulong remainder);
        return Rounder.Pack(
            ref context, sign, exponent, quotient, RemainderTail(remainder, divisor), context.Precision);
    }

    internal static Float80 SquareRoot(ref FpuContext context, Float80 value)
    {
        ulong significand = value.Significand;
        int exponent = value.Exponent;
        if (!value.IsNormal || value.IsNegative)
        {
            if (NaNs.TryResolve(ref context, value, out Float80 result))
            {
                return result;
            }

            if (value.IsZero)
            {
                return value;
            }

            if (value.IsNegative)
            {
                return context.Invalid();
            }

            if (value.IsInfinity)
            {
                return value;
            }

            context.Raised |= StatusWord.Denormal;
            Normalize(ref exponent, ref significand);
        }

        // The radicand needs an even exponent: as a number of 126 or 127 bits its root has 64.
        int unbiased = exponent - Float80.Bias;
        bool odd = (unbiased & 1) != 0;
        ulong high = odd ? significand : significand >> 1;
        ulong low = odd ? 0 : significand << 63;
        ulong root = Integers.SquareRoot(high, low, out UInt128 remainder);

        // (root + 1/2)^2 = root^2 + root + 1/4: above half exactly when the remainder exceeds the root.
        ulong tail = remainder == 0 ? 0 : remainder > root ? Float80.IntegerBit | 1 : 1;
        return Rounder.Pack(ref context, 0, (unbiased >> 1) + Float80.Bias, root, tail, context.Precision);
    }

    /// <summary>Raises the denormal-operand exception if either operand is (pseudo-)denormal.</summary>
    internal static void RaiseDenormal(ref FpuContext context, Float80 left, Float80 right)
    {
        if (left.IsDenormal || right.IsDenormal)
        {
            context.Raised |= StatusWord.Denormal;
        }
    }

    /// <summary>Gives a non-zero finite number a significand with the integer bit set.</summary>
    /// <param name="exponent">The exponent field; may become zero or negative.</param>
    /// <param name="significand">The significand.</param>
    internal static void Normalize(ref int exponent, ref ulong significand)
    {
        if (exponent == 0)
        {
            // Exponent field 0 means the same scale as field 1.
            int shift = BitOperations.LeadingZeroCount(significand);
            significand <<= shift;
            exponent = 1 - shift;
        }
    }

    private static ulong RemainderTail(ulong remainder, ulong divisor)
    {
        if (remainder == 0)
        {
            return 0;
        }

        ulong other = divisor - remainder;
        return remainder > other ? Float80.IntegerBit | 1 : remainder == other ? Float80.IntegerBit : 1;
    }

    private static Float80 AddSigned(ref FpuContext context, Float80 left, Float80 right, int rightSign)
    {
        int exponent = left.Exponent;
        int otherExponent = right.Exponent;
        if (!left.IsNormal || !right.IsNormal)
        {
            if (NaNs.TryResolve(ref context, left, right, out Float80 result))
            {
                return result;
            }

            if (left.IsInfinity)
            {
                if (right.IsInfinity && left.Sign != rightSign)
                {
                    return context.Invalid();
                }

                RaiseDenormal(ref context, left, right);
                return left;
            }

            RaiseDenormal(ref context, left, right);
            if (right.IsInfinity)
            {
                return Float80.Infinity(rightSign);
            }

            exponent = Math.Max(exponent, 1);
            otherExponent = Math.Max(otherExponent, 1);
        }

        int sign = left.Sign;
        bool subtract = sign != rightSign;
        ulong high = left.Significand;
        ulong low = 0;
        ulong otherHigh = right.Significand;
        ulong otherLow = 0;
        int distance = exponent - otherExponent;
        if (distance < 0 || (distance == 0 && high < otherHigh))
        {
            (high, otherHigh) = (otherHigh, high);
            exponent = otherExponent;
            distance = -distance;
            sign = rightSign;
        }

        Integers.ShiftRightJam(ref otherHigh, ref otherLow, distance);
        if (subtract)
        {
            ulong borrow = otherLow != 0 ? 1UL : 0UL;
            low = 0 - otherLow;
            high = high - otherHigh - borrow;
        }
        else
        {
            low = otherLow;
            high += otherHigh;
            if (high < otherHigh)
            {
                low = (high << 63) | (low >> 1) | (low & 1);
                high = (high >> 1) | Float80.IntegerBit;
                exponent++;
            }
        }

        if ((long)high >= 0)
        {
            if ((high | low) == 0)
            {
                // An exact zero difference is +0 but for rounding down; zeros of one sign keep it.
                bool negative = subtract ? context.Rounding == FpuContext.RoundDown : sign != 0;
                return Float80.Zero(negative ? 0x8000 : 0);
            }

            int shift = Integers.LeadingZeros(high, low);
            if (shift < 64)
            {
                high = (high << shift) | (low >> (64 - shift));
                low <<= shift;
            }
            else
            {
                high = low << (shift - 64);
                low = 0;
            }

            exponent -= shift;
        }

        return Rounder.Pack(ref context, sign, exponent, high, low, context.Precision);
    }
}
