// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Iced.Intel;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Statistics;

namespace LguestPlug.Emulator.Translation;

/// <summary>
/// All translated blocks, found by guest-physical address, so that remapping and page-table switches throw nothing away. When the
/// arena is full everything is dropped and translated anew.
/// </summary>
internal sealed unsafe class TranslationCache : ICodeStore, IDisposable
{
    /// <summary>Bytes of generated code at most: one half for what runs often, one for what does not.</summary>
    public const uint ArenaBytes = 64 << 20;

    private const uint SlowInstructions = 1 << 17;
    private const uint MaxBlocks = 1 << 19;
    private const uint Buckets = 1 << 16;
    private const int JoinedBytes = 32;

    private readonly CpuState* _state;
    private readonly Mmu _mmu;
    private readonly PhysicalMemory _memory;
    private readonly CodePages _pages;
    private readonly TranslatorMemory _tables;
    private readonly ExecutableMemory _arena;
    private readonly ActivityClock? _clock;
    private readonly Emitter _emitter = new();
    private readonly BlockTranslator _translator;
    private readonly CodeBytes _bytes = new();
    private readonly Decoder _decoder;
    private readonly TranslatedBlock** _buckets;
    private readonly TranslatedBlock** _firstInPage;
    private readonly TranslatedBlock* _blocks;
    private readonly SlowInstruction* _slowInstructions;
    private readonly byte* _hotStart;

    private byte* _hot;
    private byte* _cold;
    private uint _blockCount;
    private SlowInstruction* _slow;

    public TranslationCache(
        TranslatorMemory tables, HostFpu fpu, ExecutableMemory arena, Mmu mmu, PhysicalMemory memory, CodePages pages, ActivityClock? clock)
    {
        _state = tables.Cpu;
        _tables = tables;
        _arena = arena;
        _clock = clock;
        _mmu = mmu;
        _memory = memory;
        _pages = pages;
        _buckets = (TranslatedBlock**)NativeMemory.AllocZeroed(Buckets, (nuint)sizeof(TranslatedBlock*));
        _firstInPage = (TranslatedBlock**)NativeMemory.AllocZeroed(memory.PageLimit, (nuint)sizeof(TranslatedBlock*));
        // Not zeroed: the system commits the pages as they are used.
        _blocks = (TranslatedBlock*)NativeMemory.Alloc(MaxBlocks, (nuint)sizeof(TranslatedBlock));
        _slowInstructions = (SlowInstruction*)NativeMemory.Alloc(SlowInstructions, (nuint)sizeof(SlowInstruction));
        tables.Walker->Memory = memory.Base;
        tables.Walker->Pages = memory.PageLimit;
        tables.Walker->Code = pages.Lines;
        _emitter.At = arena.Writable;
        Stubs = new RuntimeStubs(_emitter, arena.ToExecutable, tables.Walker);
        RingCrossing = new RingCrossing(_emitter, Stubs);
        ShortCalls = new ShortCalls(_emitter, Stubs);
        PagewiseStrings = new PagewiseStrings(_emitter);
        Simd = new HostSimd(tables, fpu, _emitter, arena.ToExecutable);
        _hotStart = _emitter.At;
        _translator = new BlockTranslator(_emitter, Stubs, this);
        _decoder = Decoder.Create(32, _bytes, CodeBytes.Options);
        Empty();
    }

    /// <summary>How to compute flags that were not saved.</summary>
    public FlagRecipes Recipes { get; } = new();

    /// <summary>The shared pieces of code.</summary>
    public RuntimeStubs Stubs { get; }

    /// <summary>System calls and returns.</summary>
    public RingCrossing RingCrossing { get; }

    /// <summary>Calls of the system without the system.</summary>
    public ShortCalls ShortCalls { get; }

    /// <summary>Repeated string instructions across pages.</summary>
    public PagewiseStrings PagewiseStrings { get; }

    /// <summary>Executes single MMX and SSE instructions.</summary>
    public HostSimd Simd { get; }

    /// <summary>Blocks translated so far.</summary>
    public long BlocksTranslated { get; private set; }

    /// <summary>Guest instructions translated so far.</summary>
    public long InstructionsTranslated { get; private set; }

    /// <summary>Blocks dropped so far because their code was written over.</summary>
    public long BlocksDropped { get; private set; }

    /// <summary>Times that the room for code was used up.</summary>
    public long Resets { get; private set; }

    /// <summary>Bytes of generated code now in the arena.</summary>
    public long CodeBytesUsed => (_hot - _hotStart) + (_cold - (_arena.Writable + (ArenaBytes / 2)));

    /// <summary>A page with code was dropped since this was last set to false: code that runs now may be stale.</summary>
    public bool HasDropped { get; set; }

    /// <summary>What the next instruction is decoded as.</summary>
    public CodeMode Mode
    {
        get => _tables.State->Mode;
        set => _tables.State->Mode = value;
    }

