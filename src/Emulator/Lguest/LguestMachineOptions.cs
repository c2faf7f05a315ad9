// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Tracing;

namespace LguestPlug.Emulator;

/// <summary>What a <see cref="LguestMachine"/> can be told beyond its memory.</summary>
public sealed record LguestMachineOptions
{
    /// <summary>The guest's page table format.</summary>
    public PageTableFormat PageTables { get; init; } = PageTableFormat.Auto;

    /// <summary>
    /// Tell the guest the frequency of its time-stamp counter, so that it takes the time from there. If not, it is told 0 as on
    /// hosts without a dependable counter, and keeps time by its timer interrupts. The instruction works in any case.
    /// </summary>
    public bool OfferTimeStampCounter { get; init; } = true;

    /// <summary>How guest code is executed.</summary>
    public CpuExecution Execution { get; init; } = CpuExecution.Auto;

    /// <summary>Measure what the time goes into. It takes a little of it.</summary>
    public bool MeasureTimes { get; init; }

    /// <summary>Where executed instructions are written to; null for nowhere. It stays the caller's.</summary>
    public CpuTrace? Trace { get; init; }
}
