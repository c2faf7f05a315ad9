// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Fpu;

/// <summary>FSCALE and FXTRACT (Intel SDM vol. 2).</summary>
internal static class Scaling
{
    /// <summary>Beyond this every scaled number overflows or underflows, however small or large it was.</summary>
    private const int MaximumScale = 0x10000;

    /// <summary>Multiplies by two to the power of the chopped <paramref name="scale"/>.</summary>
    internal static Float80 Scale(ref FpuContext context, Float80 value, Float80 scale)
    {
        if (NaNs.TryResolve(ref context, value, scale, out Float80 result))
        {
            return result;
        }

        if (scale.IsInfinity)
        {
            if (scale.IsNegative ? value.IsInfinity : value.IsZero)
            {
                return context.Invalid();
            }

            Arithmetic.RaiseDenormal(ref context, value, scale);
            return scale.IsNegative ? Float80.Zero(value.Sign) : Float80.Infinity(value.Sign);
        }

        Arithmetic.RaiseDenormal(ref context, value, scale);
        if (value.IsInfinity || value.IsZero)
        {
            return value;
        }

        if (scale.IsZero)
        {
            // A denormal does not underflow here.
            return value.Canonical;
        }

        int exponent = value.Exponent;
        ulong significand = value.Significand;
        Arithmetic.Normalize(ref exponent, ref significand);
        int shift = Chop(scale);
        return Rounder.Pack(ref context, value.Sign, exponent + shift, significand, 0, 64);
    }

    /// <summary>Splits into exponent and significand.</summary>
    /// <param name="context">Collects exceptions.</param>
    /// <param name="value">The value.</param>
    /// <param name="exponent">The unbiased exponent as a number.</param>
    /// <returns>The significand with the value's sign, 1.0 or more and below 2.0.</returns>
    internal static Float80 Extract(ref FpuContext context, Float80 value, out Float80 exponent)
    {
        if (NaNs.TryResolve(ref context, value, out Float80 result))
        {
            exponent = result;
            return result;
        }

        if (value.IsInfinity)
        {
            exponent = Float80.Infinity(0);
            return value;
        }

        if (value.IsZero)
        {
            context.Raised |= StatusWord.ZeroDivide;
            exponent = Float80.Infinity(0x8000);
            return value;
        }

        if (value.IsDenormal)
        {
            context.Raised |= StatusWord.Denormal;
        }

        int field = value.Exponent;
        ulong significand = value.Significand;
        Arithmetic.Normalize(ref field, ref significand);
        exponent = IntegerFormats.FromInteger(field - Float80.Bias);
        return new Float80((ushort)(value.Sign | Float80.Bias), significand);
    }

    private static int Chop(Float80 scale)
    {
        int exponent = scale.Exponent - Float80.Bias;
        if (exponent < 0)
        {
            return 0;
        }

        int magnitude = exponent >= 16 ? MaximumScale : (int)(scale.Significand >> (63 - exponent));
        return scale.IsNegative ? -magnitude : magnitude;
    }
}
