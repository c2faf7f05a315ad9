// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Fpu;

/// <summary>Unsupported encodings and NaN operands (Intel SDM vol. 1, 4.8.3.5 and table 4-7, 8.5.1.2).</summary>
internal static class NaNs
{
    /// <summary>Answers for operands that are NaNs or unsupported.</summary>
    /// <returns>Whether <paramref name="result"/> is the answer; else both operands are zeros, numbers or
    /// infinities.</returns>
    internal static bool TryResolve(ref FpuContext context, Float80 left, Float80 right, out Float80 result)
    {
        if (left.IsUnsupported || right.IsUnsupported)
        {
            result = context.Invalid();
            return true;
        }

        if (left.IsNaN || right.IsNaN)
        {
            // A NaN hides that the other operand was a denormal in memory.
            context.Raised &= ~StatusWord.Denormal;
            result = Propagate(ref context, left, right);
            return true;
        }

        result = default;
        return false;
    }

    /// <summary>Answers for an operand that is a NaN or unsupported.</summary>
    internal static bool TryResolve(ref FpuContext context, Float80 value, out Float80 result)
    {
        if (value.IsUnsupported)
        {
            result = context.Invalid();
            return true;
        }

        if (value.IsNaN)
        {
            result = Quiet(ref context, value);
            return true;
        }

        result = default;
        return false;
    }

    private static Float80 Quiet(ref FpuContext context, Float80 value)
    {
        if (value.IsSignalingNaN)
        {
            context.Raised |= StatusWord.Invalid;
        }

        return new Float80(value.SignExponent, value.Significand | Float80.QuietBit);
    }

    private static Float80 Propagate(ref FpuContext context, Float80 left, Float80 right)
    {
        bool leftSignals = left.IsSignalingNaN;
        bool rightSignals = right.IsSignalingNaN;
        if (leftSignals || rightSignals)
        {
            context.Raised |= StatusWord.Invalid;
        }

        Float80 chosen;
        if (!right.IsNaN || (rightSignals && left.IsNaN && !leftSignals))
        {
            chosen = left;
        }
        else if (!left.IsNaN || (leftSignals && !rightSignals))
        {
            chosen = right;
        }
        else if (left.Significand != right.Significand)
        {
            // Two NaNs of a kind: the larger significand wins,
            chosen = left.Significand > right.Significand ? left : right;
        }
        else
        {
            // and between equal ones the positive.
            chosen = left.IsNegative ? right : left;
        }

        return new Float80(chosen.SignExponent, chosen.Significand | Float80.QuietBit);
    }
}
