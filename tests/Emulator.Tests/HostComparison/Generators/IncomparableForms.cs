// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Forms that a program cannot try out on its host.</summary>
internal static class IncomparableForms
{
    public static bool Contains(Code code)
    {
        switch (code.Mnemonic())
        {
            // UMIP: newer kernels forbid these to programs, and some emulate them.
            case Mnemonic.Sgdt or Mnemonic.Sidt or Mnemonic.Sldt or Mnemonic.Str or Mnemonic.Smsw:
            // Iced's names for what 0F0D and 0F18 to 0F1F meant before they meant something.
            case Mnemonic.Reservednop:
            // 16-bit BSWAP has no defined result.
            case Mnemonic.Bswap when code == Code.Bswap_r16:
            // In-circuit emulators' breakpoint: a debug trap that the host's kernel keeps some of.
            case Mnemonic.Int1:
            // Raises #UD on the host, and only those who know system management mode expect otherwise.
            case Mnemonic.Rsm:
            // UD0 without the ModR/M byte that processors since the 486 want.
            case Mnemonic.Ud0 when code == Code.Ud0:
            // The kernel may let programs read performance counters.
            case Mnemonic.Rdpmc:
                return true;
            default:
                return false;
        }
    }
}
