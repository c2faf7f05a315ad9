// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Bench.Throughput;

/// <summary>Measures both sides in turn: what disturbs the machine for a while disturbs both, and their ratio stays.</summary>
/// <param name="launchers">The two sides.</param>
/// <param name="operations">What to measure.</param>
internal sealed class Comparison(LauncherProcess launchers, IReadOnlyList<Operation> operations)
{
    /// <summary>Nothing is compared yet while the runtime still compiles.</summary>
    private const double WarmUpSeconds = 0.6;
    private const long DiskBytes = 256 << 20;
    private readonly Dictionary<Operation, List<Pair>> _pairs = operations.ToDictionary(o => o, _ => new List<Pair>());

    /// <summary>One operation measured on both sides, one after the other.</summary>
    internal sealed record Pair(Measurement Ours, Measurement Theirs);

    public IEnumerable<(Operation Operation, IReadOnlyList<Pair> Pairs)> Results => operations.Select(o => (o, (IReadOnlyList<Pair>)_pairs[o]));

    public void Run(int rounds, double seconds, TextWriter progress)
    {
        var disk = MakeDisk();
        try
        {
            for (var round = 1; round <= rounds; round++)
            {
                progress.WriteLine($"round {round} of {rounds}");
                foreach (var group in operations.GroupBy(o => o.Kind))
                    Measure(disk, [.. group], seconds, oursFirst: round % 2 == 0);
            }
        }
        finally
        {
            File.Delete(disk);
        }
    }

    private void Measure(string disk, Operation[] group, double seconds, bool oursFirst)
    {
        // The same list for both; of the first pass no result is used.
        string[] specs = [.. group.Select(o => o.Spec(WarmUpSeconds)), .. group.Select(o => o.Spec(seconds))];
        var ours = oursFirst ? launchers.RunOurs(disk, specs) : [];
        var theirs = launchers.RunC(disk, specs);
        if (!oursFirst)
            ours = launchers.RunOurs(disk, specs);
        foreach (var (operation, mine, other) in group.Zip(ours.Skip(group.Length), theirs.Skip(group.Length)))
            _pairs[operation].Add(new(mine, other));
    }

    private static string MakeDisk()
    {
        var path = Path.Combine("/dev/shm", $"lguest-throughput-{Environment.ProcessId}");
        // In memory, and all there: neither side is to pay for making pages.
        using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, PreallocationSize = DiskBytes });
        file.SetLength(DiskBytes);
        return path;
    }
}
