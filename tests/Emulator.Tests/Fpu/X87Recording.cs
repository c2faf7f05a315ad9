// SPDX-License-Identifier: GPL-2.0-or-later
using System.IO.Compression;
using System.Runtime.InteropServices;

namespace LguestPlug.Emulator.Tests.Fpu;

/// <summary>Cases with what an Intel processor made of them, for machines that cannot ask one: the records of
/// x87host.c, all inputs before all results, in Brotli's format.</summary>
internal static class X87Recording
{
    private static string Location => Path.Combine(X87Host.SourceFolder(), "x87-recorded.br");

    public static void Write(ReadOnlySpan<X87Case> cases, ReadOnlySpan<X87Result> results)
    {
        using FileStream file = File.Create(Location);
        using BrotliStream packed = new(file, CompressionLevel.SmallestSize);
        packed.Write(MemoryMarshal.AsBytes(cases));

        // Results repeat most of their cases' bytes: as differences they pack better.
        byte[] difference = MemoryMarshal.AsBytes(results).ToArray();
        Mix(difference, MemoryMarshal.AsBytes(cases));
        packed.Write(difference);
    }

    public static (X87Case[] Cases, X87Result[] Results) Read()
    {
        using FileStream file = File.OpenRead(Location);
        using BrotliStream packed = new(file, CompressionMode.Decompress);
        using MemoryStream all = new();
        packed.CopyTo(all);
        byte[] bytes = all.ToArray();
        Span<byte> inputs = bytes.AsSpan(0, bytes.Length / 2);
        Span<byte> outputs = bytes.AsSpan(bytes.Length / 2);
        Mix(outputs, inputs);
        return (MemoryMarshal.Cast<byte, X87Case>(inputs).ToArray(), MemoryMarshal.Cast<byte, X87Result>(outputs).ToArray());
    }

    /// <summary>Takes registers and memory, which lie at the same places in both records, as differences.</summary>
    private static void Mix(Span<byte> results, ReadOnlySpan<byte> cases)
    {
        const int RecordSize = 216;
        const int FirstRegister = 24;
        for (int i = 0; i < results.Length; i++)
        {
            if (i % RecordSize >= FirstRegister)
            {
                results[i] ^= cases[i];
            }
        }
    }
}
