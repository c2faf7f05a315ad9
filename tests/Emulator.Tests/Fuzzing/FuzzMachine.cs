// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Tests.HostComparison;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Tests.Fuzzing;

/// <summary>
/// A CPU with the host window's data pages, many pages for code, and nothing else. It runs until the first trap. What one sequence leaves
/// in memory the next one finds.
/// </summary>
internal unsafe class FuzzMachine : CpuSystem, IDisposable
{
    /// <summary>Where the code is.</summary>
    public const uint Code = 0x30000000, CodeBytes = CodePages * Page;

    private const uint CodePages = 64, Page = 0x1000, DataPages = (HostWindow.DataEnd - HostWindow.Data) / Page;

    /// <summary>More than any sequence needs that comes to an end.</summary>
    private const long InstructionBudget = 4096;

    private readonly byte* _memory;
    private long _deadline;
    private Trap? _trap;

    public FuzzMachine(CpuExecution execution)
    {
        _memory = (byte*)NativeMemory.AlignedAlloc((CodePages + DataPages) * Page, Page);
        NativeMemory.Clear(_memory, (CodePages + DataPages) * Page);
        Cpu = new Cpu(new PhysicalMemory((nint)_memory, CodePages + DataPages), this, execution);
    }

    public Cpu Cpu { get; }

    /// <summary>All of its memory: the code, then the data.</summary>
    public Span<byte> Memory => new(_memory, (int)((CodePages + DataPages) * Page));

    /// <summary>To be called when <see cref="Memory"/> was written.</summary>
    public void Written() => Cpu.NotifyMemoryWritten(0, (CodePages + DataPages) * Page);

    /// <summary>Runs from a state, until it traps; null if it does not. The state is then the trap's.</summary>
    public Trap? Run(in FuzzState state)
    {
        CpuState* s = Cpu.State;
        for (int i = 0; i < 8; i++)
        {
            s->Registers[i] = state.Registers[i];
        }

        Cpu.EflagsValue = state.Eflags | Eflags.Interrupt;
        s->Eip = state.Eip;
        Load(SegmentRegister.Cs, HostWindow.FlatCode);
        Load(SegmentRegister.Ss, HostWindow.FlatData);
        Load(SegmentRegister.Es, HostWindow.FlatData);
        Load(SegmentRegister.Ds, HostWindow.FlatData);
        Load(SegmentRegister.Fs, state.Fs);
        Load(SegmentRegister.Gs, 0);
        _trap = null;
        _deadline = s->InstructionLimit = s->InstructionCount + InstructionBudget;
        Cpu.Run();
        return _trap;
    }

    /// <summary>
    /// Whether the last run came so near to its limit that another machine may have stopped there: what is executed is counted block by
    /// block.
    /// </summary>
    public bool WasNearLimit => Cpu.State->InstructionCount >= _deadline - FuzzSequence.MaxBytes;

    /// <summary>The state now, as a trap left it.</summary>
    public FuzzState Now
    {
        get
        {
            FuzzState now = new() { Eip = Cpu.State->Eip, Eflags = Cpu.EflagsValue };
            for (int i = 0; i < 8; i++)
            {
                now.Registers[i] = Cpu.State->Registers[i];
            }

            return now;
        }
    }

    public override WalkStatus Walk(uint address, PageAccess access, out PageWalk walk)
    {
        walk = default;
        uint page = address & ~(Page - 1);
        bool isCode = page - Code < CodeBytes;
        if (!isCode && page - HostWindow.Data >= DataPages * Page)
        {
            walk.ErrorCode = (uint)access;
            return WalkStatus.Fault;
        }

        walk.PhysicalPage = isCode ? page - Code : page - HostWindow.Data + CodeBytes;
        walk.Writable = page != HostWindow.ReadOnly;
        if (!walk.Writable && (access & PageAccess.Write) != 0)
        {
            walk.ErrorCode = 1 | (uint)access;
            return WalkStatus.Fault;
        }

        return WalkStatus.Mapped;
    }

    public override bool TryReadDescriptor(ushort selector, out ulong descriptor) => HostWindow.TryReadDescriptor(selector, out descriptor);

    public override void OnTrap(in Trap trap)
    {
        _trap = trap;
        Cpu.RequestAttention();
    }

    public override bool OnLimit()
    {
        Cpu.State->InstructionLimit = _deadline;
        return _trap == null && Cpu.State->InstructionCount < _deadline;
    }

    public override ulong ReadTimeStampCounter() => 0;

    public override void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx) => eax = ebx = ecx = edx = 0;

    public override void ReadTableRegisters(out uint gdtBase, out ushort gdtLimit, out uint idtBase, out ushort idtLimit, out ushort ldt, out ushort tr, out uint machineStatus)
    {
        gdtBase = idtBase = machineStatus = 0;
        gdtLimit = idtLimit = ldt = tr = 0;
    }

    public void Dispose()
    {
        Cpu.Dispose();
        NativeMemory.AlignedFree(_memory);
        GC.SuppressFinalize(this);
    }

    private void Load(SegmentRegister register, ushort selector)
    {
        Segment segment = new() { Selector = selector };
        if ((selector & 0xFFFC) != 0 && TryReadDescriptor(selector, out ulong descriptor))
        {
            segment = Segment.FromDescriptor(selector, descriptor);
        }

        Cpu.SetSegment(register, segment);
    }
}
