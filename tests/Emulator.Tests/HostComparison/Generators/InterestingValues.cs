// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Operand values at which carries, signs and overflows change, mixed with random ones.</summary>
internal static class InterestingValues
{
    private static readonly uint[] Bytes =
        [0, 1, 2, 3, 7, 8, 9, 0x0A, 0x0F, 0x10, 0x1F, 0x20, 0x3F, 0x40, 0x55, 0x7E, 0x7F, 0x80, 0x81, 0x99, 0x9A, 0xAA, 0xF0, 0xFE, 0xFF];

    private static readonly uint[] Words =
        [0, 1, 2, 0x0F, 0x10, 0x7F, 0x80, 0xFF, 0x100, 0x101, 0x0FFF, 0x5555, 0x7FFE, 0x7FFF, 0x8000, 0x8001, 0xAAAA, 0xFF00, 0xFF7F, 0xFF80, 0xFFFE, 0xFFFF];

    private static readonly uint[] Doublewords =
    [
        0, 1, 2, 0x0F, 0x10, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x10001, 0x55555555, 0x7FFFFFFE, 0x7FFFFFFF,
        0x80000000, 0x80000001, 0xAAAAAAAA, 0xFFFF0000, 0xFFFF7FFF, 0xFFFF8000, 0xFFFFFF7F, 0xFFFFFF80, 0xFFFFFFFE, 0xFFFFFFFF,
    ];

    /// <summary>A value of 1, 2, 4 or 8 bytes.</summary>
    public static ulong Pick(SplitMix random, int size)
    {
        if (size > 4)
        {
            return Pick(random, 4) | (Pick(random, 4) << 32);
        }

        if (random.OneIn(4))
        {
            return random.NextUInt32() >> (32 - (8 * size));
        }

        return random.Pick<uint>(size switch { 1 => Bytes, 2 => Words, _ => Doublewords });
    }
}