    public void Dispose()
    {
        NativeMemory.Free(_buckets);
        NativeMemory.Free(_firstInPage);
        NativeMemory.Free(_blocks);
        NativeMemory.Free(_slowInstructions);
    }

    /// <summary>Nothing to do: who comes to a block has just looked where its page is.</summary>
    public void NewGeneration()
    {
    }

    /// <inheritdoc/>
    public void DropPage(uint pageNumber)
    {
        TranslatedBlock* block = _firstInPage[pageNumber];
        if (block == null)
        {
            return;
        }

        HasDropped = true;
        while (_firstInPage[pageNumber] != null)
        {
            Drop(_firstInPage[pageNumber]);
        }
    }

    /// <summary>Finds or translates the code at an address; null after a fault. The arena may be emptied: no link site outlives this.</summary>
    public byte* Find(uint eip, out TranslatedBlock* found)
    {
        CodeMode mode = Mode;
        found = null;
        uint physical = _mmu.TranslateFetchForGeneratedCode(eip, out nint addend);
        if (physical == Block.NoPage)
        {
            return null;
        }

        TranslatedBlock* block = FindBlock(physical, eip, mode);
        if (block != null && block->SecondPage != Block.NoPage)
        {
            uint second = _mmu.TranslateFetchForGeneratedCode((eip | 0xFFF) + 1, out _);
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
            block = Translate(eip, physical);
            _clock?.Enter(before);
            if (block == null)
            {
                return null;
            }
        }

        found = block;
        byte* code = block->Entry + _arena.ToExecutable;
        // A block in two pages looks at the second itself, if the flat TLB can hold that.
        if (addend != 0 && (block->SecondPage == Block.NoPage || FlatTlb.CanHold((eip | 0xFFF) + 1)))
        {
            *JumpOf(eip) = new TranslatedJump { Eip = eip, Mode = mode, Code = code, Addend = addend };
        }

        return code;
    }

    /// <summary>Where a guest-physical address is.</summary>
    public byte* HostAddress(uint physical) => _memory.Base + physical;

    /// <summary>The block that a jump within a page may be linked to; null if there is none.</summary>
    public byte* FindForLink(uint physical, uint eip, CodeMode mode)
    {
        TranslatedBlock* block = FindBlock(physical, eip, mode);
        return block == null || block->SecondPage != Block.NoPage ? null : block->Entry;
    }

    /// <summary>Lets the jump whose displacement is at <paramref name="site"/> lead straight to a block, or to where it is looked for.</summary>
    public void Link(byte* site, TranslatedBlock* to)
    {
        const int LookupBytes = 128;
        if (to->SecondPage == Block.NoPage)
        {
            Emitter.Bind(site - _arena.ToExecutable, to->Entry);
        }
        else if (_cold + LookupBytes < _arena.Writable + ArenaBytes)
        {
            // Where its second page leads may change.
            Emitter.Bind(site - _arena.ToExecutable, _cold);
            _emitter.At = _cold;
            _emitter.MoveImmediate(HostRegister.Address, to->Eip);
            Emitter.Bind(JumpCache.EmitJump(_emitter, to->Mode), Stubs.MissedJump((to->Mode & CodeMode.User) != 0));
            _cold = _emitter.At;
        }
    }

    private TranslatedBlock* FindBlock(uint physical, uint eip, CodeMode mode)
    {
        TranslatedBlock* block = _buckets[Bucket(physical)];
        while (block != null && !(block->Physical == physical && block->Eip == eip && block->Mode == mode))
        {
            block = block->NextInBucket;
        }

        return block;
    }

