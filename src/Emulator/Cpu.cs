// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator;

/// <summary>The i386 processor: its state, its TLB and its run loop, in the machine that a <see cref="CpuSystem"/> is.</summary>
public sealed unsafe class Cpu : IDisposable
{
    public Cpu(PhysicalMemory memory, CpuSystem system) => throw new NotImplementedException();
    public CpuState* State => throw new NotImplementedException();
    public PhysicalMemory Memory => throw new NotImplementedException();
    public uint EflagsValue { get => throw new NotImplementedException(); set => throw new NotImplementedException(); }
    public Segment GetSegment(SegmentRegister register) => throw new NotImplementedException();
    /// <summary>Sets a segment register unchecked; CS sets the CPL too.</summary>
    public void SetSegment(SegmentRegister register, in Segment segment) => throw new NotImplementedException();
    public void FlushTlb() => throw new NotImplementedException();
    public void FlushTlbPage(uint address) => throw new NotImplementedException();
    /// <summary>Drops pages with address below.</summary>
    public void FlushTlbBelow(uint address) => throw new NotImplementedException();
    /// <summary>Runs until CpuSystem.OnLimit returns false.</summary>
    public void Run() => throw new NotImplementedException();
    /// <summary>Makes the CPU call OnLimit soon. Any thread.</summary>
    public void RequestAttention() => State->InstructionLimit = 0;
    /// <summary>Guest memory was written behind the CPU's back: decoded code there is stale. Any thread.</summary>
    public void NotifyMemoryWritten(uint physicalAddress, uint length) => throw new NotImplementedException();
    public void Dispose() => throw new NotImplementedException();
}
