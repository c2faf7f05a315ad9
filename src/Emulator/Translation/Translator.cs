// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Interpretation;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Statistics;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Translation;

/// <summary>Runs flat 32-bit guest code as machine code of the host: the counterpart of <see cref="Interpreter"/>.</summary>
internal sealed unsafe class Translator : IDisposable
{
    /// <summary>
    /// Instructions between two looks at what other threads want. Generated code counts down and looks at nothing else; so many take
    /// a few microseconds.
    /// </summary>
    public const int Slice = 16384;

    private readonly TranslatorState* _local;
    private readonly CpuState* _state;
    private readonly Mmu _mmu;
    private readonly CodePages _pages;
    private readonly InstructionExecutor _executor;
    private readonly ExecutableMemory _arena;
    private readonly GCHandle _self;
    private readonly Cpu _cpu;
    private readonly RingCrossingState* _crossing;
    private readonly ShortCallState* _shortCalls;
    private readonly CpuSystem _system;
    private readonly bool _keepsSegmentsCurrent;
    private readonly ActivityClock? _clock;
    private readonly TranslatorCounts _counts = new();
    private long _limit;

    public Translator(
        Cpu cpu, CpuSystem system, TranslatorMemory tables, ExecutableMemory arena, Mmu mmu, PhysicalMemory memory, CodePages pages, InstructionExecutor executor, ActivityClock? clock)
    {
        _cpu = cpu;
        _state = tables.Cpu;
        _local = tables.State;
        _mmu = mmu;
        _system = system;
        _keepsSegmentsCurrent = system.KeepsSegmentsCurrent;
        _crossing = tables.RingCrossing;
        _crossing->Vector = _crossing->ReturnLevel = RingCrossing.None;
        _crossing->SupervisorTlb = mmu.Tlb(user: false);
        _crossing->UserTlb = mmu.Tlb(user: true);
        _shortCalls = tables.ShortCalls;
        _shortCalls->Set.Vector = ShortCalls.None;
        _shortCalls->Executed = mmu.ExecutedPages;
        _shortCalls->SupervisorTlb = mmu.Tlb(user: false);
        _shortCalls->UserTlb = mmu.Tlb(user: true);
        _pages = pages;
        _executor = executor;
        _arena = arena;
        _clock = clock;
        Fpu = new HostFpu(tables);
        Cache = new TranslationCache(tables, Fpu, arena, mmu, memory, pages, clock);
        executor.HostSimd = Cache.Simd;
        pages.Add(Cache);
        _self = GCHandle.Alloc(this);
        _local->Owner = GCHandle.ToIntPtr(_self);
        _local->MemoryHelper = (nint)(delegate* unmanaged<CpuState*, uint, uint, byte*>)&AccessMemory;
        _local->CommitHelper = (nint)(delegate* unmanaged<CpuState*, int>)&CommitStore;
        _local->FpuHelper = (nint)(delegate* unmanaged<CpuState*, int, int>)&PrepareFpu;
        _local->CallHelper = (nint)(delegate* unmanaged<CpuState*, uint, int>)&CallSystem;
        _local->SlowHelper = (nint)(delegate* unmanaged<CpuState*, SlowInstruction*, int, int>)&InterpretOne;
    }

    /// <summary>The guest's x87 and SSE state in the host's form.</summary>
    public HostFpu Fpu { get; }

    /// <summary>Floating point is left to the interpreter, because the guest unmasked an exception.</summary>
    public bool InterpretsFpu { get; private set; }

    /// <summary>The translated code.</summary>
    public TranslationCache Cache { get; }

    /// <summary>
    /// Stop exactly at the instruction limit, not up to a block behind it, and at every trap: the caller delivers it.
    /// </summary>
    public bool IsExact { get; init; }

    /// <summary>Translate to blocks of one instruction.</summary>
    public bool IsStepping { get; set; }

    /// <summary>Leave all floating point to the interpreter.</summary>
    public bool AvoidsFpu { get; set; }

    /// <summary>Lets translated code walk these tables, or ask the system if there are none.</summary>
    public void SetPageTables(PageTables? tables, PhysicalMemory memory) =>
        // A trial must see what is entered into the TLB.
        Cache.Stubs.Walker.Use(IsExact ? null : tables, memory);

    /// <summary>System calls made in generated code.</summary>
    public long SystemCalls => _crossing->Calls;

