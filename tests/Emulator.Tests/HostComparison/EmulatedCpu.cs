// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>Runs cases on the embedded CPU, in a system that has the window's pages and segments and stops at the first trap.</summary>
internal sealed unsafe class EmulatedCpu : CpuSystem, IDisposable
{
    /// <summary>More than the longest case needs; the repetitions of a string instruction may count.</summary>
    private const long InstructionBudget = 200_000;

    /// <summary>Where the CPU idles after the trap until it notices that it shall stop: a page with a jump to itself.</summary>
    private const uint Parking = 0x70000000;

    private static readonly int PageCount = HostWindow.Pages.Length;

    private readonly byte* _memory;
    private readonly byte[] _before = new byte[PageCount * HostWindow.PageBytes];
    private readonly bool[] _touched = new bool[PageCount];
    private readonly Cpu _cpu;
    private CpuOutcome? _outcome;
    private bool _started;
    private bool _hasVectors;

    public EmulatedCpu(CpuExecution execution, bool oneInstructionBlocks = false)
    {
        uint pages = (uint)PageCount + 1;
        _memory = (byte*)NativeMemory.AlignedAlloc(pages * HostWindow.PageBytes, HostWindow.PageBytes);
        Array.Fill(_touched, true);
        byte* parking = _memory + (PageCount * HostWindow.PageBytes);
        parking[0] = 0xEB;
        parking[1] = 0xFE;
        _cpu = new Cpu(new PhysicalMemory((nint)_memory, pages), this, execution);
        if (_cpu.Translator != null)
        {
            _cpu.Translator.IsStepping = oneInstructionBlocks;
        }
    }

    public CpuOutcome Run(CpuCase test)
    {
        RestorePages();
        foreach (MemoryPatch patch in test.Patches)
        {
            Apply(patch);
        }

        CpuState* state = _cpu.State;
        for (int i = 0; i < 8; i++)
        {
            state->Registers[i] = test.Registers[i];
        }

        _cpu.EflagsValue = test.Eflags | Eflags.Interrupt | 2;
        state->Eip = test.Eip;
        Load(SegmentRegister.Cs, HostWindow.FlatCode);
        Load(SegmentRegister.Ss, HostWindow.FlatData);
        Load(SegmentRegister.Es, test.Es);
        Load(SegmentRegister.Ds, test.Ds);
        Load(SegmentRegister.Fs, test.Fs);
        Load(SegmentRegister.Gs, test.Gs);
        if (test.Vectors is not null)
        {
            _cpu.TakeFpuState();
            VectorState.Load(state, test.Vectors);
        }

        _hasVectors = test.Vectors is not null;
        _outcome = null;
        _started = false;
        _cpu.RequestAttention();
        _cpu.Run();
        CpuOutcome outcome = _outcome ?? Capture(CpuOutcome.TimedOut, 0, 0);
        CollectChanges(outcome.Changes);
        return outcome;
    }

    public override WalkStatus Walk(uint address, PageAccess access, out PageWalk walk)
    {
        walk = default;
        int page = HostWindow.PageOf(address);
        bool parking = (address & ~(HostWindow.PageBytes - 1)) == Parking;
        if (page < 0 && !parking)
        {
            walk.ErrorCode = (uint)access;
            return WalkStatus.Fault;
        }

        walk.PhysicalPage = (uint)(parking ? PageCount : page) * HostWindow.PageBytes;
        walk.Writable = !parking && HostWindow.Pages[page].Writable;
        if (!walk.Writable && (access & PageAccess.Write) != 0)
        {
            walk.ErrorCode = 1 | (uint)access;
            return WalkStatus.Fault;
        }

        return WalkStatus.Mapped;
    }

    public override bool TryReadDescriptor(ushort selector, out ulong descriptor) =>
        HostWindow.TryReadDescriptor(selector, out descriptor);

    public override void OnTrap(in Trap trap)
    {
        if (_outcome is not null)
        {
            // Only the parking page runs after the trap; a second one is the CPU's mistake and would hide the first.
            throw new InvalidOperationException($"trap {trap.Vector} at {trap.InstructionEip:X8} after the case's end");
        }

        if (trap.Software && trap.Vector is not (TrapVector.Breakpoint or TrapVector.Overflow))
        {
            // Linux lets programs use no other gate that the cases ask for.
            _cpu.State->Eip = trap.InstructionEip;
            _outcome = Capture(TrapVector.GeneralProtection, (trap.Vector << 3) | 2, 0);
        }
        else
        {
            _outcome = Capture(trap.Vector, trap.ErrorCode, trap.Address);
        }

        Load(SegmentRegister.Cs, HostWindow.FlatCode);
        _cpu.State->Eip = Parking;
        _cpu.RequestAttention();
    }

