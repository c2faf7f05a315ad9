// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Fpu;

/// <summary>FSIN, FCOS, FSINCOS, FPTAN and FPATAN (Intel SDM vol. 1, 8.3.7 to 8.3.10).</summary>
internal static class Trigonometry
{
    /// <summary>Biased exponent from which on arguments are out of range: 2^63 (SDM vol. 2, FSIN).</summary>
    private const int OutOfRange = Float80.Bias + 63;

    /// <summary>Biased exponent below which the hardware takes the sine and tangent for their argument and the cosine
    /// for one, whatever the rounding control says.</summary>
    private const int Tiny = Float80.Bias - 68;

    /// <summary>Exponent below which the hardware takes the arc tangent for its argument.</summary>
    private const int TinyRatio = -40;

    /// <summary>Exponent below which two terms of the tangent's series are enough.</summary>
    private const int SmallTangent = -32;

    /// <summary>Units of the reduction are 2^-65.</summary>
    private const int ReductionScale = -65;

    /// <summary>Half of the hardware's pi, which has 66 significant bits (SDM vol. 1, 8.3.8), in units of 2^-65.
    /// Guests see its difference from the real pi in the results for large arguments.</summary>
    private static UInt128 QuarterTurn => new(0x3, 0x243F6A8885A308D3);

    /// <summary>Whether the instructions refuse an argument with C2.</summary>
    internal static bool IsOutOfRange(Float80 value) =>
        value.Exponent is >= OutOfRange and < Float80.MaximumExponent && (long)value.Significand < 0;

    /// <summary>Computes sine and cosine of an argument in range; infinities are invalid.</summary>
    internal static Float80 Sine(ref FpuContext context, Float80 value, out Float80 cosine)
    {
        if (TryResolve(ref context, value, out Float80 result))
        {
            cosine = result.IsNaN ? result : Float80.One;
            return result;
        }

        Wide rest = Reduce(value, out int quadrant);
        Wide sineOfRest = SineOfRest(rest);
        Wide cosineOfRest = CosineOfRest(rest);
        bool swap = (quadrant & 1) != 0;
        Wide sine = swap ? cosineOfRest : sineOfRest;
        Wide other = swap ? sineOfRest : cosineOfRest;
        bool negative = ((quadrant & 2) != 0) != value.IsNegative;
        cosine = (((quadrant + 1) & 2) != 0 ? other.Negate() : other).Round(ref context, exact: false);
        return (negative ? sine.Negate() : sine).Round(ref context, exact: false);
    }

    /// <summary>Computes the sine of an argument in range.</summary>
    internal static Float80 Sine(ref FpuContext context, Float80 value)
    {
        if (TryResolve(ref context, value, out Float80 result))
        {
            return result;
        }

        Wide rest = Reduce(value, out int quadrant);
        Wide sine = (quadrant & 1) != 0 ? CosineOfRest(rest) : SineOfRest(rest);
        bool negative = ((quadrant & 2) != 0) != value.IsNegative;
        return (negative ? sine.Negate() : sine).Round(ref context, exact: false);
    }

    /// <summary>Computes the cosine of an argument in range.</summary>
    internal static Float80 Cosine(ref FpuContext context, Float80 value)
    {
        if (TryResolve(ref context, value, out Float80 result))
        {
            // It is the argument, not the result, that may have underflowed.
            context.Raised &= ~StatusWord.Underflow;
            return result.IsNaN ? result : Float80.One;
        }

        Wide rest = Reduce(value, out int quadrant);
        Wide cosine = (quadrant & 1) != 0 ? SineOfRest(rest) : CosineOfRest(rest);
        return (((quadrant + 1) & 2) != 0 ? cosine.Negate() : cosine).Round(ref context, exact: false);
    }

    /// <summary>Computes the tangent of an argument in range.</summary>
    internal static Float80 Tangent(ref FpuContext context, Float80 value)
    {
        if (TryResolve(ref context, value, out Float80 result))
        {
            return result;
        }

        Wide rest = Reduce(value, out int quadrant);
        if (quadrant == 0 && rest.Exponent < SmallTangent)
        {
            // The quotient below would lose on which side of its argument the result lies.
            UInt128 square = Wide.Multiply(rest, rest).ToFraction();
            UInt128 excess = Series.Sum(Series.SmallTangent, 2, square, alternating: false);
            Wide small = Wide.Multiply(rest, Wide.Add(Wide.One, Wide.From(excess | UInt128.One, -128)));
            return (value.IsNegative ? small.Negate() : small).Round(ref context, exact: false);
        }

        Wide sine = SineOfRest(rest);
        Wide cosine = CosineOfRest(rest);
        Wide tangent = (quadrant & 1) != 0 ? Wide.Divide(cosine, sine).Negate() : Wide.Divide(sine, cosine);
        return (value.IsNegative ? tangent.Negate() : tangent).Round(ref context, exact: false);
    }

