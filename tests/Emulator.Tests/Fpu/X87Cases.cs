// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using System.Numerics;
using LguestPlug.Emulator.Fpu;

namespace LguestPlug.Emulator.Tests.Fpu;

/// <summary>Makes test cases: random and interesting values in random states. The same seed gives the same cases.
/// </summary>
internal sealed class X87Cases(ulong seed)
{
    private const ulong IntegerBit = 1UL << 63;

    private ulong _random = seed;

    /// <summary>Every instruction, as (escape, ModR/M without the register number, whether it has one).</summary>
    public static IEnumerable<(int Escape, int ModRm, bool HasIndex)> Instructions()
    {
        for (int escape = 0; escape < 8; escape++)
        {
            for (int reg = 0; reg < 8; reg++)
            {
                if (X87.TryGetMemoryOperand(escape, reg, operandSize16: false, out _, out _))
                {
                    yield return (escape, reg << 3, false);
                }
            }
        }

        (int Escape, int[] Groups)[] indexed =
        [
            (0, [0, 1, 2, 3, 4, 5, 6, 7]),
            (1, [0, 1, 3]),
            (2, [0, 1, 2, 3]),
            (3, [0, 1, 2, 3, 5, 6]),
            (4, [0, 1, 2, 3, 4, 5, 6, 7]),
            (5, [0, 1, 2, 3, 4, 5]),
            (6, [0, 1, 2, 4, 5, 6, 7]),
            (7, [0, 1, 2, 3, 5, 6]),
        ];
        foreach ((int escape, int[] groups) in indexed)
        {
            foreach (int group in groups)
            {
                yield return (escape, 0xC0 | (group << 3), true);
            }
        }

        int[] single =
        [
            0x1D0, 0x1E0, 0x1E1, 0x1E4, 0x1E5, 0x1E8, 0x1E9, 0x1EA, 0x1EB, 0x1EC, 0x1ED, 0x1EE, 0x1F0, 0x1F1, 0x1F2,
            0x1F3, 0x1F4, 0x1F5, 0x1F6, 0x1F7, 0x1F8, 0x1F9, 0x1FA, 0x1FB, 0x1FC, 0x1FD, 0x1FE, 0x1FF, 0x2E9, 0x3E0,
            0x3E1, 0x3E2, 0x3E3, 0x3E4, 0x6D9, 0x7E0,
        ];
        foreach (int code in single)
        {
            yield return (code >> 8, code & 0xFF, false);
        }
    }

    /// <summary>Whether results may differ from the hardware's in the last place.</summary>
    public static bool IsTranscendental(in X87Case test) =>
        test.Escape == 1 && test.ModRm is 0xF0 or 0xF1 or 0xF2 or 0xF3 or 0xF9 or 0xFB or 0xFE or 0xFF;

    /// <summary>Makes a case for an instruction of <see cref="Instructions"/>.</summary>
    public X87Case Make((int Escape, int ModRm, bool HasIndex) instruction)
    {
        X87Case test = default;
        test.Escape = (byte)instruction.Escape;
        test.ModRm = (byte)(instruction.ModRm | (instruction.HasIndex ? Below(8) : 0));
        test.OperandSize16 = (byte)(test.IsMemory && One(4) ? 1 : 0);
        test.Control = MakeControl();
        int top = Below(8);
        int conditions = (int)Next() & 0x4700;
        int flags = One(2) ? 0 : (int)Next() & 0x7F;
        bool waits = X87.IsWaiting(test.Escape, test.ModRm);
        if (waits && !One(50))
        {
            flags &= test.Control | 0x40;
        }

        int pending = (flags & ~test.Control & 0x3F) != 0 ? 0x8080 : 0;
        test.Status = (ushort)((top << 11) | conditions | flags | pending);
        test.Tag = MakeTag(top, test.ModRm & 7);
        test.Flags = (uint)Next() & 0x8D5;
        test.Ax = (ushort)Next();
        test.LastOpcode = (ushort)(Next() & 0x7FF);
        test.LastIp = (uint)Next();
        test.LastDp = (uint)Next();

        X87Value first = MakeValue();
        X87Value second = MakeRelated(first);
        if (IsTranscendental(test) && !One(4))
        {
            (first, second) = MakeArguments(test.ModRm);
        }

        else if (test.Escape == 1 && test.ModRm == 0xFD && One(2))
        {
            second = MakeScale(first.SignExponent & 0x7FFF);
        }

        // Registers that are no operands matter less; zeros keep the recorded cases small.
        bool all = X87Comparison.IsEnvironment(test);
        for (int i = 0; i < 8; i++)
        {
            test.Registers[i] = all || One(4) ? MakeValue() : default;
        }

        test.Registers[top] = first;
        test.Registers[(top + (instruction.HasIndex ? test.ModRm & 7 : 1)) & 7] = second;
        if (test.IsMemory)
        {
            MakeMemory(ref test, first);
        }

        return test;
    }

