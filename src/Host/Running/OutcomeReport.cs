// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Logging;

namespace LguestPlug.Host.Running;

/// <summary>Tells the user how it ended: the reason always, hints only where a person reads them and does not know already.</summary>
internal static class OutcomeReport
{
    public static void Write(Outcome outcome, string lastGuestLine, bool verbose, StderrLoggerProvider output)
    {
        output.WriteLine($"lguest: {outcome.Message}");
        if (!outcome.IsGuestDeath)
            return;
        // Where the guest's words go to the same place, its last line is right above.
        if (lastGuestLine.Length > 0 && (verbose || !SamePlace("/proc/self/fd/1", "/proc/self/fd/2")))
            output.WriteLine($"lguest: the guest's last line: {lastGuestLine}");
        if (verbose || !Console.IsErrorRedirected)
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
        catch (IOException)
        {
            return true;
        }
    }
}
