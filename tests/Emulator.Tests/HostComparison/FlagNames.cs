// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>EFLAGS for people.</summary>
internal static class FlagNames
{
    private static readonly (uint Bit, string Name)[] Names =
    [
        (Eflags.Overflow, "O"), (Eflags.Direction, "D"), (Eflags.Sign, "S"), (Eflags.Zero, "Z"), (Eflags.Adjust, "A"),
        (Eflags.Parity, "P"), (Eflags.Carry, "C"),
    ];

    /// <summary>A letter for each flag that programs use, and the bits that remain if they are unusual.</summary>
    public static string Of(uint flags)
    {
        string text = string.Concat(Names.Where(flag => (flags & flag.Bit) != 0).Select(flag => flag.Name));
        uint rest = flags & ~(Eflags.Status | Eflags.Direction | Eflags.Interrupt | 2);
        return rest == 0 ? text.Length == 0 ? "-" : text : $"{text}+{rest:X}";
    }
}
