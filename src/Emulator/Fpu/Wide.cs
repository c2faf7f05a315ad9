// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics.CodeAnalysis;

namespace LguestPlug.Emulator.Fpu;

/// <summary>
/// A floating-point number with 128 significant bits for intermediate results of the transcendental instructions.
/// </summary>
/// <remarks>Results are chopped with a sticky lowest bit: errors are a few units of 2^-127, and a tiny addend is never
/// lost altogether, so that directed rounding sees on which side of a representable number a result lies.</remarks>
internal readonly struct Wide
{
    private readonly UInt128 _significand;

    /// <summary>Makes a number from a normalized significand.</summary>
    /// <param name="negative">The sign.</param>
    /// <param name="exponent">Power of two of the significand's upper bit.</param>
    /// <param name="significand">Significand with bit 127 set, or zero.</param>
    internal Wide(bool negative, int exponent, UInt128 significand)
    {
        IsNegative = negative;
        Exponent = exponent;
        _significand = significand;
    }

    internal static Wide One => new(false, 0, UInt128.One << 127);

    /// <summary>Power of two of the significand's upper bit; meaningless for zero.</summary>
    internal int Exponent { get; }

    internal bool IsNegative { get; }

    internal bool IsPowerOfTwo => _significand == UInt128.One << 127;

    internal bool IsZero => _significand == UInt128.Zero;

    /// <summary>Takes a finite value exactly.</summary>
    internal static Wide From(Float80 value)
    {
        if (value.IsZero)
        {
            return default;
        }

        int exponent = value.Exponent;
        ulong significand = value.Significand;
        Arithmetic.Normalize(ref exponent, ref significand);
        return new Wide(value.IsNegative, exponent - Float80.Bias, new UInt128(significand, 0));
    }

    /// <summary>Makes <paramref name="value"/> times 2^<paramref name="scale"/>.</summary>
    internal static Wide From(UInt128 value, int scale, bool negative = false)
    {
        if (value == UInt128.Zero)
        {
            return default;
        }

        int shift = Integers.LeadingZeros((ulong)(value >> 64), (ulong)value);
        return new Wide(negative, 127 - shift + scale, value << shift);
    }

    internal static Wide Multiply(Wide left, Wide right)
    {
        if (left.IsZero || right.IsZero)
        {
            return default;
        }

        UInt128 product = Integers.MultiplyHigh(left._significand, right._significand);
        int exponent = left.Exponent + right.Exponent + 1;
        if ((product >> 127) == UInt128.Zero)
        {
            product <<= 1;
            exponent--;
        }

        return new Wide(left.IsNegative != right.IsNegative, exponent, product);
    }

    /// <summary>Divides; good to about 2^-124 of the result.</summary>
    internal static Wide Divide(Wide left, Wide right) => Multiply(left, right.Reciprocal());

    [SuppressMessage("Minor Code Smell", "S2234", Justification = "The operands are swapped on purpose.")]
    internal static Wide Add(Wide left, Wide right)
    {
        if (right.IsZero)
        {
            return left;
        }

        if (left.IsZero)
        {
            return right;
        }

        if (left.Exponent < right.Exponent
            || (left.Exponent == right.Exponent && left._significand < right._significand))
        {
            return Add(right, left);
        }

        UInt128 other = ShiftRightJam(right._significand, left.Exponent - right.Exponent);
        if (left.IsNegative != right.IsNegative)
        {
            return From(left._significand - other, left.Exponent - 127, left.IsNegative);
        }

        UInt128 sum = left._significand + other;
        return sum >= other
            ? new Wide(left.IsNegative, left.Exponent, sum)
            : new Wide(left.IsNegative, left.Exponent + 1, (sum >> 1) | (sum & 1) | (UInt128.One << 127));
    }

    internal Wide Negate() => new(!IsNegative, Exponent, _significand);

    internal Wide Absolute() => new(false, Exponent, _significand);

    /// <summary>The next smaller magnitude.</summary>
    internal Wide Predecessor() => From(_significand - UInt128.One, Exponent - 127, IsNegative);

    /// <summary>Multiplies by a power of two.</summary>
    internal Wide Scale(int power) => new(IsNegative, Exponent + power, _significand);

    /// <summary>Compares magnitudes.</summary>
    internal bool IsSmallerThan(Wide other)
    {
        if (IsZero || other.IsZero)
        {
            return IsZero && !other.IsZero;
        }

        return Exponent != other.Exponent ? Exponent < other.Exponent : _significand < other._significand;
    }

    /// <summary>The magnitude in units of 2^-128; it must be below one. Bit 0 is sticky.</summary>
    internal UInt128 ToFraction() => IsZero ? UInt128.Zero : ShiftRightJam(_significand, -1 - Exponent);

    /// <summary>Rounds to a register with 64 significant bits.</summary>
    /// <param name="context">Rounding control, masks and raised exceptions.</param>
    /// <param name="exact">Whether this is the result itself; else it stands for an irrational number close to it.
    /// </param>
    internal Float80 Round(ref FpuContext context, bool exact)
    {
        int sign = IsNegative ? 0x8000 : 0;
        return IsZero
            ? Float80.Zero(sign)
            : Rounder.Pack(
                ref context,
                sign,
                Exponent + Float80.Bias,
                (ulong)(_significand >> 64),
                (ulong)_significand | (exact ? 0UL : 1UL),
                64);
    }

    /// <summary>Rounds an exact result that the hardware takes for inexact all the same.</summary>
    internal Float80 RoundAsInexact(ref FpuContext context)
    {
        Float80 result = Round(ref context, exact: true);
        context.Raised |= StatusWord.Precision | (result.Exponent == 0 ? StatusWord.Underflow : 0);
        return result;
    }

    private static UInt128 ShiftRightJam(UInt128 value, int count)
    {
        ulong high = (ulong)(value >> 64);
        ulong low = (ulong)value;
        Integers.ShiftRightJam(ref high, ref low, count);
        return new UInt128(high, low);
    }

    /// <summary>One over this number, by a 64-bit quotient and one Newton step.</summary>
    private Wide Reciprocal()
    {
        ulong upper = (ulong)(_significand >> 64);

        // 2^126 / upper has 63 or 64 bits and is within 2^-62 of the reciprocal.
        ulong quotient = Integers.Divide(1UL << 62, 0, upper, out _);
        Wide guess = From(quotient, -63 - Exponent, IsNegative);
        Wide error = Add(One, Multiply(this, guess).Negate());
        return Add(guess, Multiply(guess, error));
    }
}
