// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Logging;
using LguestPlug.Host.Output;

namespace LguestPlug.Host.Running;

/// <summary>Tells the user how it ended: the reason always, what the guest last said where that shows nowhere else, hints only where a person reads them.</summary>
internal sealed class OutcomeReport(StderrLoggerProvider output, LastLines lines, bool verbose)
{
    public void Write(Outcome outcome)
    {
        if (outcome.IsBadEnd)
            WriteLastLines();
        output.WriteLine($"lguest: {outcome.Message}");
        if (outcome.IsGuestDeath && (verbose || StandardOutput.Error.IsTerminal))
        {
            foreach (var hint in outcome.Hints)
                output.WriteLine($"lguest: {hint}");
        }
    }

    /// <summary>What the guest last said, ahead of the reason of a bad end.</summary>
    public void WriteLastLines()
    {
        if (lines.Read() is not { Count: > 0 } last)
            return;
        output.WriteLine("lguest: the guest's last lines:");
        foreach (var line in last)
            output.WriteLine($"lguest: | {line}");
    }
}
