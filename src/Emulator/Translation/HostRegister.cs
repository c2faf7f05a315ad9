// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Translation;

/// <summary>
/// The host's registers by their encoding, and what generated code keeps in them. The guest's registers live in the host's
/// registers of the same name but for ESP, whose namesake is the host's own stack pointer.
/// </summary>
internal static class HostRegister
{
    public const int Rax = 0, Rcx = 1, Rdx = 2, Rbx = 3, Rsp = 4, Rbp = 5, Rsi = 6, Rdi = 7;

    /// <summary>Linear address of an access; where it missed, a host address.</summary>
    public const int Address = 8;

    /// <summary>What makes a host address out of <see cref="Address"/>.</summary>
    public const int Addend = 9;

    /// <summary>Of no lasting value anywhere.</summary>
    public const int Scratch = 10;

    /// <summary>Short-lived values.</summary>
    public const int Temporary = 11;

    /// <summary>Likewise; the runtime keeps it.</summary>
    public const int Found = 12;

    /// <summary>Instructions that may still be executed before the next look around.</summary>
    public const int Budget = 13;

    /// <summary>The CPU state.</summary>
    public const int State = 14;

    /// <summary>The guest's ESP.</summary>
    public const int GuestStack = 15;

    /// <summary>The host register of a guest register.</summary>
    public static int Of(int guest) => guest == Rsp ? GuestStack : guest;
}
