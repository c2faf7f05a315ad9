// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Fpu;

/// <summary>Bits of the status word (Intel SDM vol. 1, figure 8-4). The low six have the same places as their masks
/// in the control word (figure 8-6).</summary>
internal static class StatusWord
{
    internal const uint Invalid = 0x01;
    internal const uint Denormal = 0x02;
    internal const uint ZeroDivide = 0x04;
    internal const uint Overflow = 0x08;
    internal const uint Underflow = 0x10;
    internal const uint Precision = 0x20;
    internal const uint Exceptions = 0x3F;
    internal const uint StackFault = 0x40;
    internal const uint Summary = 0x80;
    internal const uint C0 = 0x0100;
    internal const uint C1 = 0x0200;
    internal const uint C2 = 0x0400;
    internal const uint C3 = 0x4000;
    internal const uint Conditions = C0 | C1 | C2 | C3;
    internal const uint Top = 0x3800;
    internal const int TopShift = 11;
    internal const uint Busy = 0x8000;

    /// <summary>ES and B, which always go together since the 387.</summary>
    internal const uint Pending = Summary | Busy;
}
