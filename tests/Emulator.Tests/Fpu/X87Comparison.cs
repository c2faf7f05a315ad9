// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.Text;

namespace LguestPlug.Emulator.Tests.Fpu;

/// <summary>Compares what the emulated FPU left with what is expected.</summary>
internal static class X87Comparison
{
    private const ushort C1 = 0x0200;

    /// <summary>Finds a difference.</summary>
    /// <param name="test">The case.</param>
    /// <param name="actual">What the emulated FPU left.</param>
    /// <param name="expected">What the hardware left.</param>
    /// <param name="inexact">Whether a transcendental result differs in the last place, which is no difference.</param>
    /// <returns>What differs, or null.</returns>
    public static string? Difference(in X87Case test, in X87Result actual, in X87Result expected, out bool inexact)
    {
        inexact = false;
        StringBuilder text = new();
        Note(text, "outcome", actual.Outcome, expected.Outcome);
        if (expected.Outcome != 0)
        {
            // Nothing was executed. (The hardware's saved state went through a signal handler.)
            return text.Length == 0 ? null : text.ToString();
        }

        bool transcendental = X87Cases.IsTranscendental(test);
        int ignored = transcendental ? C1 : 0;
        Note(text, "control", actual.Control, expected.Control);
        Note(text, "status", actual.Status & ~ignored, expected.Status & ~ignored);
        Note(text, "tag", actual.Tag, expected.Tag);
        Note(text, "eflags", actual.Flags, expected.Flags);
        Note(text, "ax", actual.Ax, expected.Ax);
        if (IsEnvironment(test))
        {
            // Other instructions change these, which is the interpreter's part.
            Note(text, "opcode", actual.LastOpcode, expected.LastOpcode);
            Note(text, "ip", actual.LastIp, expected.LastIp);
            Note(text, "dp", actual.LastDp, expected.LastDp);
        }

        for (int i = 0; i < 8; i++)
        {
            X87Value left = actual.Registers[i];
            X87Value right = expected.Registers[i];
            if (left == right)
            {
                continue;
            }

            if (transcendental && IsNeighbor(left, right))
            {
                inexact = true;
                continue;
            }

            text.Append(CultureInfo.InvariantCulture, $" R{i} {left} expected {right};");
        }

        ReadOnlySpan<byte> memory = actual.Memory;
        ReadOnlySpan<byte> expectedMemory = expected.Memory;
        if (!memory.SequenceEqual(expectedMemory))
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $" memory {Convert.ToHexString(memory)} expected {Convert.ToHexString(expectedMemory)};");
        }

        return text.Length == 0 ? null : text.ToString();
    }

    /// <summary>Whether an instruction stores, loads or resets the whole environment.</summary>
    public static bool IsEnvironment(in X87Case test) => (test.IsMemory && test.Escape is 1 or 5 && test.Reg is 4 or 6)
        || (test.Escape == 3 && test.ModRm == 0xE3);

    /// <summary>Describes a case for a failure message.</summary>
    public static string Describe(in X87Case test)
    {
        StringBuilder text = new();
        text.Append(
            CultureInfo.InvariantCulture,
            $"{test.Escape + 0xD8:X2} {(test.IsMemory ? $"/{test.Reg}{(test.OperandSize16 != 0 ? "w" : "")}" : $"{test.ModRm:X2}")} cw {test.Control:X4} sw {test.Status:X4} tag {test.Tag:X2}");
        text.Append(CultureInfo.InvariantCulture, $" flags {test.Flags:X3} ip {test.LastIp:X8} op {test.LastOpcode:X3}");
        for (int i = 0; i < 8; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $" ST{i} {test.Registers[(test.Top + i) & 7]}");
        }

        if (test.IsMemory)
        {
            text.Append(" mem ").Append(Convert.ToHexString(test.Memory));
        }

        return text.ToString();
    }

    private static void Note(StringBuilder text, string name, long actual, long expected)
    {
        if (actual != expected)
        {
            text.Append(CultureInfo.InvariantCulture, $" {name} {actual:X} expected {expected:X};");
        }
    }

    /// <summary>Whether two results are one unit in the last place apart.</summary>
    private static bool IsNeighbor(X87Value left, X87Value right)
    {
        if (((left.SignExponent ^ right.SignExponent) & 0x8000) != 0)
        {
            return false;
        }

        UInt128 distance = Ordinal(left) - Ordinal(right);
        return distance == UInt128.One || distance == UInt128.MaxValue;
    }

    private static UInt128 Ordinal(X87Value value) =>
        ((UInt128)(uint)Math.Max(value.SignExponent & 0x7FFF, 1) << 63) + value.Significand;
}
