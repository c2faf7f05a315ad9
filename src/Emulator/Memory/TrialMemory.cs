// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LguestPlug.Emulator.Memory;

/// <summary>
/// What a trial writes: copies of the pages it wrote to. Guest memory itself stays as it is, whoever else may be at work on it.
/// </summary>
internal sealed unsafe class TrialMemory : IDisposable
{
    /// <summary>Bytes reserved for the copies. One repeated string instruction writes up to 65 pages at a time.</summary>
    public const int CopyBytes = MaxPages * PageBytes;

    private const int MaxPages = 256, PageBytes = 0x1000;

    private readonly PhysicalMemory _memory;
    private readonly byte** _copies;
    private readonly uint[] _pages = new uint[MaxPages];
    private int _count;

    public TrialMemory(PhysicalMemory memory)
    {
        _memory = memory;
        _copies = (byte**)NativeMemory.AllocZeroed(memory.PageLimit, (nuint)sizeof(byte*));
        Copies = (byte*)NativeMemory.AlignedAlloc(CopyBytes, PageBytes);
    }

    /// <summary>Where the copies lie.</summary>
    public byte* Copies { get; }

    /// <summary>The trial ended because it would have fetched code that it had written itself, or because it wrote too many pages.</summary>
    public bool WasCut { get; set; }

    /// <summary>Guest-physical addresses of the pages written.</summary>
    public ReadOnlySpan<uint> Pages => _pages.AsSpan(0, _count);

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        foreach (uint page in Pages)
        {
            _copies[page >> 12] = null;
        }

        _count = 0;
        WasCut = false;
    }

    /// <summary>The trial wrote to a page.</summary>
    public bool IsCopied(uint page) => _copies[page >> 12] != null;

    /// <summary>Where a page is.</summary>
    public byte* HostOf(uint page) => IsCopied(page) ? _copies[page >> 12] : _memory.Base + page;

    /// <summary>Copies a page; false if there are too many.</summary>
    public bool TryCopy(uint page)
    {
        if (_count == MaxPages)
        {
            WasCut = true;
            return false;
        }

        byte* copy = Copies + (_count * PageBytes);
        Unsafe.CopyBlockUnaligned(copy, _memory.Base + page, PageBytes);
        _copies[page >> 12] = copy;
        _pages[_count++] = page;
        return true;
    }

    /// <summary>Guest-physical address of a byte in guest memory or in a copy.</summary>
    public uint PhysicalOf(byte* host)
    {
        long offset = host - Copies;
        return offset is >= 0 and < CopyBytes ? _pages[offset >> 12] | ((uint)offset & 0xFFF) : (uint)(host - _memory.Base);
    }

    public void Dispose()
    {
        NativeMemory.Free(_copies);
        NativeMemory.AlignedFree(Copies);
    }
}
