// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Statistics;

namespace LguestPlug.Emulator.Decoding;

/// <summary>
/// All decoded blocks, found by guest-physical address (so that remapping and page-table switches throw nothing away).
/// </summary>
internal sealed unsafe class CodeCache : ICodeStore, IDisposable
{
    /// <summary>Entries of the jump cache, which finds blocks by linear address.</summary>
    public const uint JumpEntries = 16384;

    /// <summary>Bytes for decoded code; when they are used up everything is dropped and decoded anew.</summary>
    public const nuint ArenaBytes = 96 << 20;

    private const uint Buckets = 1 << 16;

    // Bits of CodeMode in the code key.
    private const int ModeBits = 5;

    private readonly CpuState* _state;
    private readonly Mmu _mmu;
    private readonly PhysicalMemory _memory;
    private readonly BlockDecoder _decoder;
    private readonly Block** _buckets;
    private readonly CodePages _pages;
    private readonly ActivityClock? _clock;
    private readonly Block** _firstInPage;
    private readonly byte* _arena;
    private nuint _arenaUsed;
    private uint _generation = 1;
    private uint _epoch;
    private CodeMode _mode;

    public CodeCache(CpuState* state, Mmu mmu, PhysicalMemory memory, CodePages pages, ActivityClock? clock)
    {
        _state = state;
        _mmu = mmu;
        _memory = memory;
        _pages = pages;
        _clock = clock;
        _buckets = (Block**)NativeMemory.AllocZeroed(Buckets, (nuint)sizeof(Block*));
        _firstInPage = (Block**)NativeMemory.AllocZeroed(memory.PageLimit, (nuint)sizeof(Block*));
        // Not zeroed: the system commits the pages as they are used.
        _arena = (byte*)NativeMemory.AlignedAlloc(ArenaBytes, 64);
        Jumps = (JumpEntry*)NativeMemory.AllocZeroed(JumpEntries, (nuint)sizeof(JumpEntry));
        _decoder = new BlockDecoder(mmu, memory);
        NewGeneration();
    }

    /// <summary>The jump cache: an entry holds under the code key it was made with.</summary>
    public JumpEntry* Jumps { get; }

    /// <summary>
    /// Changes whenever the linear address of a block may lead elsewhere, and differs between modes. Never
    /// <see cref="Block.SamePage"/>.
    /// </summary>
    public uint Key { get; private set; }

    /// <summary>What the next instruction is decoded as.</summary>
    public CodeMode Mode
    {
        get => _mode;
        set
        {
            _mode = value;
            Key = (_generation << ModeBits) | (uint)value;
        }
    }

    public void Dispose()
    {
        NativeMemory.Free(_buckets);
        NativeMemory.Free(_firstInPage);
        NativeMemory.AlignedFree(_arena);
        NativeMemory.Free(Jumps);
    }

    /// <summary>Some linear page with code may have moved: links between pages must be looked up again.</summary>
    public void NewGeneration()
    {
        _generation++;
        if (_generation == 1u << (32 - ModeBits))
        {
            // Once in 134 million flushes: nothing from the first time round may look valid.
            _generation = 1;
            NativeMemory.Clear(Jumps, JumpEntries * (nuint)sizeof(JumpEntry));
            Reset();
        }

        Key = (_generation << ModeBits) | (uint)_mode;
    }

    /// <summary>Finds or decodes the block at an address of the current code segment; null after a fault.</summary>
    public Block* Find(uint eip)
    {
        JumpEntry* jump = Jumps + JumpIndex(eip);
        if (jump->Tag == Tag(eip))
        {
            return jump->Block;
        }

        uint linear = eip + _state->Cs.Base;
        uint physical = _mmu.TranslateFetch(linear);
        if (physical == Block.NoPage)
        {
            return null;
        }

        uint bucket = Bucket(physical);
        Block* block = _buckets[bucket];
        while (block != null && !(block->Physical == physical && block->Eip == eip && block->Mode == _mode))
        {
            block = block->NextInBucket;
        }

        if (block != null && block->SecondPage != Block.NoPage)
        {
            uint second = _mmu.TranslateFetch((linear | 0xFFF) + 1);
            if (second == Block.NoPage)
            {
                return null;
            }

            if (second != block->SecondPage)
            {
                Drop(block);
                block = null;
            }
        }

        if (block == null)
        {
            Activity before = _clock?.Enter(Activity.Translation) ?? default;
            block = Decode(eip, linear, physical);
            _clock?.Enter(before);
            if (block == null)
            {
                return null;
            }
        }

        jump->Tag = Tag(eip);
        jump->Block = block;
        return block;
    }

    /// <summary>The value a jump-cache entry for this address carries now.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public ulong Tag(uint eip) => ((ulong)Key << 32) | eip;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint JumpIndex(uint eip) => (eip ^ (eip >> 12)) & (JumpEntries - 1);

    /// <summary>Finds where a block's taken branch leads and remembers it; null after a fault.</summary>
    public Block* LinkTaken(Block* from)
    {
        uint epoch = _epoch;
        Block* to = Find(from->TakenEip);
        // Decoding may have emptied the arena, the linking block with it.
        if (to == null || epoch != _epoch)
        {
            return to;
        }

        if (from->Taken != to)
        {
            Unlink(from->Taken, (nuint)from);
            from->Taken = to;
            from->NextIncomingOfTaken = to->Incoming;
            to->Incoming = (nuint)from;
        }

        from->TakenKey = LinkKey(from, to);
        return to;
    }

