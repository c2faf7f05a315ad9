// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host;

/// <summary>"Did you mean": the nearest known word, if one is near enough to be a slip of the finger.</summary>
internal static class Suggestion
{
    /// <summary>A text to append to a message, empty when nothing known is near.</summary>
    public static string For(string word, IEnumerable<string> known)
    {
        var nearest = known
            .Select(candidate => (candidate, distance: Distance(word, candidate)))
            .Where(c => c.distance <= Math.Clamp(Math.Max(word.Length, c.candidate.Length) / 2, 1, 3))
            .OrderBy(c => c.distance)
            .Select(c => c.candidate)
            .FirstOrDefault();
        return nearest is null ? "" : $"; did you mean '{nearest}'?";
    }

    /// <summary>Levenshtein's: letters to insert, remove or change.</summary>
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var substituted = diagonal + (char.ToLowerInvariant(a[i - 1]) == char.ToLowerInvariant(b[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substituted, Math.Min(row[j], row[j - 1]) + 1);
            }
        }
        return row[b.Length];
    }
}
