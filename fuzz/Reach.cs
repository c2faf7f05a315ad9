// SPDX-License-Identifier: GPL-2.0-or-later
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

    /// <summary>Copies to a folder those files that reach something no smaller one does.</summary>
    /// <returns>What was copied and what it reaches, in words.</returns>
    public static string Merge(string target, string folder, IReadOnlyList<string> files)
    {
        Prepare();
        Span<byte> now = new(Trace.SharedMem, MapSize);
        byte[] reached = new byte[MapSize];
        using var tried = FuzzTarget.Create(target);
        var inputs = files.Select(File.ReadAllBytes).OrderBy(input => input.Length).ToList();

        // What runs only once, such as static constructors, is nobody's.
        tried.Run([]);
        foreach (byte[] input in inputs.Take(1))
            tried.Run(input);

        Directory.CreateDirectory(folder);
        int kept = 0;
        foreach (byte[] input in inputs)
        {
            now.Clear();
            Trace.PrevLocation = 0;
            tried.Run(input);
            if (!AddNew(now, reached))
                continue;

            File.WriteAllBytes(Path.Combine(folder, $"{kept:d4}"), input);
            kept++;
        }

        return $"{kept} inputs reach {MapSize - reached.AsSpan().Count((byte)0)} edges";
    }

    private static bool AddNew(ReadOnlySpan<byte> now, byte[] reached)
    {
        bool isNew = false;
        for (int i = 0; i < now.Length; i++)
        {
            if (now[i] != 0 && reached[i] == 0)
            {
                reached[i] = 1;
                isNew = true;
            }
        }

        return isNew;
    }
}
