// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Fpu;

/// <content>D9 E0 to D9 FF: the forms without an explicit operand.</content>
public static unsafe partial class X87
{
    private static void NoOperand(FpuState* f, int function)
    {
        switch (function)
        {
            case >= 0x08 and <= 0x0E:
                PushResult(f, Constants.Load(function - 0x08, new FpuContext(f->Control).Rounding));
                break;
            case 0x05:
                Examine(f);
                break;
            case 0x16 or 0x17:
                // FDECSTP and FINCSTP
                _ = Begin(f);
                FpuStack.Rotate(f, function == 0x17 ? 1 : -1);
                break;
            case 0x11 or 0x13 or 0x15 or 0x18 or 0x19 or 0x1D:
                Binary(f, function);
                break;
            default:
                Unary(f, function);
                break;
        }
    }

    private static void Examine(FpuState* f)
    {
        Float80 value = FpuStack.Register(f, 0);
        uint kind = FpuStack.IsEmpty(f, 0) ? StatusWord.C3 | StatusWord.C0 : Comparison.Examine(value);
        FpuStack.SetConditions(f, StatusWord.Conditions, kind | (value.IsNegative ? StatusWord.C1 : 0));
    }

    /// <summary>The functions of ST(0).</summary>
    private static void Unary(FpuState* f, int function)
    {
        if (function is 0x12 or 0x1B or 0x1E or 0x1F)
        {
            FpuStack.SetConditions(f, StatusWord.C2, 0);
        }

        if (FpuStack.IsEmpty(f, 0))
        {
            UnaryUnderflow(f, function);
            return;
        }

        FpuContext context = Begin(f);
        Float80 value = FpuStack.Register(f, 0);
        switch (function)
        {
            case 0x00:
                FpuStack.Set(f, 0, value.Negated);
                return;
            case 0x01:
                FpuStack.Set(f, 0, new Float80((ushort)value.Exponent, value.Significand));
                return;
            case 0x04:
                Compare(f, ref context, default, quiet: false, 0);
                return;
            case 0x12 or 0x1B or 0x1E or 0x1F:
                Trigonometric(f, ref context, function, value);
                return;
            case 0x14:
                Extract(f, ref context, value);
                return;
            default:
                break;
        }

        Float80 result = function switch
        {
            0x10 => Logarithms.PowerMinusOne(ref context, value),
            0x1A => Arithmetic.SquareRoot(ref context, value),
            _ => IntegerFormats.RoundToIntegral(ref context, value),
        };
        if (FpuStack.Commit(f, context, toMemory: false))
        {
            FpuStack.Set(f, 0, result);
        }
    }

    private static void UnaryUnderflow(FpuState* f, int function)
    {
        if (function == 0x04)
        {
            CompareUnderflow(f, 0);
            return;
        }

        if (!FpuStack.Fault(f, overflow: false))
        {
            return;
        }

        FpuStack.Set(f, 0, Float80.Indefinite);

        // FPTAN, FXTRACT and FSINCOS have a second result.
        if (function is 0x12 or 0x14 or 0x1B)
        {
            FpuStack.Push(f, Float80.Indefinite);
        }
    }

    private static void Extract(FpuState* f, ref FpuContext context, Float80 value)
    {
        if (!FpuStack.IsEmpty(f, -1))
        {
            SecondResultOverflow(f);
            return;
        }

        Float80 significand = Scaling.Extract(ref context, value, out Float80 exponent);
        if (FpuStack.Commit(f, context, toMemory: false))
        {
            FpuStack.Set(f, 0, exponent);
            FpuStack.Push(f, significand);
        }
    }

    /// <summary>FPTAN, FSINCOS, FSIN and FCOS.</summary>
    private static void Trigonometric(FpuState* f, ref FpuContext context, int function, Float80 value)
    {
        bool pushes = function is 0x12 or 0x1B;
        if (pushes && !FpuStack.IsEmpty(f, -1))
        {
            SecondResultOverflow(f);
            return;
        }

        if (Trigonometry.IsOutOfRange(value))
        {
            FpuStack.SetConditions(f, StatusWord.C2, StatusWord.C2);
            return;
        }

        Float80 second = default;
        Float80 result = function switch
        {
            0x12 => Trigonometry.Tangent(ref context, value),
            0x1B => Trigonometry.Sine(ref context, value, out second),
            0x1E => Trigonometry.Sine(ref context, value),
            _ => Trigonometry.Cosine(ref context, value),
        };
        if (function == 0x12)
        {
            second = result.IsNaN ? result : Float80.One;
        }

        if (FpuStack.Commit(f, context, toMemory: false))
        {
            FpuStack.Set(f, 0, result);
            if (pushes)
            {
                FpuStack.Push(f, second);
            }
        }
    }

    /// <summary>Answers a full stack for the instructions with two results: masked, both are indefinite.</summary>
    private static void SecondResultOverflow(FpuState* f)
    {
        if (FpuStack.Fault(f, overflow: true))
        {
            FpuStack.Set(f, 0, Float80.Indefinite);
            FpuStack.Push(f, Float80.Indefinite);
        }
    }

    /// <summary>The functions of ST(0) and ST(1): FYL2X, FPATAN and FYL2XP1, which pop, FPREM, FPREM1 and FSCALE.
    /// </summary>
    private static void Binary(FpuState* f, int function)
    {
        bool pops = function is 0x11 or 0x13 or 0x19;
        bool remainder = function is 0x15 or 0x18;
        if (remainder)
        {
            FpuStack.SetConditions(f, StatusWord.C2, 0);
        }

        if (FpuStack.IsEmpty(f, 0) || FpuStack.IsEmpty(f, 1))
        {
            Underflow(f, pops ? 1 : 0, pops);
            return;
        }

        FpuContext context = Begin(f);
        Float80 top = FpuStack.Register(f, 0);
        Float80 next = FpuStack.Register(f, 1);
        uint conditions = 0;
        Float80 result = function switch
        {
            0x11 => Logarithms.Logarithm(ref context, next, top),
            0x13 => Trigonometry.Arctangent(ref context, next, top),
            0x19 => Logarithms.LogarithmPlusOne(ref context, next, top),
            0x1D => Scaling.Scale(ref context, top, next),
            _ => Remainder.Compute(ref context, top, next, function == 0x15, out conditions),
        };
        if (!FpuStack.Commit(f, context, toMemory: false))
        {
            return;
        }

        if (remainder && !result.IsNaN)
        {
            FpuStack.SetConditions(f, StatusWord.Conditions, conditions);
        }

        FpuStack.Set(f, pops ? 1 : 0, result);
        if (pops)
        {
            FpuStack.Pop(f);
        }
    }
}
