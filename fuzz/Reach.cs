// SPDX-License-Identifier: GPL-2.0-or-later
using System.Numerics;
using System.Runtime.InteropServices;
using SharpFuzz.Common;

namespace LguestPlug.Fuzz;

/// <summary>What code inputs reach. Works in an instrumented copy only; elsewhere nothing is ever reached.</summary>
internal static unsafe class Reach
{
    // As in AFL: a byte for each pair of basic blocks that follow each other, told apart by a hash.
    private const int MapSize = 1 << 16;

    /// <summary>Before any instrumented code runs: gives it room for its traces.</summary>
    public static void Prepare() => Trace.SharedMem = (byte*)NativeMemory.AllocZeroed(MapSize);

    /// <summary>Copies few files to a folder that together reach all that any of them does.</summary>
    /// <returns>What was copied and what it reaches, in words.</returns>
    public static string Merge(string target, string folder, IReadOnlyList<string> files)
    {
        Prepare();
        using var tried = FuzzTarget.Create(target);

        // What runs only once, such as static constructors, is nobody's.
        tried.Run([]);
        tried.Run(File.ReadAllBytes(files[0]));
        List<(byte[] Input, ulong[] Edges)> left = [.. files.Select(File.ReadAllBytes).OrderBy(input => input.Length).Select(input => (input, EdgesOf(tried, input)))];
        ulong[] reached = new ulong[MapSize / 64];
        Directory.CreateDirectory(folder);
        int kept = 0;
        while (true)
        {
            // The one that adds most; of several the smallest.
            var (input, edges) = left.MaxBy(candidate => CountNew(candidate.Edges, reached));
            if (CountNew(edges, reached) == 0)
                return $"{kept} inputs reach {CountNew(reached, new ulong[reached.Length])} edges";

            for (int i = 0; i < reached.Length; i++)
                reached[i] |= edges[i];

            File.WriteAllBytes(Path.Combine(folder, $"{kept:d4}"), input);
            kept++;
        }
    }

    /// <summary>What an input reaches each of two times: what depends on the time, too, is not its doing.</summary>
    private static ulong[] EdgesOf(FuzzTarget target, byte[] input)
    {
        ulong[] edges = Traced(target, input), again = Traced(target, input);
        for (int i = 0; i < edges.Length; i++)
            edges[i] &= again[i];

        return edges;
    }

    private static ulong[] Traced(FuzzTarget target, byte[] input)
    {
        Span<byte> map = new(Trace.SharedMem, MapSize);
        map.Clear();
        Trace.PrevLocation = 0;
        target.Run(input);
        ulong[] edges = new ulong[MapSize / 64];
        for (int i = 0; i < MapSize; i++)
        {
            if (map[i] != 0)
                edges[i / 64] |= 1ul << (i % 64);
        }

        return edges;
    }

    private static int CountNew(ulong[] edges, ulong[] reached)
    {
        int count = 0;
        for (int i = 0; i < edges.Length; i++)
            count += BitOperations.PopCount(edges[i] & ~reached[i]);

        return count;
    }
}
