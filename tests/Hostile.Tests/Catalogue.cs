// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;

namespace LguestPlug.Hostile.Tests;

/// <summary>All cases there are, as docs/hostile-drivers.md tells them.</summary>
internal static class Catalogue
{
    private static readonly Verdict[] s_verdicts = Enum.GetValues<Verdict>();

    /// <summary>Every case, with whom it is done to and what must come of it.</summary>
    public static IEnumerable<(string Subject, string Case, Verdict Verdict)> All =>
    [
        .. from subject in Subject.All from one in subject.Cases select (subject.Name, one.Name, one.Verdict),
        .. from subject in BusSubject.All from one in BusCases.All select (subject.Name, one.Name, one.Verdict),
    ];

    /// <summary>How many cases there are of each verdict.</summary>
    public static string Counts()
    {
        IEnumerable<string> rows = All.GroupBy(c => c.Subject).Select(subject => Row(subject.Key, [.. subject.Select(c => c.Verdict)]));
        return string.Join('\n', ["| | refused | answered | served | cases |", "|---|---|---|---|---|", .. rows, Row("all", [.. All.Select(c => c.Verdict)])]);
    }

    /// <summary>The cases by name, those of several subjects once.</summary>
    public static string Names()
    {
        var groups = new (string Title, IEnumerable<(string Name, Verdict Verdict)> Cases)[]
        {
            ("every queue but hoard", RingCases.All.Select(c => (c.Name, c.Verdict))),
            ("net receive, console receive", ReceiveCases.All.Select(c => (c.Name, c.Verdict))),
            ("block requests", BlockCases.All.Select(c => (c.Name, c.Verdict))),
            ("net receive", NetCases.Receive.Select(c => (c.Name, c.Verdict))),
            ("net transmit", NetCases.Transmit.Select(c => (c.Name, c.Verdict))),
            ("console receive", ConsoleCases.Receive.Select(c => (c.Name, c.Verdict))),
            ("console transmit", ConsoleCases.Transmit.Select(c => (c.Name, c.Verdict))),
            ("rng input", RngCases.All.Select(c => (c.Name, c.Verdict))),
            ("echo echo", EchoCases.Echo.Select(c => (c.Name, c.Verdict))),
            ("echo hoard", EchoCases.Hoard.Select(c => (c.Name, c.Verdict))),
            ("every device on the bus", BusCases.All.Select(c => (c.Name, c.Verdict))),
        };
        IEnumerable<string> rows = from g in groups
                                   from verdict in s_verdicts
                                   let names = g.Cases.Where(c => c.Verdict == verdict).Select(c => c.Name).ToList()
                                   where names.Count > 0
                                   select $"| {g.Title} | {Text(verdict)} | {string.Join("; ", names)} |";
        return string.Join('\n', ["| done to | must be | cases |", "|---|---|---|", .. rows]);
    }

    private static string Row(string name, Verdict[] verdicts) =>
        $"| {name} | {string.Join(" | ", s_verdicts.Select(v => verdicts.Count(one => one == v)))} | {verdicts.Length.ToString(CultureInfo.InvariantCulture)} |";

    private static string Text(Verdict verdict) => verdict.ToString().ToLowerInvariant();
}