    /// <summary>The same for falling through.</summary>
    public Block* LinkFall(Block* from)
    {
        uint epoch = _epoch;
        Block* to = Find(from->FallEip);
        if (to == null || epoch != _epoch)
        {
            return to;
        }

        if (from->Fall != to)
        {
            Unlink(from->Fall, (nuint)from | 1);
            from->Fall = to;
            from->NextIncomingOfFall = to->Incoming;
            to->Incoming = (nuint)from | 1;
        }

        from->FallKey = LinkKey(from, to);
        return to;
    }

    private Block* Decode(uint eip, uint linear, uint physical)
    {
        if (_arenaUsed + BlockDecoder.MaxBlockBytes > ArenaBytes)
        {
            Reset();
        }

        Block* block = _decoder.Decode(_arena + _arenaUsed, eip, linear, physical, _mode, out nuint used);
        if (block == null)
        {
            return null;
        }

        _arenaUsed += (used + 63) & ~(nuint)63;
        uint bucket = Bucket(physical);
        block->NextInBucket = _buckets[bucket];
        _buckets[bucket] = block;

        uint end = block->FallEip - eip;
        uint inFirst = Math.Min(end, 0x1000 - (physical & 0xFFF));
        Guard(physical, inFirst);
        Block** first = _firstInPage + (physical >> 12);
        block->NextInPage = *first;
        *first = block;
        if (block->SecondPage != Block.NoPage)
        {
            Guard(block->SecondPage, end - inFirst);
            first = _firstInPage + (block->SecondPage >> 12);
            block->NextInSecondPage = *first;
            *first = block;
        }

        return block;
    }

    private void Guard(uint physical, uint length)
    {
        if (_pages.Mark(physical, length))
        {
            _mmu.WithdrawWrites(physical & Mmu.PageMask);
        }
    }

    /// <inheritdoc/>
    public void DropPage(uint pageNumber)
    {
        Block** first = _firstInPage + pageNumber;
        if (*first == null)
        {
            return;
        }

        while (*first != null)
        {
            Drop(*first);
        }

        NewGeneration();
    }

    private void Drop(Block* block)
    {
        uint bucket = Bucket(block->Physical);
        Block** link = _buckets + bucket;
        while (*link != block)
        {
            link = &(*link)->NextInBucket;
        }

        *link = block->NextInBucket;
        RemoveFromPage(block, block->Physical >> 12);
        if (block->SecondPage != Block.NoPage)
        {
            RemoveFromPage(block, block->SecondPage >> 12);
        }

        // Nobody may come here any more by a link ...
        nuint incoming = block->Incoming;
        while (incoming != 0)
        {
            Block* from = (Block*)(incoming & ~(nuint)1);
            if ((incoming & 1) == 0)
            {
                from->Taken = null;
                incoming = from->NextIncomingOfTaken;
            }
            else
            {
                from->Fall = null;
                incoming = from->NextIncomingOfFall;
            }
        }

        block->Incoming = 0;
        Unlink(block->Taken, (nuint)block);
        Unlink(block->Fall, (nuint)block | 1);
        block->Taken = block->Fall = null;

        // ... and if it is running now, it ends after the current operation.
        for (int i = 0; i < block->OpCount; i++)
        {
            block->Ops[i].Code = OpCode.BlockExit;
        }

        // The jump cache forgets it by the new generation that follows every drop.
        NewGeneration();
    }

    private void RemoveFromPage(Block* block, uint pageNumber)
    {
        Block** link = _firstInPage + pageNumber;
        while (*link != block)
        {
            link = NextIn(*link, pageNumber);
        }

        *link = *NextIn(block, pageNumber);
    }

    private static Block** NextIn(Block* block, uint pageNumber) =>
        block->Physical >> 12 == pageNumber ? &block->NextInPage : &block->NextInSecondPage;

    private static void Unlink(Block* to, nuint reference)
    {
        if (to == null)
        {
            return;
        }

        nuint* link = &to->Incoming;
        while (*link != 0)
        {
            Block* from = (Block*)(*link & ~(nuint)1);
            nuint* next = (*link & 1) == 0 ? &from->NextIncomingOfTaken : &from->NextIncomingOfFall;
            if (*link == reference)
            {
                *link = *next;
                return;
            }

            link = next;
        }
    }

    private uint LinkKey(Block* from, Block* to) =>
        from->SecondPage == Block.NoPage && to->SecondPage == Block.NoPage
        && ((from->Eip ^ to->Eip) & Mmu.PageMask) == 0 && ((from->Physical ^ to->Physical) & Mmu.PageMask) == 0
            ? Block.SamePage
            : Key;

    private void Reset()
    {
        NativeMemory.Clear(_buckets, Buckets * (nuint)sizeof(Block*));
        NativeMemory.Clear(_firstInPage, _memory.PageLimit * (nuint)sizeof(Block*));
        NativeMemory.Clear(Jumps, JumpEntries * (nuint)sizeof(JumpEntry));
        _arenaUsed = 0;
        _epoch++;
    }

    private static uint Bucket(uint physical) => (physical ^ (physical >> 16)) & (Buckets - 1);
}

/// <summary>One entry of the jump cache.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct JumpEntry
{
    public ulong Tag;
    public Block* Block;
}
