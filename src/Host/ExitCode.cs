// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host;

/// <summary>What the process ends with. Scripts rely on these numbers: they are documented in <c>--help</c> and never change.</summary>
internal static class ExitCode
{
    public const int PowerOff = 0;
    public const int HostError = 1;
    public const int Usage = 2;
    public const int GuestKilled = 3;
    public const int GuestPanic = 4;
    public const int RebootRequested = 5;

    /// <summary>A signal ends the process with what a shell reports for it; three ^C on the console count as SIGINT.</summary>
    public const int SignalBase = 128;
    public const int Hangup = SignalBase + 1;
    public const int Interrupted = SignalBase + 2;
    public const int Terminated = SignalBase + 15;

    /// <summary>The table shown by <c>--help</c>.</summary>
    public static IReadOnlyList<(string Code, string Meaning)> Table { get; } =
    [
        ("0", "the guest powered off"),
        ("1", "an error of the host, or a device that had to be stopped: the line on stderr says which"),
        ("2", "the command line is wrong"),
        ("3", "the guest was killed for something it must not do"),
        ("4", "the guest crashed or panicked and said so"),
        ("5", "the guest asked for a reboot and --no-reboot was given"),
        ("129, 130, 143", "ended by SIGHUP, by SIGINT or three ^C, by SIGTERM"),
    ];
}
