// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using Tmds.Linux;

namespace LguestPlug.Fuzz;

/// <summary>
/// Zeroed memory with a known pattern right before and behind it, and inaccessible pages beyond that: a write that goes astray is
/// either found in the pattern or ends the process.
/// </summary>
internal sealed unsafe class SurroundedMemory : IDisposable
{
    private const int Margin = 64 * 1024, Guard = 1024 * 1024;
    private const ulong Pattern = 0x5AC3_96F0_0F69_3CA5;

    private readonly byte* _mapping;
    private readonly int _length;

    /// <param name="length">Bytes, a multiple of the page size.</param>
    public SurroundedMemory(int length)
    {
        _length = length;
        void* mapping = LibC.mmap(null, (size_t)Total, LibC.PROT_NONE, LibC.MAP_PRIVATE | LibC.MAP_ANONYMOUS, -1, 0);
        if (mapping == LibC.MAP_FAILED || LibC.mprotect((byte*)mapping + Guard, (size_t)(Total - (2 * Guard)), LibC.PROT_READ | LibC.PROT_WRITE) != 0)
            throw new InsufficientMemoryException($"cannot map {Total} bytes");

        _mapping = (byte*)mapping;
        Before.Fill(Pattern);
        Behind.Fill(Pattern);
    }

    /// <summary>The first byte of the memory itself.</summary>
    public nint Address => (nint)(_mapping + Guard + Margin);

    public Span<byte> Bytes => new((void*)Address, _length);

    private int Total => _length + (2 * (Margin + Guard));

    private Span<ulong> Before => new(_mapping + Guard, Margin / sizeof(ulong));

    private Span<ulong> Behind => new(_mapping + Guard + Margin + _length, Margin / sizeof(ulong));

    /// <summary>Makes the memory zero, and anonymous again where files were mapped.</summary>
    public void Clear()
    {
        if (LibC.mmap((void*)Address, (size_t)_length, LibC.PROT_READ | LibC.PROT_WRITE, LibC.MAP_PRIVATE | LibC.MAP_ANONYMOUS | LibC.MAP_FIXED, -1, 0) == LibC.MAP_FAILED)
            throw new InsufficientMemoryException($"cannot map {_length} bytes");
    }

    /// <exception cref="FuzzDefectException">What is around the memory has changed.</exception>
    public void CheckSurroundings()
    {
        Check(Before, -Margin);
        Check(Behind, _length);
    }

    public void Dispose() => _ = LibC.munmap(_mapping, (size_t)Total);

    private static void Check(ReadOnlySpan<ulong> words, int offset)
    {
        int stray = words.IndexOfAnyExcept(Pattern);
        if (stray >= 0)
            throw new FuzzDefectException($"a byte outside the guest's memory was written, at its start {offset + (stray * sizeof(ulong)):+0;-0}");
    }
}
