// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Logging;
using LguestPlug.Host.Output;

namespace LguestPlug.Host.Running;

/// <summary>Tells the user how it ended: the reason always, hints only where a person reads them and does not know already.</summary>
internal sealed class OutcomeReport(StderrLoggerProvider output, bool verbose)
{
    // Looked up at the start: at the end /proc may be out of reach.
    private readonly bool _guestIsRightAbove = SamePlace("/proc/self/fd/1", "/proc/self/fd/2");

    public void Write(Outcome outcome, string lastGuestLine)
    {
        output.WriteLine($"lguest: {outcome.Message}");
        if (!outcome.IsGuestDeath)
            return;
        // Where the guest's words go to the same place, its last line is right above.
        if (lastGuestLine.Length > 0 && (verbose || !_guestIsRightAbove))
            output.WriteLine($"lguest: the guest's last line: {lastGuestLine}");
        if (verbose || StandardOutput.Error.IsTerminal)
        {
            foreach (var hint in outcome.Hints)
                output.WriteLine($"lguest: {hint}");
        }
    }

    private static bool SamePlace(string one, string other)
    {
        try
        {
            return File.ResolveLinkTarget(one, returnFinalTarget: false)?.Name == File.ResolveLinkTarget(other, returnFinalTarget: false)?.Name;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }
}
