// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator;

/// <summary>Why <see cref="LguestMachine.Run"/> came back.</summary>
public enum GuestExitKind
{
    /// <summary>The guest made a NOTIFY hypercall with an address nobody registered.</summary>
    Notify,

    /// <summary>The guest is dead; the reason text says why. Every later run answers the same.</summary>
    Died,

    /// <summary>The guest asked to be restarted. Every later run answers the same.</summary>
    Restart,

    /// <summary><see cref="LguestMachine.RequestStop"/> was called. The guest may be run again.</summary>
    Stopped,
}

/// <summary>The end of one run of the guest.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="NotifyAddress">For <see cref="GuestExitKind.Notify"/>: the guest-physical address.</param>
/// <param name="Reason">For <see cref="GuestExitKind.Died"/>: the text real lguest gives, for example "CRASH: Power down".</param>
public readonly record struct GuestExit(GuestExitKind Kind, uint NotifyAddress = 0, string? Reason = null);