    /// <summary>Lets generated code make this system call, or none.</summary>
    public void SetSystemCall(in SystemCall? call)
    {
        const uint FrameBytes = 20, PageBytes = 0x1000;
        _crossing->Vector = RingCrossing.None;
        if (call is { } c && !IsExact && Cpu.IsFlatCode(c.Code) && Cpu.IsFlatStack(c.Stack) && ((c.StackTop - 1) & (PageBytes - 1)) >= FrameBytes - 1)
        {
            _crossing->Handler = c.Handler;
            _crossing->StackTop = c.StackTop;
            _crossing->HandlerCode = c.Code;
            _crossing->HandlerStack = c.Stack;
            _crossing->Vector = c.Vector;
        }
    }

    /// <summary>Lets generated code make these calls itself. In a trial they are the system's: it answers both executions the same.</summary>
    public void SetShortCalls(in ShortCallSet calls)
    {
        if (!IsExact)
        {
            _shortCalls->Set = calls;
        }
    }

    /// <summary>Adds the calls made in generated code to those counted elsewhere, by number.</summary>
    public long[] AddShortCalls(long[] counts) =>
        [.. counts.Select((count, number) => number < ShortCalls.Numbers ? count + _shortCalls->Counts[number] : count)];

    /// <summary>Those of them that dropped a page from the TLB.</summary>
    public long PagesDropped => _shortCalls->Counts[_shortCalls->Set.DropPage];

    /// <summary>A return to an outer level passed all checks: the same may be made in generated code until <see cref="ForgetReturn"/>.</summary>
    public void NoteReturn(uint fromLevel, in Segment code, in Segment stack)
    {
        if (!IsExact && _keepsSegmentsCurrent && (code.Selector & 3) == 3 && Cpu.IsFlatCode(code) && Cpu.IsFlatStack(stack))
        {
            _crossing->SegmentsAreCurrent = 1;
            _crossing->ReturnCode = code;
            _crossing->ReturnStack = stack;
            _crossing->ReturnLevel = fromLevel;
        }
    }

    /// <summary>The descriptors of the noted return have changed.</summary>
    public void ForgetReturn() => _crossing->ReturnLevel = RingCrossing.None;

    /// <summary>Gets ready for code of the CPU's present mode; false if such code is not translated.</summary>
    public bool TrySelectMode()
    {
        CodeMode mode = _cpu.SegmentMode;
        if ((mode & ~CodeMode.User) != 0 || (_state->SystemFlags & Eflags.Trap) != 0)
        {
            return false;
        }

        mode |= (InterpretsFpu || AvoidsFpu ? CodeMode.InterpretedFpu : CodeMode.None) | (IsStepping ? CodeMode.SingleStep : CodeMode.None);
        if (mode != Cache.Mode)
        {
            Cache.Mode = mode;
        }

        return true;
    }

    /// <summary>Runs from EIP on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public ExecutionEnd Run()
    {
        CpuState* s = _state;
        TranslatorState* local = _local;
        SaveFlags();
        while (true)
        {
            _limit = Volatile.Read(ref s->InstructionLimit);
            long left = _limit - s->InstructionCount;
            if (left <= 0)
            {
                // An interrupt may come now: the next block is not the jump's target.
                local->PatchSite = null;
                return Leave(ExecutionEnd.Limit);
            }

            _pages.DropStalePages();
            byte* code = Cache.Find(s->Eip, out TranslatedBlock* block);
            if (code == null)
            {
                // Fetching there faulted: the instruction did not even begin.
                _executor.FaultEip = s->Eip;
                local->PatchSite = null;
                return Leave(ExecutionEnd.Trap);
            }

            if (local->PatchSite != null)
            {
                if (block != null)
                {
                    Cache.Link(local->PatchSite, block);
                }

                local->PatchSite = null;
            }

            // A block is executed whole: there must be room for the longest.
            int budget = (int)Math.Clamp(left, IsExact || IsStepping ? 1 : BlockTranslator.MaxInstructions, Slice);
            local->Budget = budget;
            local->Unexecuted = 0;
            _clock?.Enter(Activity.Guest);
            var reason = (ExitReason)Cache.Stubs.Enter(s, code);
            _clock?.Enter(Activity.Runtime);
            _counts.Exits[(int)reason]++;
            int executed = budget - local->Budget - local->Unexecuted;
            s->InstructionCount += executed;
            if (IsExact && executed == 0 && reason is ExitReason.Lookup or ExitReason.Link)
            {
                // The next block is longer than what is left; the rest goes by single instructions.
                local->PatchSite = null;
                Cache.Mode |= CodeMode.SingleStep;
            }

            if ((local->Flags & FlagRecipes.Mark) != 0)
            {
                // What the recipe needs may not be there when the next block was translated under another assumption.
                LoadFlags();
                SaveFlags();
            }

            if (reason == ExitReason.Trap)
            {
                return Leave(ExecutionEnd.Trap);
            }

            if (reason == ExitReason.ModeChange)
            {
                return Leave(ExecutionEnd.Lookup);
            }
        }
    }

