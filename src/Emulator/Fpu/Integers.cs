// SPDX-License-Identifier: GPL-2.0-or-later
using System.Numerics;

namespace LguestPlug.Emulator.Fpu;

/// <summary>Arithmetic on 128-bit quantities held in two halves, cheaper than <see cref="UInt128"/> here.</summary>
internal static class Integers
{
    /// <summary>Divides a 128-bit number by a 64-bit one in two steps of 32 quotient bits.</summary>
    /// <param name="high">Upper half of the dividend; must be below <paramref name="divisor"/>.</param>
    /// <param name="low">Lower half of the dividend.</param>
    /// <param name="divisor">The divisor; its bit 63 must be set.</param>
    /// <param name="remainder">The remainder.</param>
    /// <returns>The quotient.</returns>
    internal static ulong Divide(ulong high, ulong low, ulong divisor, out ulong remainder)
    {
        ulong upper = QuotientDigit(ref high, low >> 32, divisor);
        ulong lower = QuotientDigit(ref high, (uint)low, divisor);
        remainder = high;
        return (upper << 32) | lower;
    }

    /// <summary>The integer square root of a 128-bit number.</summary>
    /// <param name="high">Upper half of the radicand; at least 2^62, so that the root has 64 bits.</param>
    /// <param name="low">Lower half of the radicand.</param>
    /// <param name="remainder">What is left when the root's square is taken off (at most twice the root).</param>
    /// <returns>The root, rounded down.</returns>
    internal static ulong SquareRoot(ulong high, ulong low, out UInt128 remainder)
    {
        // The host's square root is good to some 52 bits; one Newton step doubles that.
        double estimate = Math.Sqrt(high) * 4294967296.0;
        ulong root;
        if (estimate < 18446744069414584320.0)
        {
            root = (ulong)estimate | (1UL << 63);
            ulong quotient = Divide(high, low, root, out _);
            root = (root >> 1) + (quotient >> 1) + (root & quotient & 1);
        }
        else
        {
            // From 2^64 - 2^32 up the quotient might not fit, but the mean of the radicand's upper half and 2^64 is
            // close enough.
            root = (high >> 1) + (1UL << 63);
        }

        UInt128 radicand = new(high, low);
        UInt128 square = Square(root);
        while (square > radicand)
        {
            root--;
            square = Square(root);
        }

        remainder = radicand - square;
        while (root != ulong.MaxValue && remainder > ((UInt128)root << 1))
        {
            remainder -= ((UInt128)root << 1) + 1;
            root++;
        }

        return root;
    }

    /// <summary>Shifts right by any non-negative count, keeping a trace of lost bits in bit 0 ("jamming").</summary>
    internal static void ShiftRightJam(ref ulong high, ref ulong low, int count)
    {
        if (count <= 0)
        {
            return;
        }

        if (count < 64)
        {
            ulong lost = low << (64 - count);
            low = (high << (64 - count)) | (low >> count) | (lost != 0 ? 1UL : 0UL);
            high >>= count;
        }
        else if (count < 128)
        {
            int rest = count - 64;
            ulong lost = low | (rest == 0 ? 0 : high << (64 - rest));
            low = (high >> rest) | (lost != 0 ? 1UL : 0UL);
            high = 0;
        }
        else
        {
            low = (high | low) != 0 ? 1UL : 0UL;
            high = 0;
        }
    }

    /// <summary>The upper half of the 256-bit product of two 128-bit numbers.</summary>
    internal static UInt128 MultiplyHigh(UInt128 left, UInt128 right)
    {
        ulong leftLow = (ulong)left;
        ulong leftHigh = (ulong)(left >> 64);
        ulong rightLow = (ulong)right;
        ulong rightHigh = (ulong)(right >> 64);
        ulong carry = Math.BigMul(leftLow, rightLow, out _);
        ulong firstHigh = Math.BigMul(leftHigh, rightLow, out ulong firstLow);
        ulong secondHigh = Math.BigMul(leftLow, rightHigh, out ulong secondLow);
        ulong topHigh = Math.BigMul(leftHigh, rightHigh, out ulong topLow);
        UInt128 middle = (UInt128)carry + firstLow + secondLow;
        return new UInt128(topHigh, topLow) + firstHigh + secondHigh + (middle >> 64);
    }

    /// <summary>Leading zero bits of a non-zero 128-bit number.</summary>
    internal static int LeadingZeros(ulong high, ulong low) => high != 0
        ? BitOperations.LeadingZeroCount(high)
        : 64 + BitOperations.LeadingZeroCount(low);

    private static UInt128 Square(ulong value)
    {
        ulong high = Math.BigMul(value, value, out ulong low);
        return new UInt128(high, low);
    }

    /// <summary>One schoolbook step in base 2^32: guesses from the divisor's upper digit, then corrects the guess by
    /// its lower one (twice at most).</summary>
    private static ulong QuotientDigit(ref ulong high, ulong nextDigit, ulong divisor)
    {
        ulong upper = divisor >> 32;
        ulong lower = (uint)divisor;
        ulong digit = high / upper;
        ulong rest = high - (digit * upper);
        while (digit > uint.MaxValue || digit * lower > ((rest << 32) | nextDigit))
        {
            digit--;
            rest += upper;
            if (rest > uint.MaxValue)
            {
                break;
            }
        }

        high = ((high << 32) | nextDigit) - (digit * divisor);
        return digit;
    }
}
