// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Fpu;
using LguestPlug.Emulator.Interpretation;
using LguestPlug.Emulator.Lockstep;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Statistics;
using LguestPlug.Emulator.Tracing;
using LguestPlug.Emulator.Translation;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator;

/// <summary>The i386 processor: its state, its TLB, its decoded code and its run loop, in the machine that a <see cref="CpuSystem"/> is.</summary>
public sealed unsafe class Cpu : IDisposable
{
    // Present, not system, DPL any, and for code/data the rights that the flat fast paths assume.
    private const uint WritableData = 0x92, WritableDataMask = 0x9E, CodeType = 0x98, CodeTypeMask = 0x98, DefaultSize = 0x4000;

    private readonly CpuSystem _system;
    private readonly Mmu _mmu;
    private readonly CodeCache _code;
    private readonly InstructionExecutor _executor;
    private readonly Interpreter _interpreter;
    private readonly CodePages _pages;
    private readonly TranslatorMemory? _tables;
    private readonly Translator? _translator;
    private readonly LockstepRunner? _lockstep;
    private readonly ActivityClock? _clock;

    /// <summary>A processor with all registers 0 and no usable segment.</summary>
    /// <param name="memory">Guest memory; must stay mapped until <see cref="Dispose"/>.</param>
    /// <param name="system">The machine around it.</param>
    /// <param name="execution">How it executes.</param>
    /// <param name="trace">Where instructions and traps are written to; null for none.</param>
    public Cpu(PhysicalMemory memory, CpuSystem system, CpuExecution execution = CpuExecution.Auto, CpuTrace? trace = null)
        : this(memory, system, execution, trace, clock: null)
    {
    }

    internal Cpu(PhysicalMemory memory, CpuSystem system, CpuExecution execution, CpuTrace? trace, ActivityClock? clock)
    {
        Trace = trace;
        _clock = clock;
        Memory = memory;
        _system = system;
        ExecutableMemory? arena = Arena(execution);
        _tables = arena == null ? null : new TranslatorMemory();
        State = _tables != null ? _tables.Cpu : (CpuState*)NativeMemory.AlignedAlloc((nuint)sizeof(CpuState), 64);
        *State = default;
        State->FlagResult = 1;
        State->SystemFlags = 2;
        State->InstructionLimit = long.MaxValue;
        State->Mxcsr = 0x1F80;
        State->SegmentMode = CpuState.UnknownMode;
        X87.Initialize(&State->Fpu);
        _pages = new CodePages(memory);
        ReplayedSystem? replayed = execution == CpuExecution.Lockstep ? new ReplayedSystem(system) : null;
        _mmu = new Mmu(State, system, memory, _pages, _tables == null ? null : new FlatTlb(_tables));
        _code = new CodeCache(State, _mmu, memory, _pages, clock);
        _pages.Add(_code);
        _executor = new InstructionExecutor(this, _mmu, replayed ?? system);
        _interpreter = new Interpreter(State, _mmu, _code, _executor);
        _translator = arena == null ? null : new Translator(this, system, _tables!, arena, _mmu, memory, _pages, _executor, clock) { IsExact = replayed != null };
        _lockstep = replayed == null ? null : new LockstepRunner(this, _mmu, memory, _code, _interpreter, _executor, _translator!, replayed);
    }

    /// <summary>The registers; valid until <see cref="Dispose"/>. Segment registers are changed by <see cref="SetSegment"/> only.</summary>
    public CpuState* State { get; }

    /// <summary>Guest memory.</summary>
    public PhysicalMemory Memory { get; }

    /// <summary>Where instructions and traps are written to.</summary>
    internal CpuTrace? Trace { get; }

    /// <summary>Instructions executed by the interpreter's own loop.</summary>
    internal long InstructionsInterpreted { get; private set; }

    /// <summary>What the translator has done; null if there is none.</summary>
    internal TranslationStatistics? Translation => _translator?.GetStatistics();

    /// <summary>What address translation has done.</summary>
    internal MemoryStatistics MemoryStatistics => new()
    {
        PageWalks = _mmu.Walks,
        TlbFills = _mmu.Fills,
        FlatTlbFills = _mmu.FlatFills,
        TlbFlushes = _mmu.Flushes,
        PageFlushes = _mmu.PageFlushes + (_translator?.PagesDropped ?? 0),
    };

    /// <summary>EFLAGS in full.</summary>
    public uint EflagsValue
    {
        get => Eflags.Get(State);
        set => Eflags.Set(State, value);
    }

    /// <summary>What executes translated code.</summary>
    internal Translator? Translator => _translator;

    /// <summary>What tries the two ways of execution against each other.</summary>
    internal LockstepRunner? Lockstep => _lockstep;

    /// <summary>MMX, SSE and SSE2 are there: the host's CPU executes them. In lockstep they are not: the interpreter does not know them.</summary>
    public bool HasVectors => _translator != null && _lockstep == null;

