// SPDX-License-Identifier: GPL-2.0-or-later
using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Memory;

namespace LguestPlug.Emulator.Decoding;

/// <summary>Keeps code made from guest pages, and forgets it when told.</summary>
internal interface ICodeStore
{
    /// <summary>Forgets what was made from a guest-physical page, because its bytes change.</summary>
    void DropPage(uint pageNumber);

    /// <summary>Some linear page with code may lead elsewhere now.</summary>
    void NewGeneration();
}

/// <summary>
/// Which parts of guest memory hold decoded or translated code: the guard that makes whoever writes there drop the code first.
/// </summary>
internal sealed unsafe class CodePages : IDisposable
{
    private readonly PhysicalMemory _memory;
    private readonly ulong* _lines;
    private readonly ConcurrentQueue<uint> _stalePages = new();
    private readonly List<ICodeStore> _stores = [];
    private volatile bool _hasStalePages;

    public CodePages(PhysicalMemory memory)
    {
        _memory = memory;
        // One bit for each 64 bytes of a page.
        _lines = (ulong*)NativeMemory.AllocZeroed(memory.PageLimit, sizeof(ulong));
    }

    /// <summary>For each page of guest memory a word that is not 0 if it holds code.</summary>
    public ulong* Lines => _lines;

    /// <summary>Adds a store to be told.</summary>
    public void Add(ICodeStore store) => _stores.Add(store);

    public void Dispose() => NativeMemory.Free(_lines);

    /// <summary>Some linear page with code may lead elsewhere now.</summary>
    public void NewGeneration()
    {
        foreach (ICodeStore store in _stores)
        {
            store.NewGeneration();
        }
    }

    /// <summary>True if a page holds code.</summary>
    public bool HasCode(uint physical) => _lines[physical >> 12] != 0;

    /// <summary>Code was made from a range within a page. True if it is the page's first: writes to it must be seen from now on.</summary>
    public bool Mark(uint physical, uint length)
    {
        ulong* lines = _lines + (physical >> 12);
        bool first = *lines == 0;
        *lines |= LineMask(physical & 0xFFF, length);
        return first;
    }

    /// <summary>Drops the code that a write within a page may change.</summary>
    public void BeforeWrite(uint physical, uint length)
    {
        if ((_lines[physical >> 12] & LineMask(physical & 0xFFF, length)) != 0)
        {
            Drop(physical >> 12);
        }
    }

    /// <summary>Memory was written by somebody else. Any thread; takes effect at <see cref="DropStalePages"/>. True if there is something to do.</summary>
    public bool NoteForeignWrite(uint physical, uint length)
    {
        if (length == 0 || !_memory.Contains(physical, length))
        {
            return false;
        }

        bool stale = false;
        for (uint page = physical >> 12; page <= (physical + length - 1) >> 12; page++)
        {
            if (Volatile.Read(ref _lines[page]) != 0)
            {
                _stalePages.Enqueue(page);
                stale = true;
            }
        }

        if (stale)
        {
            _hasStalePages = true;
        }

        return stale;
    }

    /// <summary>Others wrote pages that hold code.</summary>
    public bool HasStalePages => _hasStalePages;

    /// <summary>Drops the pages that others wrote.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void DropStalePages()
    {
        if (_hasStalePages)
        {
            DropQueuedPages();
        }
    }

    private void DropQueuedPages()
    {
        // First the flag: what is queued from now on sets it again.
        _hasStalePages = false;
        while (_stalePages.TryDequeue(out uint page))
        {
            Drop(page);
        }
    }

    private void Drop(uint pageNumber)
    {
        _lines[pageNumber] = 0;
        foreach (ICodeStore store in _stores)
        {
            store.DropPage(pageNumber);
        }
    }

    /// <summary>The 64-byte lines a range within a page touches.</summary>
    private static ulong LineMask(uint offset, uint length)
    {
        int first = (int)(offset >> 6);
        int last = (int)Math.Min((offset + length - 1) >> 6, 63);
        return (ulong.MaxValue << first) & (ulong.MaxValue >> (63 - last));
    }
}
