// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Fpu;

/// <summary>F2XM1, FYL2X and FYL2XP1 (Intel SDM vol. 1, 8.3.9 and 8.3.10).</summary>
internal static class Logarithms
{
    /// <summary>The square root of two to 64 bits.</summary>
    private static Wide SquareRootOfTwo => new(false, 0, new UInt128(0xB504F333F9DE6484, 0));

    /// <summary>Computes 2^x - 1 for x from -1 to 1.</summary>
    internal static Float80 PowerMinusOne(ref FpuContext context, Float80 value)
    {
        if (NaNs.TryResolve(ref context, value, out Float80 result))
        {
            return result;
        }

        if (value.IsInfinity)
        {
            return value.IsNegative ? Float80.One.Negated : value;
        }

        if (value.IsZero)
        {
            return value;
        }

        if (value.IsDenormal)
        {
            context.Raised |= StatusWord.Denormal;
        }

        // Only the ends of the range have exact results. Beyond it they are undefined; the hardware says "inexact".
        if (value.Exponent >= Float80.Bias)
        {
            context.Raised |= StatusWord.Precision;
            return value.Exponent == Float80.Bias && value.Significand == Float80.IntegerBit
                ? value.IsNegative ? new Float80(0x8000 | (Float80.Bias - 1), Float80.IntegerBit) : Float80.One
                : value;
        }

        Wide power = Wide.Multiply(Wide.From(value), Series.LogarithmOfTwo);
        UInt128 sum = Series.Sum(
            Series.Exponential, Series.Exponential.Length / 2, power.ToFraction(), alternating: power.IsNegative);
        Wide factor = Wide.Add(Wide.One, Wide.From(sum | UInt128.One, -128, power.IsNegative));
        return Wide.Multiply(power, factor).Round(ref context, exact: false);
    }

    /// <summary>Computes y * log2(x).</summary>
    internal static Float80 Logarithm(ref FpuContext context, Float80 y, Float80 x)
    {
        if (NaNs.TryResolve(ref context, x, y, out Float80 result))
        {
            return result;
        }

        if (x.IsZero)
        {
            if (y.IsZero)
            {
                return context.Invalid();
            }

            if (!y.IsInfinity)
            {
                context.Raised |= StatusWord.ZeroDivide;
            }

            return Float80.Infinity(y.Sign ^ 0x8000);
        }

        if (x.IsNegative)
        {
            return context.Invalid();
        }

        bool isOne = x.Exponent == Float80.Bias && x.Significand == Float80.IntegerBit;
        int sign = y.Sign ^ (x.Exponent < Float80.Bias ? 0x8000 : 0);
        if (x.IsInfinity || y.IsInfinity)
        {
            if (x.IsInfinity ? y.IsZero : isOne)
            {
                return context.Invalid();
            }

            Arithmetic.RaiseDenormal(ref context, x, y);
            return Float80.Infinity(sign);
        }

        Arithmetic.RaiseDenormal(ref context, x, y);
        if (isOne || y.IsZero)
        {
            return Float80.Zero(sign);
        }

        Wide value = Wide.From(x);
        return Product(ref context, y, LogarithmOf(value), value.IsPowerOfTwo);
    }

    /// <summary>Computes y * log2(x + 1) for small x.</summary>
    internal static Float80 LogarithmPlusOne(ref FpuContext context, Float80 y, Float80 x)
    {
        if (NaNs.TryResolve(ref context, x, y, out Float80 result))
        {
            return result;
        }

        int sign = y.Sign ^ x.Sign;
        if (x.IsInfinity)
        {
            if (x.IsNegative || y.IsZero)
            {
                return context.Invalid();
            }

            Arithmetic.RaiseDenormal(ref context, x, y);
            return Float80.Infinity(sign);
        }

        if (y.IsInfinity)
        {
            if (x.IsZero)
            {
                return context.Invalid();
            }

            Arithmetic.RaiseDenormal(ref context, x, y);
            return Float80.Infinity(sign);
        }

        Arithmetic.RaiseDenormal(ref context, x, y);
        if (x.IsZero || y.IsZero)
        {
            return Float80.Zero(sign);
        }

        Wide offset = Wide.From(x);
        if (x.Exponent < Float80.Bias - 2)
        {
            return Product(
                ref context, y, LogarithmOfRatio(offset, Wide.Add(offset, Wide.One.Scale(1))), exact: false);
        }

        if (x.IsNegative && x.Exponent >= Float80.Bias)
        {
            // No logarithm at all: undefined, and the hardware gives ST(0) back.
            context.Raised |= StatusWord.Precision;
            return x;
        }

        Wide sum = Wide.Add(Wide.One, offset);
        return Product(ref context, y, LogarithmOf(sum), sum.IsPowerOfTwo);
    }

    private static Float80 Product(ref FpuContext context, Float80 y, Wide logarithm, bool exact)
    {
        if (exact && logarithm.IsNegative)
        {
            // The hardware comes out a trace too small here, which directed rounding shows.
            logarithm = logarithm.Predecessor();
            exact = false;
        }

        Wide product = Wide.Multiply(logarithm, Wide.From(y));
        return exact ? product.RoundAsInexact(ref context) : product.Round(ref context, exact: false);
    }

    /// <summary>The binary logarithm of a positive number.</summary>
    private static Wide LogarithmOf(Wide value)
    {
        // With m from sqrt(1/2) to sqrt(2): ln(m) = 2 * artanh((m - 1) / (m + 1)), and m - 1 is exact.
        Wide mantissa = value.Scale(-value.Exponent);
        int exponent = value.Exponent;
        if (SquareRootOfTwo.IsSmallerThan(mantissa))
        {
            mantissa = mantissa.Scale(-1);
            exponent++;
        }

        Wide integer = Wide.From((UInt128)(uint)Math.Abs(exponent), 0, exponent < 0);
        return mantissa.IsPowerOfTwo
            ? integer
            : Wide.Add(integer, LogarithmOfRatio(Wide.Add(mantissa, Wide.One.Negate()), Wide.Add(mantissa, Wide.One)));
    }

    /// <summary>log2((1 + z) / (1 - z)) with z the quotient of the arguments, at most 0.172 in magnitude.</summary>
    private static Wide LogarithmOfRatio(Wide numerator, Wide denominator)
    {
        Wide ratio = Wide.Divide(numerator, denominator);
        UInt128 square = Wide.Multiply(ratio, ratio).ToFraction();
        UInt128 sum = Series.Sum(Series.Arctangent, Series.Arctangent.Length / 2, square, alternating: false);
        Wide factor = Wide.Add(Wide.One, Wide.From(sum | UInt128.One, -128));
        return Wide.Multiply(Wide.Multiply(ratio, factor), Series.TwoOverLogarithmOfTwo);
    }
}