    /// <summary>Computes the angle of the point (x, y) (SDM vol. 2, table 3-30).</summary>
    internal static Float80 Arctangent(ref FpuContext context, Float80 y, Float80 x)
    {
        if (NaNs.TryResolve(ref context, x, y, out Float80 result))
        {
            return result;
        }

        Arithmetic.RaiseDenormal(ref context, x, y);
        Wide angle;
        if (y.IsInfinity)
        {
            // 45, 90 or 135 degrees.
            angle = !x.IsInfinity
                ? Series.HalfPi
                : x.IsNegative
                    ? Wide.Add(Series.HalfPi, Series.HalfPi.Scale(-1))
                    : Series.HalfPi.Scale(-1);
        }
        else if (x.IsInfinity || y.IsZero)
        {
            if (!x.IsNegative)
            {
                return Float80.Zero(y.Sign);
            }

            angle = Series.HalfPi.Scale(1);
        }
        else
        {
            Wide height = Wide.From(y);
            Wide width = Wide.From(x);
            if (!x.IsNegative && width.IsPowerOfTwo && height.Exponent - width.Exponent < TinyRatio)
            {
                return height.Scale(-width.Exponent).RoundAsInexact(ref context);
            }

            angle = Angle(height.Absolute(), width);
        }

        return (y.IsNegative ? angle.Negate() : angle).Round(ref context, exact: false);
    }

    private static Wide Angle(Wide y, Wide x)
    {
        Wide magnitude = x.Absolute();
        Wide angle = magnitude.IsSmallerThan(y)
            ? Wide.Add(Series.HalfPi, ArctangentOfRatio(magnitude, y).Negate())
            : ArctangentOfRatio(y, magnitude);
        return x.IsNegative && !x.IsZero ? Wide.Add(Series.HalfPi.Scale(1), angle.Negate()) : angle;
    }

    /// <summary>The arc tangent of a ratio from 0 to 1.</summary>
    private static Wide ArctangentOfRatio(Wide numerator, Wide denominator)
    {
        if (numerator.IsZero)
        {
            return default;
        }

        Wide ratio = Wide.Divide(numerator, denominator);
        int step = ratio.IsSmallerThan(Wide.One) ? (int)((ulong)(ratio.ToFraction() >> 122) + 1) >> 1 : 32;
        if (step == 0)
        {
            return ArctangentOfRest(ratio);
        }

        // atan(t) = atan(c) + atan((t - c) / (1 + t * c)) with c the closest 32nd.
        Wide center = Wide.From((UInt128)step, -5);
        Wide rest = Wide.Divide(
            Wide.Add(ratio, center.Negate()), Wide.Add(Wide.One, Wide.Multiply(ratio, center)));
        Wide arc = Wide.From(Series.At(Series.ArctangentOfSteps, step - 1), -128);
        return rest.IsZero ? arc : Wide.Add(arc, ArctangentOfRest(rest));
    }

    /// <summary>The arc tangent of a number up to 1/64.</summary>
    private static Wide ArctangentOfRest(Wide rest)
    {
        UInt128 square = Wide.Multiply(rest, rest).ToFraction();
        UInt128 correction = Series.Sum(Series.Arctangent, 10, square, alternating: true);
        return Wide.Multiply(rest, OneMinus(correction));
    }

    /// <summary>Answers for NaNs, unsupported values, infinities (invalid) and zeros and tiny numbers
    /// (themselves).</summary>
    private static bool TryResolve(ref FpuContext context, Float80 value, out Float80 result)
    {
        if (NaNs.TryResolve(ref context, value, out result))
        {
            return true;
        }

        if (value.IsInfinity)
        {
            result = context.Invalid();
            return true;
        }

        if (value.IsDenormal)
        {
            context.Raised |= StatusWord.Denormal;
        }

        result = value;
        if (value.Exponent >= Tiny || value.IsZero)
        {
            return value.IsZero;
        }

        result = Wide.From(value).RoundAsInexact(ref context);
        return true;
    }

    /// <summary>Takes the nearest multiple of a quarter turn off the magnitude of a value.</summary>
    /// <param name="value">A finite, non-zero value in range.</param>
    /// <param name="quadrant">How many quarter turns were taken off; only its low two bits matter.</param>
    /// <returns>The exact rest, from minus to plus an eighth turn.</returns>
    private static Wide Reduce(Float80 value, out int quadrant)
    {
        int exponent = value.Exponent - Float80.Bias;
        if (exponent < -1)
        {
            quadrant = 0;
            return Wide.From(value).Absolute();
        }

        UInt128 units = (UInt128)value.Significand << (exponent - 63 - ReductionScale);
        (UInt128 turns, UInt128 rest) = UInt128.DivRem(units, QuarterTurn);
        bool negative = rest > QuarterTurn >> 1;
        quadrant = ((int)(uint)turns & 3) + (negative ? 1 : 0);
        return Wide.From(negative ? QuarterTurn - rest : rest, ReductionScale, negative);
    }

    private static Wide SineOfRest(Wide rest)
    {
        UInt128 square = Wide.Multiply(rest, rest).ToFraction();
        UInt128 correction = Series.Sum(Series.Sine, Series.Sine.Length / 2, square, alternating: true);
        return Wide.Multiply(rest, OneMinus(correction));
    }

    private static Wide CosineOfRest(Wide rest)
    {
        UInt128 square = Wide.Multiply(rest, rest).ToFraction();
        return OneMinus(Series.Sum(Series.Cosine, Series.Cosine.Length / 2, square, alternating: true));
    }

    /// <summary>One minus a positive number that may have underflowed to zero.</summary>
    private static Wide OneMinus(UInt128 fraction) =>
        Wide.From(UInt128.Zero - (fraction | UInt128.One), -128);
}