    public void Dispose()
    {
        Cache.Dispose();
        _arena.Dispose();
        _self.Free();
    }

    private ExecutionEnd Leave(ExecutionEnd end)
    {
        LoadFlags();
        return end;
    }

    // ---- the flags' two forms -------------------------------------------------------------------------------------------

    /// <summary>Brings the flags from the interpreter's form into that of generated code.</summary>
    private void SaveFlags()
    {
        uint flags = Eflags.Get(_state);
        _local->Flags = ((flags & 0xFF) << 8) | ((flags & Eflags.Overflow) >> 11);
    }

    private void LoadFlags()
    {
        uint saved = _local->Flags;
        Eflags.SetStatus(_state, (saved & FlagRecipes.Mark) != 0
            ? Cache.Recipes.Evaluate(saved, _state)
            : ((saved >> 8) & 0xFF) | ((saved & 1) << 11));
    }

    // ---- called from generated code -------------------------------------------------------------------------------------

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Translator Of(CpuState* s) =>
        Unsafe.As<Translator>(GCHandle.FromIntPtr(((TranslatorState*)s - 1)->Owner).Target!);

    /// <summary>Notes that generated code has called.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Translator Called(RuntimeCall call)
    {
        _clock?.Enter(Activity.Runtime);
        _counts.Calls[(int)call]++;
        return this;
    }

    /// <summary>An access that the flat TLB does not know, or that crosses pages. Returns where to make it; null after a fault.</summary>
    [UnmanagedCallersOnly]
    private static byte* AccessMemory(CpuState* s, uint address, uint information)
    {
        Translator t = Of(s).Called(RuntimeCall.AccessMemory);
        byte* host = t.AccessMemory(address, information);
        t._clock?.Enter(Activity.Guest);
        return host;
    }

    private byte* AccessMemory(uint address, uint information)
    {
        uint size = information & 0xFF;
        bool write = (information & 0x100) != 0;
        TranslatorState* local = _local;
        local->PendingSize = 0;
        if ((address & 0xFFF) + size <= 0x1000)
        {
            byte* host = _mmu.TranslateForGeneratedCode(address, write, out bool direct);
            if (host == null)
            {
                return Fault(information);
            }

            if (!write || direct)
            {
                return host;
            }
        }
        else if (write && !_mmu.ProbeWrite(address, size))
        {
            return Fault(information);
        }

        if (!_mmu.Read(address, local->Scratch, size))
        {
            return Fault(information);
        }

        if (write)
        {
            local->PendingAddress = address;
            local->PendingSize = size;
        }

        return local->Scratch;
    }

    private byte* Fault(uint information)
    {
        if (_local->FpuHome == FpuHome.ImageForCall)
        {
            _local->FpuHome = FpuHome.Image;
        }

        _local->PendingExit = Trap(_state->Eip, (int)(information >> 16));
        return null;
    }

    /// <summary>Makes the pending store. Returns how many bytes further generated code goes on: 5 if the block must end.</summary>
    [UnmanagedCallersOnly]
    private static int CommitStore(CpuState* s)
    {
        Translator t = Of(s).Called(RuntimeCall.CommitStore);
        int result = t.CommitStore();
        t._clock?.Enter(Activity.Guest);
        return result;
    }

    private int CommitStore()
    {
        Cache.HasDropped = false;
        // Cannot fault: it was probed.
        _ = _mmu.Write(_local->PendingAddress, _local->Scratch, _local->PendingSize);
        return Cache.HasDropped ? 5 : 0;
    }

    /// <summary>Makes the FPU image ready to be loaded. Returns 0, or an <see cref="ExitReason"/> if the guest may not use it now.</summary>
    [UnmanagedCallersOnly]
    private static int PrepareFpu(CpuState* s, int unexecuted)
    {
        Translator t = Of(s).Called(RuntimeCall.PrepareFpu);
        int result = t.PrepareFpu(unexecuted);
        t._clock?.Enter(Activity.Guest);
        return result;
    }