    /// <summary>The pending trap leaves EIP as it is: behind the instruction.</summary>
    internal bool TrapIsBehind { get; set; }

    /// <summary>The pending trap is an INT n, INT3 or INTO.</summary>
    internal bool TrapIsSoftware { get; set; }

    /// <summary>What decoding depends on besides EFLAGS.TF.</summary>
    internal CodeMode SegmentMode
    {
        get
        {
            if (State->SegmentMode == CpuState.UnknownMode)
            {
                State->SegmentMode = (uint)FindSegmentMode();
            }

            return (CodeMode)State->SegmentMode;
        }
    }

    /// <summary>Brings x87, MMX and SSE registers into <see cref="State"/>, wherever they are.</summary>
    public void TakeFpuState() => _translator?.Fpu.ToState();

    /// <summary>A segment register's visible and hidden part.</summary>
    public Segment GetSegment(SegmentRegister register) => (&State->Es)[(int)register];

    /// <summary>Sets a segment register without any check; CS sets the privilege level (its RPL) too.</summary>
    public void SetSegment(SegmentRegister register, in Segment segment)
    {
        (&State->Es)[(int)register] = segment;
        if (register == SegmentRegister.Cs)
        {
            State->Cpl = segment.Selector & 3u;
            _mmu.Select(State->Cpl == 3);
        }

        State->SegmentMode = CpuState.UnknownMode;
    }

    /// <summary>
    /// Tells where the page tables are that <see cref="CpuSystem.Walk"/> looks into, so that translated code may look there itself; null if only the system can.
    /// The caller flushes the TLB.
    /// </summary>
    public void SetPageTables(PageTables? tables) => _translator?.SetPageTables(tables, Memory);

    /// <summary>
    /// Tells what an INT n in ring 3 does if all its checks pass, so that translated code may do it without asking the system; null if each is the system's.
    /// To be called anew when anything of it changes.
    /// </summary>
    public void SetSystemCall(in SystemCall? call) => _translator?.SetSystemCall(call);

    /// <summary>Lets generated code make these calls of the system itself.</summary>
    public void SetShortCalls(in ShortCallSet calls) => _translator?.SetShortCalls(calls);

    /// <summary>Adds the calls that generated code has made to those that the system has counted, by number.</summary>
    internal long[] AddShortCalls(long[] counts) => _translator == null ? counts : _translator.AddShortCalls(counts);

    /// <summary>To be called by a system that <see cref="CpuSystem.KeepsSegmentsCurrent"/> when it has changed descriptors.</summary>
    public void NoteChangedDescriptors() => _executor.NoteChangedDescriptors();

    /// <summary>System calls that the system was not asked about.</summary>
    internal long SystemCalls => _translator?.SystemCalls ?? 0;

    /// <summary>Drops every translation.</summary>
    public void FlushTlb() => _mmu.Flush();

    /// <summary>Drops the translation of the page with this linear address.</summary>
    public void FlushTlbPage(uint address) => _mmu.FlushPage(address);

    /// <summary>Drops the translations of all pages below this linear address.</summary>
    public void FlushTlbBelow(uint address) => _mmu.FlushBelow(address);

    /// <summary>To be called by the system before it writes guest memory itself: decoded code there is dropped.</summary>
    public void BeforeWrite(uint physicalAddress, uint length)
    {
        uint first = Math.Min(length, 0x1000 - (physicalAddress & 0xFFF));
        _pages.BeforeWrite(physicalAddress, first);
        if (first < length)
        {
            _pages.BeforeWrite(physicalAddress + first, length - first);
        }
    }

    /// <summary>Guest memory was written behind the CPU's back: decoded code there is dropped soon. Any thread.</summary>
    public void NotifyMemoryWritten(uint physicalAddress, uint length)
    {
        if (_pages.NoteForeignWrite(physicalAddress, length))
        {
            RequestAttention();
        }
    }

    /// <summary>Makes the CPU call <see cref="CpuSystem.OnLimit"/> at the next block. Any thread.</summary>
    public void RequestAttention() => Volatile.Write(ref State->InstructionLimit, 0);

