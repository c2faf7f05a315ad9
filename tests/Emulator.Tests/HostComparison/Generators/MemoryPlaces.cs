// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Linear addresses for memory operands: mostly harmless, but also every way to meet a page's edge.</summary>
internal static class MemoryPlaces
{
    /// <summary>An aligned place in the writable pages.</summary>
    public static uint Aligned(SplitMix random, int size) =>
        (HostWindow.Data + (uint)random.Below(2 * (int)HostWindow.PageBytes)) & ~((uint)Math.Max(size, 4) - 1);

    /// <summary>A place in the pages below 64 KiB.</summary>
    public static uint InLow(SplitMix random) => HostWindow.Low + 0x20 + (uint)random.Below(0x1F00);

    /// <summary>Any place.</summary>
    public static uint Any(SplitMix random, int size)
    {
        switch (random.Below(32))
        {
            case < 12:
                return Aligned(random, size);
            case < 19:
                return HostWindow.Data + (uint)random.Below(0x1FF0);
            case < 22:
                return Crossing(random, HostWindow.DataMiddle, size);
            case < 24:
                return HostWindow.ReadOnly + (uint)random.Below(0xFF0);
            case 24:
                return Crossing(random, HostWindow.ReadOnly, size);
            case 25:
                return Crossing(random, HostWindow.Data, size);
            case 26:
                return Crossing(random, HostWindow.DataEnd, size);
            case 27:
                return HostWindow.DataEnd + (uint)random.Below(0xF00);
            case 28:
                return Crossing(random, random.Pick(HostWindow.Low, HostWindow.Low + HostWindow.PageBytes, HostWindow.LowEnd), size);
            default:
                return InLow(random);
        }
    }

    /// <summary>
    /// Any place where a case decides what is read: not in the read-only page, and not across the end of the first 64 KiB, where
    /// the parts of an operand in two parts may wrap.
    /// </summary>
    public static uint Known(SplitMix random, int size)
    {
        while (true)
        {
            uint place = Any(random, size);
            if (place + size <= HostWindow.ReadOnly || place >= HostWindow.DataEnd)
            {
                if (place >= HostWindow.LowEnd || place + size <= HostWindow.LowEnd)
                {
                    return place;
                }
            }
        }
    }

    /// <summary>A place whose operand lies on both sides of a page's edge, or ends just before it.</summary>
    public static uint Crossing(SplitMix random, uint edge, int size) => edge - 1 - (uint)random.Below(Math.Max(size, 2));
}
