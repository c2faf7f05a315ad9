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
            .Where(c => c.distance <= Math.Max(1, Math.Max(word.Length, c.candidate.Length) / 3))
            .OrderBy(c => c.distance)
            .Select(c => c.candidate)
            .FirstOrDefault();
        return nearest is null ? "" : $"; did you mean '{nearest}'?";
    }

    /// <summary>Letters to insert, remove, change, or swap with their neighbour.</summary>
    private static int Distance(string a, string b)
    {
        a = a.ToLowerInvariant();
        b = b.ToLowerInvariant();
        var distance = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    distance[i, j] = i + j;
                    continue;
                }
                var best = Math.Min(distance[i - 1, j], distance[i, j - 1]) + 1;
                best = Math.Min(best, distance[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    best = Math.Min(best, distance[i - 2, j - 2] + 1);
                distance[i, j] = best;
            }
        }
        return distance[a.Length, b.Length];
    }
}