    private int PrepareFpu(int unexecuted)
    {
        if (_state->TaskSwitched != 0)
        {
            _state->FaultVector = TrapVector.DeviceNotAvailable;
            _state->FaultError = 0;
            return (int)Trap(_state->Eip, unexecuted);
        }

        if (_local->FpuHome == FpuHome.State && HostFpu.NeedsInterpreter(_state))
        {
            InterpretsFpu = true;
            _local->Unexecuted = unexecuted;
            return (int)ExitReason.ModeChange;
        }

        Fpu.ToImage();
        return 0;
    }

    /// <summary>Interprets one instruction. Returns 0 to go on, else an <see cref="ExitReason"/>.</summary>
    [UnmanagedCallersOnly]
    private static int InterpretOne(CpuState* s, SlowInstruction* instruction, int unexecuted)
    {
        Translator t = Of(s).Called(RuntimeCall.InterpretOne);
        t._counts.Interpreted[(int)instruction->Instruction.Code]++;
        int result = t.InterpretOne(instruction, unexecuted);
        t._clock?.Enter(Activity.Guest);
        return result;
    }

    private int InterpretOne(SlowInstruction* instruction, int unexecuted)
    {
        uint eip = _state->Eip;
        LoadFlags();
        Cache.HasDropped = false;
        SlowResult result = instruction->Handler(_executor, instruction);
        SaveFlags();
        if (InterpretsFpu && result == SlowResult.Done && !HostFpu.NeedsInterpreter(_state))
        {
            InterpretsFpu = false;
            result = SlowResult.Leave;
            _state->Eip = instruction->Instruction.NextIP32;
        }

        switch (result)
        {
            case SlowResult.Done when !Cache.HasDropped:
                return 0;
            case SlowResult.Done:
                _state->Eip = instruction->Instruction.NextIP32;
                return (int)GoOn(unexecuted - 1);
            case SlowResult.Leave:
                return (int)GoOn(unexecuted - 1);
            default:
                return (int)Trap(eip, unexecuted);
        }
    }

    /// <summary>INT n, EIP being behind it. Returns 0 if it is to be interpreted, else an <see cref="ExitReason"/>.</summary>
    [UnmanagedCallersOnly]
    private static int CallSystem(CpuState* s, uint vector)
    {
        Translator t = Of(s).Called(RuntimeCall.SystemCall);
        int result = t.CallSystem(vector);
        t._clock?.Enter(Activity.Guest);
        return result;
    }

    private int CallSystem(uint vector) =>
        // A trap does not count as an instruction.
        !IsExact && _system.TryCall(vector) ? (int)GoOn(unexecuted: 1) : 0;

    /// <summary>What has been done so far.</summary>
    public TranslationStatistics GetStatistics() => new()
    {
        Instructions = Cache.InstructionsTranslated,
        Blocks = Cache.BlocksTranslated,
        BlocksDropped = Cache.BlocksDropped,
        CodeBytes = Cache.CodeBytesUsed,
        ArenaResets = Cache.Resets,
        Exits = _counts.NamedExits(),
        Calls = _counts.NamedCalls(),
        Interpreted = _counts.InterpretedByMnemonic(),
    };

    /// <summary>Delivers the pending trap of the instruction at <paramref name="eip"/>, if possible without leaving generated code.</summary>
    private ExitReason Trap(uint eip, int unexecuted)
    {
        _executor.FaultEip = eip;
        if (IsExact)
        {
            _local->Unexecuted = unexecuted;
            return ExitReason.Trap;
        }

        LoadFlags();
        _cpu.DeliverTrap();
        SaveFlags();
        return GoOn(unexecuted);
    }

    /// <summary>EIP and perhaps the mode have changed: goes on there, if possible without leaving generated code.</summary>
    private ExitReason GoOn(int unexecuted)
    {
        _local->Unexecuted = unexecuted;
        // Whoever wants something sets the limit; code that is stale must not be entered; and the mode may be one for the interpreter.
        if (Volatile.Read(ref _state->InstructionLimit) != _limit || _pages.HasStalePages || !TrySelectMode())
        {
            return ExitReason.ModeChange;
        }

        _counts.Exits[(int)ExitReason.Redirect]++;
        return ExitReason.Redirect;
    }
}