    private ulong Next()
    {
        // SplitMix64: small, and the same on every machine and runtime.
        _random += 0x9E3779B97F4A7C15;
        ulong mixed = (_random ^ (_random >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }

    private int Below(int count) => (int)(Next() % (ulong)count);

    private bool One(int of) => Below(of) == 0;

    private ushort MakeControl()
    {
        int masks = Below(5) switch
        {
            0 => (int)Next() & 0x3F,
            1 => 0x3F & ~(1 << Below(6)),
            _ => 0x3F,
        };
        int precision = Below(8) switch
        {
            0 => 0x100,
            1 or 2 => 0x000,
            3 or 4 => 0x200,
            _ => 0x300,
        };
        return (ushort)(0x40 | masks | precision | (Below(4) << 10) | (One(8) ? 0x1000 : 0));
    }

    private byte MakeTag(int top, int index)
    {
        int tag = Below(4) == 0 ? (int)Next() & 0xFF : 0xFF;
        if (!One(6))
        {
            // Room to push.
            tag &= ~(1 << ((top + 7) & 7));
        }

        if (!One(12))
        {
            tag |= 1 << top;
        }

        if (!One(12))
        {
            tag |= 1 << ((top + index) & 7);
            tag |= 1 << ((top + 1) & 7);
        }

        return One(40) ? (byte)0 : (byte)tag;
    }

    private ushort Sign() => (ushort)(Next() & 0x8000);

    /// <summary>A significand with the integer bit, often near a rounding boundary.</summary>
    private ulong MakeSignificand()
    {
        int place = Below(64);
        return IntegerBit | Below(10) switch
        {
            0 => 0,
            1 => 1UL << place,
            2 => ulong.MaxValue << place,
            3 => ulong.MaxValue >> place,
            4 => (1UL << place) - 1,
            5 => (Next() << 40) | ((ulong)(uint)Below(8) << 38),
            6 => (Next() << 11) | ((ulong)(uint)Below(8) << 8) | (uint)Below(3),
            7 => Next() << place,
            _ => Next(),
        };
    }

    private X87Value MakeValue()
    {
        ushort sign = Sign();
        ulong random = Next();
        int place = Below(64);
        switch (Below(32))
        {
            case 0:
                return new(0, sign);
            case 1:
                return new(IntegerBit, (ushort)(sign | 0x7FFF));
            case 2:
                return new(IntegerBit | (1UL << 62) | (One(3) ? 0 : random >> 2), (ushort)(sign | 0x7FFF));
            case 3:
                return new(IntegerBit | (random >> 2) | 1, (ushort)(sign | 0x7FFF));
            case 4:
                return new((random >> 1 >> place) | 1, sign);
            case 5:
                return new(IntegerBit | random, sign);
            case 6:
                // Unnormals, pseudo-infinities and pseudo-NaNs.
                int exponent = Below(3) switch
                {
                    0 => 0x7FFF,
                    1 => 1 + Below(0x7FFE),
                    _ => 16383 + Below(64),
                };
                return new(One(3) ? 0 : random >> 1, (ushort)(sign | exponent));
            case 7 or 8:
                return FromInteger(random >> place, 0, sign);
            case 9 or 10:
                // Halves and other short fractions.
                return FromInteger((random >> place) | 1, -1 - Below(4), sign);
            case 11 or 12:
                // The borders of the integer formats.
                int bits = Below(4) switch
                {
                    0 => 15,
                    1 => 31,
                    2 => 63,
                    _ => 16383,
                };
                return bits == 16383
                    ? FromInteger(1_000_000_000_000_000_000UL - (ulong)Below(3) + 1, 0, sign)
                    : Near(bits, sign);
            case 13:
                return new(MakeSignificand(), (ushort)(sign | (1 + Below(70))));
            case 14:
                return new(MakeSignificand(), (ushort)(sign | (0x7FFE - Below(70))));
            case 15 or 16:
                // The borders of the single and double formats.
                int center = Below(4) switch
                {
                    0 => 16383 - 126 - 12,
                    1 => 16383 + 128,
                    2 => 16383 - 1022 - 26,
                    _ => 16383 + 1024,
                };
                return new(MakeSignificand(), (ushort)(sign | (center + Below(60) - 30)));
            case 17:
                return new(MakeSignificand(), (ushort)(sign | (1 + Below(0x7FFE))));
            case 18:
                return new(IntegerBit, (ushort)(sign | (16383 + Below(3) - 1)));
            case 19 or 20:
                // What the double format holds.
                return new(MakeSignificand() & ~0x7FFUL, (ushort)(sign | (16383 + Below(64) - 32)));
            default:
                return new(MakeSignificand(), (ushort)(sign | (16383 + Below(140) - 70)));
        }
    }

    private X87Value Near(int bits, ushort sign)
    {
        ulong significand = IntegerBit;
        int exponent = 16383 + bits;
        ulong offset = (ulong)Below(4) << Below(Math.Max(64 - bits, 2));
        if (One(2))
        {
            return new(significand | offset, (ushort)(sign | exponent));
        }

        return new(0 - Math.Max(offset, 1), (ushort)(sign | (exponent - 1)));
    }

    private static X87Value FromInteger(ulong magnitude, int scale, ushort sign)
    {
        if (magnitude == 0)
        {
            return new(0, sign);
        }

        int shift = BitOperations.LeadingZeroCount(magnitude);
        return new(magnitude << shift, (ushort)(sign | (16383 + 63 - shift + scale)));
    }

    /// <summary>A second operand; often one that cancels, or whose product or quotient is at the edge of the
    /// range.</summary>
    private X87Value MakeRelated(X87Value first)
    {
        ulong significand = first.Significand;
        int exponent = first.SignExponent & 0x7FFF;
        switch (Below(8))
        {
            case 0:
                int near = Math.Clamp(exponent + Below(5) - 2, 1, 0x7FFE);
                return new((One(2) ? significand : significand + (ulong)Below(9) - 4) | IntegerBit, (ushort)(Sign() | near));
            case 1:
                int far = Math.Clamp(exponent + Below(180) - 90, 1, 0x7FFE);
                return new(MakeSignificand(), (ushort)(Sign() | far));
            case 2:
                int edge = One(2) ? 0x7FFF : -60;
                int target = One(2) ? edge + 16383 - exponent : exponent + 16383 - edge;
                return new(MakeSignificand(), (ushort)(Sign() | Math.Clamp(target + Below(60), 1, 0x7FFE)));
            case 3:
                return first with { SignExponent = (ushort)(exponent | Sign()) };
            default:
                return MakeValue();
        }
    }

    /// <summary>Arguments in the domain of a transcendental instruction.</summary>
    private (X87Value First, X87Value Second) MakeArguments(int modrm)
    {
        ushort sign = Sign();
        X87Value anything = new(MakeSignificand(), (ushort)(Sign() | (16383 + Below(40) - 20)));
        switch (modrm)
        {
            case 0xF0:
                return (new(MakeSignificand(), (ushort)(sign | (16382 - (One(3) ? Below(70) : Below(6))))), anything);
            case 0xF1:
                int exponent = One(2) ? 16382 + Below(2) : 16383 + Below(60) - 30;
                return (new(One(4) ? IntegerBit : MakeSignificand(), (ushort)exponent), anything);
            case 0xF9:
                return (new(MakeSignificand(), (ushort)(sign | (16381 - (One(3) ? Below(70) : 1 + Below(6))))), anything);
            case 0xF3:
                return (new(MakeSignificand(), (ushort)(sign | (16383 + Below(20) - 10))), anything);
            default:
                int scale = Below(4) switch
                {
                    0 => Below(64),
                    1 => -Below(70),
                    _ => Below(8) - 4,
                };
                return (new(MakeSignificand(), (ushort)(sign | (16383 + scale))), anything);
        }
    }

    /// <summary>A scale that takes a number to an edge of the range, or of the range of adjusted exponents.</summary>
    private X87Value MakeScale(int exponent)
    {
        int edge = Below(4) switch
        {
            0 => 0,
            1 => 0x7FFF,
            2 => -24576,
            _ => 0x7FFF + 24576,
        };
        int scale = edge - exponent + Below(140) - 70;
        X87Value value = FromInteger(((ulong)Math.Abs(scale) << 4) | (uint)Below(16), -4, 0);
        return scale < 0 ? value with { SignExponent = (ushort)(value.SignExponent | 0x8000) } : value;
    }

    private void MakeMemory(ref X87Case test, X87Value related)
    {
        Span<byte> memory = test.Memory;
        _ = X87.TryGetMemoryOperand(test.Escape, test.Reg, test.OperandSize16 != 0, out int read, out int write);
        for (int i = 0; i < read + write; i++)
        {
            memory[i] = (byte)Next();
        }

        int key = (test.Escape << 3) | test.Reg;
        switch (key)
        {
            case < 0x08 or 0x08:
                BinaryPrimitives.WriteUInt32LittleEndian(memory, MakeSingle());
                break;
            case (>= 0x20 and < 0x28) or 0x28:
                BinaryPrimitives.WriteUInt64LittleEndian(memory, MakeDouble(related));
                break;
            case (>= 0x10 and < 0x20) or (>= 0x30 and < 0x3C):
                BinaryPrimitives.WriteUInt64LittleEndian(memory, MakeInteger(read));
                break;
            case 0x3C:
                for (int i = 0; i < 9; i++)
                {
                    memory[i] = (byte)(Below(10) | (Below(10) << 4));
                }

                memory[9] = (byte)(Next() & 0x80);
                break;
            default:
                break;
        }

        if (key == 0x1D)
        {
            X87Value value = MakeValue();
            BinaryPrimitives.WriteUInt64LittleEndian(memory, value.Significand);
            BinaryPrimitives.WriteUInt16LittleEndian(memory[8..], value.SignExponent);
        }
        else if (key is 0x0C or 0x2C)
        {
            // Processors since 2012 hold no segments: let both hold zeros.
            if (test.OperandSize16 != 0)
            {
                memory.Slice(8, 2).Clear();
                memory.Slice(12, 2).Clear();
            }
            else
            {
                memory.Slice(16, 2).Clear();
                memory.Slice(24, 2).Clear();
            }

            // Registers with realistic contents behind FRSTOR's environment.
            for (int i = 0; key == 0x2C && i < 8; i++)
            {
                X87Value value = MakeValue();
                Span<byte> at = memory.Slice((test.OperandSize16 != 0 ? 14 : 28) + (10 * i), 10);
                BinaryPrimitives.WriteUInt64LittleEndian(at, value.Significand);
                BinaryPrimitives.WriteUInt16LittleEndian(at[8..], value.SignExponent);
            }
        }
    }

    /// <summary>An integer for a memory operand of some size; zero for the stores, which read none.</summary>
    private ulong MakeInteger(int size)
    {
        if (size is 0 or 10 || One(8))
        {
            return 0;
        }

        ulong value = Next() >> Below(64);
        value = One(2) ? 0 - value : value;
        return size == 8 ? value : value & ((1UL << (8 * size)) - 1);
    }

    private uint MakeSingle()
    {
        uint sign = (uint)Next() & 0x80000000;
        uint fraction = (uint)Next() >> 9;
        return sign | Below(10) switch
        {
            0 => 0,
            1 => 0x7F800000,
            2 => 0x7FC00000 | fraction,
            3 => 0x7F800001 | (fraction >> 1),
            4 => (fraction >> Below(23)) | 1,
            5 => 0x3F800000,
            _ => (uint)((127 + Below(60) - 30) << 23) | fraction,
        };
    }

    private ulong MakeDouble(X87Value related)
    {
        ulong sign = Next() & IntegerBit;
        ulong fraction = Next() >> 12;
        return sign | Below(11) switch
        {
            0 => 0,
            1 => 0x7FF0000000000000,
            2 => 0x7FF8000000000000 | fraction,
            3 => 0x7FF0000000000001 | (fraction >> 1),
            4 => (fraction >> Below(52)) | 1,
            5 => 0x3FF0000000000000,
            6 => ((ulong)(1023 + Below(3)) << 52) | (related.Significand << 1 >> 12),
            _ => ((ulong)(1023 + Below(100) - 50) << 52) | fraction,
        };
    }
}
