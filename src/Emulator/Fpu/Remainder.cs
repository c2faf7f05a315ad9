// SPDX-License-Identifier: GPL-2.0-or-later
using System.Numerics;

namespace LguestPlug.Emulator.Fpu;

/// <summary>FPREM and FPREM1 (Intel SDM vol. 2): exact remainders, in steps if the exponents are far apart.</summary>
internal static class Remainder
{
    /// <summary>Computes the remainder, or part of the way to it.</summary>
    /// <param name="context">Masks and raised exceptions.</param>
    /// <param name="dividend">ST(0).</param>
    /// <param name="divisor">ST(1).</param>
    /// <param name="nearest">FPREM1: the quotient is rounded to nearest even instead of chopped.</param>
    /// <param name="conditions">C2 for a partial remainder, else the quotient's low three bits in C0, C3, C1.</param>
    internal static Float80 Compute(
        ref FpuContext context, Float80 dividend, Float80 divisor, bool nearest, out uint conditions)
    {
        conditions = 0;
        if (NaNs.TryResolve(ref context, dividend, divisor, out Float80 result))
        {
            return result;
        }

        if (dividend.IsInfinity || divisor.IsZero)
        {
            return context.Invalid();
        }

        Arithmetic.RaiseDenormal(ref context, dividend, divisor);
        if (dividend.IsZero || divisor.IsInfinity)
        {
            return dividend.Canonical;
        }

        int exponent = dividend.Exponent;
        ulong significand = dividend.Significand;
        Arithmetic.Normalize(ref exponent, ref significand);
        int divisorExponent = divisor.Exponent;
        ulong divisorSignificand = divisor.Significand;
        Arithmetic.Normalize(ref divisorExponent, ref divisorSignificand);
        int distance = exponent - divisorExponent;
        if (distance < (nearest ? -1 : 0))
        {
            return Rounder.Pack(ref context, dividend.Sign, exponent, significand, 0, 64);
        }

        int sign = dividend.Sign;
        ulong quotient = 0;
        ulong rest = significand;
        bool partial = distance >= 64;
        if (distance >= 0)
        {
            // The hardware takes 32 to 63 bits off at a time so that the last step ends on a multiple of 32.
            int step = partial ? (distance & 31) | 32 : distance;
            exponent -= step;
            if (rest >= divisorSignificand)
            {
                rest -= divisorSignificand;
                quotient = 1UL << step;
            }

            if (step > 0)
            {
                quotient |= Integers.Divide(rest >> (64 - step), rest << step, divisorSignificand, out rest);
            }
        }

        if (partial)
        {
            conditions = StatusWord.C2;
        }
        else
        {
            if (nearest && ExceedsHalf(rest, divisorSignificand, distance, quotient))
            {
                // The rest is in units of the divisor's last place, or of half of it when the divisor is one
                // binade up.
                rest = distance < 0 ? divisorSignificand + (divisorSignificand - rest) : divisorSignificand - rest;
                sign ^= 0x8000;
                quotient++;
            }

            conditions = ((quotient & 1) != 0 ? StatusWord.C1 : 0)
                | ((quotient & 2) != 0 ? StatusWord.C3 : 0)
                | ((quotient & 4) != 0 ? StatusWord.C0 : 0);
        }

        if (rest == 0)
        {
            return Float80.Zero(dividend.Sign);
        }

        int shift = BitOperations.LeadingZeroCount(rest);
        return Rounder.Pack(ref context, sign, exponent - shift, rest << shift, 0, 64);
    }

    private static bool ExceedsHalf(ulong rest, ulong divisor, int distance, ulong quotient)
    {
        if (distance < 0)
        {
            return rest > divisor;
        }

        ulong other = divisor - rest;
        return rest > other || (rest == other && (quotient & 1) != 0);
    }
}
