// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Running;

/// <summary>How a guest's last boot ended.</summary>
/// <param name="Message">The line the user is told.</param>
/// <param name="ExitCode">What the process ends with.</param>
/// <param name="IsGuestDeath">Whether the guest came to a bad end, so that hints may help.</param>
internal sealed record Outcome(string Message, int ExitCode, bool IsGuestDeath = false)
{
    /// <summary>Whether somebody will want to know what the guest said before.</summary>
    public bool IsBadEnd => IsGuestDeath || ExitCode == Host.ExitCode.HostError;

    /// <summary>What might help: the help of devices the guest never started.</summary>
    public IReadOnlyList<string> Hints { get; init; } = [];

    private const string Crash = "CRASH: ";
    private const string PowerDown = "CRASH: Power down";

    /// <summary>Reads lguest's reason: a guest that powers off "crashes" with a text of its own.</summary>
    public static Outcome OfDeath(string reason) => reason switch
    {
        PowerDown => new(reason, Host.ExitCode.PowerOff),
        _ when reason.StartsWith(Crash, StringComparison.Ordinal) => new(reason, Host.ExitCode.GuestPanic, IsGuestDeath: true),
        _ => new(reason, Host.ExitCode.GuestKilled, IsGuestDeath: true),
    };

    public static Outcome OfStop(StopReason reason) => new(reason.Message, reason.ExitCode);

    public static Outcome RebootRefused { get; } = new("the guest asked for a reboot", Host.ExitCode.RebootRequested);
}
