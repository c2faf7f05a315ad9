// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Fpu;

/// <summary>Compares two values (Intel SDM vol. 1, 8.3.6).</summary>
internal static class Comparison
{
    internal const uint Greater = 0;
    internal const uint Less = StatusWord.C0;
    internal const uint Equal = StatusWord.C3;
    internal const uint Unordered = StatusWord.C0 | StatusWord.C2 | StatusWord.C3;

    /// <summary>Compares as FCOM (every NaN is invalid) or FUCOM (quiet NaNs are just unordered).</summary>
    /// <returns>The condition code bits of the status word.</returns>
    internal static uint Compare(ref FpuContext context, Float80 left, Float80 right, bool quiet)
    {
        if (!left.IsNormal || !right.IsNormal)
        {
            if (left.IsUnsupported || right.IsUnsupported || left.IsNaN || right.IsNaN)
            {
                if (!quiet || left.IsUnsupported || right.IsUnsupported || left.IsSignalingNaN || right.IsSignalingNaN)
                {
                    context.Raised |= StatusWord.Invalid;
                }

                // A NaN hides that the other operand was a denormal in memory.
                context.Raised &= ~StatusWord.Denormal;
                return Unordered;
            }

            Arithmetic.RaiseDenormal(ref context, left, right);
            if (left.IsZero && right.IsZero)
            {
                return Equal;
            }
        }

        if (left.Sign != right.Sign)
        {
            return left.IsNegative ? Less : Greater;
        }

        // A pseudo-denormal has the scale of exponent field 1.
        int leftExponent = Math.Max(left.Exponent, 1);
        int rightExponent = Math.Max(right.Exponent, 1);
        if (leftExponent == rightExponent && left.Significand == right.Significand)
        {
            return Equal;
        }

        bool smaller = leftExponent != rightExponent
            ? leftExponent < rightExponent
            : left.Significand < right.Significand;
        return smaller != left.IsNegative ? Less : Greater;
    }

    /// <summary>Classifies a register (FXAM) apart from empty ones and the sign.</summary>
    /// <returns>C3, C2 and C0.</returns>
    internal static uint Examine(Float80 value)
    {
        if (value.IsUnsupported)
        {
            return 0;
        }

        if (value.IsNaN)
        {
            return StatusWord.C0;
        }

        if (value.IsInfinity)
        {
            return StatusWord.C2 | StatusWord.C0;
        }

        return value.IsZero ? StatusWord.C3 : value.IsDenormal ? StatusWord.C3 | StatusWord.C2 : StatusWord.C2;
    }
}