    private TranslatedBlock* Translate(uint eip, uint physical)
    {
        byte* middle = _arena.Writable + (ArenaBytes / 2);
        if (_hot + BlockTranslator.MaxHotBytes > middle || _cold + BlockTranslator.MaxColdBytes > middle + (ArenaBytes / 2)
            || _blockCount == MaxBlocks || _slow + (3 * BlockTranslator.MaxInstructions) > _slowInstructions + SlowInstructions)
        {
            Resets++;
            Empty();
        }

        byte* joined = stackalloc byte[JoinedBytes];
        uint second = Block.NoPage;
        uint ip = eip;
        nint secondAddend = 0;
        CodeMode mode = Mode;
        _translator.Begin(eip, physical, mode);
        _bytes.SetRange(_memory.Base + physical, 0x1000 - (physical & 0xFFF));
        int count = 0;
        for (bool more = true; more;)
        {
            byte* start = _bytes.Position;
            _decoder.IP = ip;
            _decoder.Decode(out Instruction instruction);
            if (_decoder.LastError == DecoderError.NoMoreBytes)
            {
                if (count > 0)
                {
                    // The instruction across the page end gets a block of its own.
                    break;
                }

                uint inFirst = 0x1000 - (physical & 0xFFF);
                second = _mmu.TranslateFetchForGeneratedCode(eip + inFirst, out secondAddend);
                if (second == Block.NoPage)
                {
                    return null;
                }

                Unsafe.CopyBlockUnaligned(joined, start, inFirst);
                Unsafe.CopyBlockUnaligned(joined + inFirst, _memory.Base + second, 16);
                _bytes.SetRange(joined, inFirst + 16);
                _decoder.IP = ip;
                _decoder.Decode(out instruction);
                start = joined;
            }

            more = _translator.Add(start, instruction, ip) && second == Block.NoPage && (mode & CodeMode.SingleStep) == 0;
            ip += (uint)Math.Max(instruction.Length, 1);
            count++;
        }

        TranslatedBlock* block = _blocks + _blockCount++;
        byte* entry = _translator.Finish(ref _hot, ref _cold, ref _slow, second != Block.NoPage, secondAddend, out byte* stale);
        *block = new TranslatedBlock { Eip = eip, Physical = physical, SecondPage = second, Mode = mode, Entry = entry, Stale = stale };
        BlocksTranslated++;
        InstructionsTranslated += count;
        Register(block, ip - eip);
        return block;
    }

    private void Register(TranslatedBlock* block, uint length)
    {
        TranslatedBlock** bucket = _buckets + Bucket(block->Physical);
        block->NextInBucket = *bucket;
        *bucket = block;

        uint inFirst = Math.Min(length, 0x1000 - (block->Physical & 0xFFF));
        Guard(block->Physical, inFirst);
        TranslatedBlock** first = _firstInPage + (block->Physical >> 12);
        block->NextInPage = *first;
        *first = block;
        if (block->SecondPage != Block.NoPage)
        {
            Guard(block->SecondPage, length - inFirst);
            first = _firstInPage + (block->SecondPage >> 12);
            block->NextInSecondPage = *first;
            *first = block;
        }
    }

    private void Guard(uint physical, uint length)
    {
        if (_pages.Mark(physical, length))
        {
            _mmu.WithdrawWrites(physical & Mmu.PageMask);
        }
    }

    private void Drop(TranslatedBlock* block)
    {
        BlocksDropped++;
        TranslatedBlock** link = _buckets + Bucket(block->Physical);
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

        TranslatedJump* jump = JumpOf(block->Eip);
        if (jump->Code == block->Entry + _arena.ToExecutable)
        {
            *jump = JumpCache.Nothing;
        }

        // Whoever still comes here by a link finds the way out.
        *block->Entry = 0xE9;
        Emitter.Bind(block->Entry + 1, block->Stale);
    }

    private void RemoveFromPage(TranslatedBlock* block, uint pageNumber)
    {
        TranslatedBlock** link = _firstInPage + pageNumber;
        while (*link != block)
        {
            link = NextIn(*link, pageNumber);
        }

        *link = *NextIn(block, pageNumber);
    }

    private static TranslatedBlock** NextIn(TranslatedBlock* block, uint pageNumber) =>
        block->Physical >> 12 == pageNumber ? &block->NextInPage : &block->NextInSecondPage;

    private void Empty()
    {
        NativeMemory.Clear(_buckets, Buckets * (nuint)sizeof(TranslatedBlock*));
        NativeMemory.Clear(_firstInPage, _memory.PageLimit * (nuint)sizeof(TranslatedBlock*));
        ClearJumps();
        _hot = _hotStart;
        _cold = _arena.Writable + (ArenaBytes / 2);
        _blockCount = 0;
        _slow = _slowInstructions;
        _tables.State->PatchSite = null;
        Recipes.Clear();
    }

    private TranslatedJump* JumpOf(uint eip) => _tables.Jumps + JumpCache.Index(eip);

    private void ClearJumps()
    {
        NativeMemory.Clear(_tables.Jumps, JumpCache.Entries * (nuint)sizeof(TranslatedJump));
        *JumpOf(0) = JumpCache.Nothing; // the one place where all zeros might be an entry
    }

    private static uint Bucket(uint physical) => (physical ^ (physical >> 16)) & (Buckets - 1);
}

/// <summary>A translated block.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TranslatedBlock
{
    public uint Eip;

    /// <summary>Guest-physical address of the first byte.</summary>
    public uint Physical;

    /// <summary>Guest-physical page of the last byte if that is another page, else <see cref="Block.NoPage"/>.</summary>
    public uint SecondPage;

    public CodeMode Mode;

    /// <summary>Where it starts, in the writable mapping.</summary>
    public byte* Entry;

    /// <summary>Where a jump at its start leads when it is dropped.</summary>
    public byte* Stale;

    public TranslatedBlock* NextInBucket;
    public TranslatedBlock* NextInPage;
    public TranslatedBlock* NextInSecondPage;
}
