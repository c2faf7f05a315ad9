// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Statistics;

/// <summary>What an <see cref="LguestMachine"/> has done so far. Counts are exact between two runs, and nearly so during one.</summary>
public sealed record MachineStatistics
{
    /// <summary>Instructions executed. Those that trapped, INT n among them, are not counted.</summary>
    public required long Instructions { get; init; }

    /// <summary>Those of them that the interpreter executed block by block.</summary>
    public required long InstructionsInterpreted { get; init; }

    /// <summary>What the translator did; null where there is none.</summary>
    public TranslationStatistics? Translation { get; init; }

    /// <summary>What address translation did.</summary>
    public required MemoryStatistics Memory { get; init; }

    /// <summary>Traps by vector, software interrupts included, hypercalls not.</summary>
    public required IReadOnlyDictionary<int, long> Traps { get; init; }

    /// <summary>Interrupts delivered, by line.</summary>
    public required IReadOnlyDictionary<int, long> Interrupts { get; init; }

    /// <summary>Hypercalls made in registers, by name.</summary>
    public required IReadOnlyDictionary<string, long> Hypercalls { get; init; }

    /// <summary>Hypercalls taken from the asynchronous ring, by name.</summary>
    public required IReadOnlyDictionary<string, long> AsyncHypercalls { get; init; }

    /// <summary>NOTIFY hypercalls that went straight to a device.</summary>
    public required long DeviceNotifies { get; init; }

    /// <summary>NOTIFY hypercalls that ended the run.</summary>
    public required long LauncherNotifies { get; init; }

    /// <summary>Times the guest's thread fell asleep.</summary>
    public required long Sleeps { get; init; }

    /// <summary>Times it did not, because the answer to a notification came while it looked out for one.</summary>
    public required long SleepsAvoided { get; init; }

    /// <summary>What the time went into; null unless <see cref="LguestMachineOptions.MeasureTimes"/> was asked for.</summary>
    public TimeStatistics? Times { get; init; }
}

/// <summary>What the translator has done so far.</summary>
public sealed record TranslationStatistics
{
    /// <summary>Guest instructions translated; more than once if they were dropped in between.</summary>
    public required long Instructions { get; init; }

    /// <summary>Blocks translated.</summary>
    public required long Blocks { get; init; }

    /// <summary>Blocks dropped because the guest or a device wrote over their code.</summary>
    public required long BlocksDropped { get; init; }

    /// <summary>Bytes of generated code there are now.</summary>
    public required long CodeBytes { get; init; }

    /// <summary>Times that the space for generated code was used up and all of it dropped.</summary>
    public required long ArenaResets { get; init; }

    /// <summary>Times that generated code was left, by reason.</summary>
    public required IReadOnlyDictionary<string, long> Exits { get; init; }

    /// <summary>Calls from generated code into the runtime that generated code went on behind, or not, by purpose.</summary>
    public required IReadOnlyDictionary<string, long> Calls { get; init; }

    /// <summary>Instructions in translated code that the interpreter executed, by mnemonic, the most frequent first.</summary>
    public required IReadOnlyDictionary<string, long> Interpreted { get; init; }
}

/// <summary>What address translation has done so far.</summary>
public sealed record MemoryStatistics
{
    /// <summary>Walks through the guest's page tables, those that ended in a fault included.</summary>
    public required long PageWalks { get; init; }

    /// <summary>Pages entered into the TLB.</summary>
    public required long TlbFills { get; init; }

    /// <summary>Pages entered into the TLB that generated code looks into.</summary>
    public required long FlatTlbFills { get; init; }

    /// <summary>Times everything, or all below some address, was dropped from the TLBs.</summary>
    public required long TlbFlushes { get; init; }

    /// <summary>Times a single page was dropped from the TLBs.</summary>
    public required long PageFlushes { get; init; }
}

/// <summary>What the time of the guest's thread went into so far, the present activity excluded.</summary>
/// <param name="Guest">Guest code, translated or interpreted.</param>
/// <param name="Translation">Translating guest code, or decoding it for the interpreter.</param>
/// <param name="Runtime">The hypervisor: traps, hypercalls, TLB misses, rare instructions, notifies.</param>
/// <param name="Asleep">Waiting in a HALT.</param>
/// <param name="Outside">Between two runs: the launcher.</param>
public sealed record TimeStatistics(TimeSpan Guest, TimeSpan Translation, TimeSpan Runtime, TimeSpan Asleep, TimeSpan Outside);