    /// <summary>The first time is before the first instruction: by then the CPU has taken note of the memory written here.</summary>
    public override bool OnLimit()
    {
        bool first = !_started;
        _started = true;
        _cpu.State->InstructionLimit = _cpu.State->InstructionCount + InstructionBudget;
        return first;
    }

    public override ulong ReadTimeStampCounter() => 0;

    public override void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx) =>
        eax = ebx = ecx = edx = 0;

    public override void ReadTableRegisters(out uint gdtBase, out ushort gdtLimit, out uint idtBase, out ushort idtLimit, out ushort ldt, out ushort tr, out uint machineStatus)
    {
        gdtBase = idtBase = machineStatus = 0;
        gdtLimit = idtLimit = ldt = tr = 0;
    }

    public void Dispose()
    {
        _cpu.Dispose();
        NativeMemory.AlignedFree(_memory);
    }

    private void Load(SegmentRegister register, ushort selector)
    {
        Segment segment = new() { Selector = selector };
        if ((selector & 0xFFFC) != 0 && TryReadDescriptor(selector, out ulong descriptor))
        {
            segment = Segment.FromDescriptor(selector, descriptor);
        }

        _cpu.SetSegment(register, segment);
    }

    private CpuOutcome Capture(uint vector, uint error, uint address)
    {
        CpuOutcome outcome = new()
        {
            Eflags = _cpu.EflagsValue,
            Eip = _cpu.State->Eip,
            Vector = vector,
            ErrorCode = error,
            Address = address,
        };
        for (int i = 0; i < 8; i++)
        {
            outcome.Registers[i] = _cpu.State->Registers[i];
        }

        if (_hasVectors)
        {
            _cpu.TakeFpuState();
            outcome.Vectors = VectorState.Save(_cpu.State);
        }

        for (SegmentRegister i = SegmentRegister.Es; i <= SegmentRegister.Gs; i++)
        {
            outcome.Selectors[(int)i] = _cpu.GetSegment(i).Selector;
        }

        return outcome;
    }

    private Span<byte> Now(int page) => new(_memory + (page * HostWindow.PageBytes), (int)HostWindow.PageBytes);

    private Span<byte> Before(int page) => _before.AsSpan(page * (int)HostWindow.PageBytes, (int)HostWindow.PageBytes);

    private void RestorePages()
    {
        for (int i = 0; i < PageCount; i++)
        {
            if (_touched[i])
            {
                HostWindow.Image(i).CopyTo(Now(i));
                HostWindow.Image(i).CopyTo(Before(i));
                _touched[i] = false;
                _cpu.NotifyMemoryWritten((uint)i * HostWindow.PageBytes, HostWindow.PageBytes);
            }
        }
    }

    private void Apply(MemoryPatch patch)
    {
        int last = -1;
        for (int k = 0; k < patch.Bytes.Length; k++)
        {
            uint address = patch.Address + (uint)k;
            int page = HostWindow.PageOf(address);
            if (page >= 0 && HostWindow.Pages[page].Writable)
            {
                int offset = (int)(address & (HostWindow.PageBytes - 1));
                Now(page)[offset] = patch.Bytes[k];
                Before(page)[offset] = patch.Bytes[k];
                _touched[page] = true;
                if (page != last)
                {
                    last = page;
                    _cpu.NotifyMemoryWritten((uint)page * HostWindow.PageBytes, HostWindow.PageBytes);
                }
            }
        }
    }

    private void CollectChanges(List<MemoryPatch> changes)
    {
        for (int i = 0; i < PageCount; i++)
        {
            Span<byte> now = Now(i);
            Span<byte> before = Before(i);
            for (int start = now.CommonPrefixLength(before); start < now.Length;)
            {
                int end = start + 1;
                while (end < now.Length && now[end] != before[end])
                {
                    end++;
                }

                changes.Add(new MemoryPatch(HostWindow.Pages[i].Address + (uint)start, now[start..end].ToArray()));
                _touched[i] = true;
                start = end + now[end..].CommonPrefixLength(before[end..]);
            }
        }
    }
}