    /// <summary>Executes the guest until <see cref="CpuSystem.OnLimit"/> returns false.</summary>
    public void Run()
    {
        CpuState* s = State;
        while (true)
        {
            if (s->InstructionCount >= Volatile.Read(ref s->InstructionLimit))
            {
                if (!_system.OnLimit())
                {
                    return;
                }
            }

            // At every turn: the system sets limits of its own, perhaps over a request to look here.
            _pages.DropStalePages();

            bool traced = Trace != null && Trace.Follows(s);
            bool step = (s->SystemFlags & Eflags.Trap) != 0;
            if (!traced && _translator != null && _translator.TrySelectMode())
            {
                if ((_lockstep != null ? _lockstep.Run() : _translator.Run()) == ExecutionEnd.Trap)
                {
                    DeliverTrap();
                }

                continue;
            }

            CodeMode mode = step || traced ? SegmentMode | CodeMode.SingleStep : SegmentMode;
            if (mode != _code.Mode)
            {
                _code.Mode = mode;
            }

            Block* block = _code.Find(s->Eip);
            if (block == null)
            {
                _executor.FaultEip = s->Eip;
                DeliverTrap();
                continue;
            }

            if (step || traced)
            {
                // Ends the run behind one instruction; whoever wanted attention gets it then.
                s->InstructionLimit = 0;
            }

            if (traced)
            {
                Trace!.BeforeInstruction(s, Memory, block);
            }

            long before = s->InstructionCount;
            _clock?.Enter(Activity.Guest);
            ExecutionEnd end = _interpreter.Run(block);
            _clock?.Enter(Activity.Runtime);
            InstructionsInterpreted += s->InstructionCount - before;
            if (traced)
            {
                Trace!.AfterInstruction(s);
            }

            if (end == ExecutionEnd.Trap)
            {
                DeliverTrap();
            }
            else if (step)
            {
                OnTrap(new Trap(TrapVector.Debug, 0, false, 0, s->Eip));
            }
        }
    }

    /// <summary>Releases the state, the TLB and the decoded code.</summary>
    public void Dispose()
    {
        _lockstep?.Dispose();
        _translator?.Dispose();
        _code.Dispose();
        _mmu.Dispose();
        _pages.Dispose();
        if (_tables != null)
        {
            _tables.Dispose();
        }
        else
        {
            NativeMemory.AlignedFree(State);
        }
    }

    /// <summary>To be called when segment registers were changed in the state itself.</summary>
    internal void RefreshSegments()
    {
        _mmu.Select(State->Cpl == 3);
        State->SegmentMode = CpuState.UnknownMode;
    }

    private static ExecutableMemory? Arena(CpuExecution execution)
    {
        if (execution == CpuExecution.Interpreter || (execution == CpuExecution.Auto && RuntimeInformation.ProcessArchitecture != Architecture.X64))
        {
            return null;
        }

        ExecutableMemory? arena = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? ExecutableMemory.TryCreate(TranslationCache.ArenaBytes) : null;
        return arena ?? (execution == CpuExecution.Auto ? null
            : throw new PlatformNotSupportedException("the translator needs an x86-64 processor and a system that lets a process make code"));
    }

    /// <summary>Hands the pending trap to the system.</summary>
    internal void DeliverTrap()
    {
        CpuState* s = State;
        bool software = TrapIsSoftware;
        if (!TrapIsBehind)
        {
            s->Eip = _executor.FaultEip;
        }

        TrapIsBehind = false;
        TrapIsSoftware = false;
        if (s->FaultVector != Mmu.Abandoned)
        {
            uint address = s->FaultVector == TrapVector.PageFault && !software ? s->FaultAddress : 0;
            OnTrap(new Trap(s->FaultVector, s->FaultError, software, address, _executor.FaultEip));
        }
    }

    private void OnTrap(in Trap trap)
    {
        Trace?.WriteTrap(State, trap);
        _system.OnTrap(trap);
    }

    /// <summary>A code segment that translated code can run in.</summary>
    internal static bool IsFlatCode(in Segment g) => IsFlat(g, CodeType, CodeTypeMask) && (g.Access & DefaultSize) != 0;

    /// <summary>A stack segment that translated code can use.</summary>
    internal static bool IsFlatStack(in Segment g) => IsFlat(g, WritableData, WritableDataMask) && (g.Access & DefaultSize) != 0;

    private static bool IsFlat(in Segment g, uint type, uint mask) => g.Base == 0 && g.Limit == uint.MaxValue && (g.Access & mask) == type;

    private CodeMode FindSegmentMode()
    {
        CpuState* s = State;
        bool flat = IsFlat(s->Cs, CodeType, CodeTypeMask) && IsFlat(s->Ds, WritableData, WritableDataMask)
            && IsFlat(s->Es, WritableData, WritableDataMask) && IsFlat(s->Ss, WritableData, WritableDataMask)
            && (s->Ss.Access & DefaultSize) != 0 && IsPlain(s->Fs) && IsPlain(s->Gs);
        return (flat ? CodeMode.None : CodeMode.Segmented)
            | (s->Cpl == 3 ? CodeMode.User : CodeMode.None)
            | ((s->Cs.Access & DefaultSize) == 0 ? CodeMode.SixteenBit : CodeMode.None);

        // FS and GS may have a base and a limit, but no rights to check.
        static bool IsPlain(in Segment g) => !g.IsUsable || (g.Access & WritableDataMask) == WritableData;
    }
}
