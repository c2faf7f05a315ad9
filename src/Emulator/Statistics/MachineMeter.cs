// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics.Metrics;

namespace LguestPlug.Emulator.Statistics;

/// <summary>
/// A machine's statistics as metrics of the runtime, for tools that watch a process from outside (<c>dotnet-counters monitor
/// --counters LguestPlug.Emulator</c>). Nothing is read unless one of them looks.
/// </summary>
/// <remarks>Making the instruments takes about 10 ms. No start of a guest is to wait for that, so they are made a little later.</remarks>
internal sealed class MachineMeter : IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string Name = "LguestPlug.Emulator";

    private static readonly TimeSpan s_delay = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Func<MachineStatistics> _read;
    private readonly LguestMachine _machine;
    private readonly Timer _timer;
    private Meter? _meter;
    private bool _isDisposed;

    /// <param name="machine">The meter's scope.</param>
    /// <param name="read">Reads the statistics; on any thread, but not after <see cref="Dispose"/>.</param>
    public MachineMeter(LguestMachine machine, Func<MachineStatistics> read)
    {
        _machine = machine;
        _read = read;
        _timer = new Timer(static m => ((MachineMeter)m!).Publish(), this, s_delay, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The statistics; null after <see cref="Dispose"/>.</summary>
    public MachineStatistics? Read()
    {
        lock (_gate)
        {
            return _isDisposed ? null : _read();
        }
    }

    /// <summary>Nothing is read any more.</summary>
    public void Dispose()
    {
        _timer.Dispose();
        lock (_gate)
        {
            _isDisposed = true;
        }

        _meter?.Dispose();
    }

    private void Publish()
    {
        // Whoever listens is told at once and may read.
        var meter = new Meter(new MeterOptions(Name) { Scope = _machine });
        lock (_gate)
        {
            if (_isDisposed)
            {
                meter.Dispose();
                return;
            }

            _meter = meter;
        }

        Counter(meter, "instructions", s => s.Instructions, "Instructions executed");
        Counter(meter, "instructions.interpreted", s => s.InstructionsInterpreted, "Instructions executed by the interpreter block by block");
        Counter(meter, "translation.instructions", s => s.Translation?.Instructions ?? 0, "Instructions translated");
        Counter(meter, "translation.blocks", s => s.Translation?.Blocks ?? 0, "Blocks translated");
        Counter(meter, "translation.blocks.dropped", s => s.Translation?.BlocksDropped ?? 0, "Blocks dropped because their code was written over");
        Counter(meter, "translation.resets", s => s.Translation?.ArenaResets ?? 0, "Times the space for generated code was used up");
        meter.CreateObservableUpDownCounter("lguest.translation.code", () => Read()?.Translation?.CodeBytes ?? 0, "By", "Generated code there is now");
        Counters(meter, "translation.exits", "reason", s => s.Translation?.Exits, "Times generated code was left");
        Counters(meter, "translation.calls", "purpose", s => s.Translation?.Calls, "Calls from generated code into the runtime");
        Counters(meter, "translation.interpreted", "mnemonic", s => s.Translation?.Interpreted, "Instructions in translated code that were interpreted");
        Counter(meter, "memory.page_walks", s => s.Memory.PageWalks, "Walks through the guest's page tables");
        Counter(meter, "memory.tlb.fills", s => s.Memory.TlbFills, "Pages entered into the TLB");
        Counter(meter, "memory.tlb.flat_fills", s => s.Memory.FlatTlbFills, "Pages entered into the TLB of generated code");
        Counter(meter, "memory.tlb.flushes", s => s.Memory.TlbFlushes, "Times the TLB was emptied");
        Counter(meter, "memory.tlb.page_flushes", s => s.Memory.PageFlushes, "Times a page was dropped from the TLB");
        Counters(meter, "traps", "vector", s => s.Traps, "Traps");
        Counters(meter, "interrupts", "line", s => s.Interrupts, "Interrupts delivered");
        Counters(meter, "hypercalls", "name", s => s.Hypercalls, "Hypercalls made in registers");
        Counters(meter, "hypercalls.async", "name", s => s.AsyncHypercalls, "Hypercalls taken from the asynchronous ring");
        Counter(meter, "notifies.device", s => s.DeviceNotifies, "NOTIFY hypercalls that went straight to a device");
        Counter(meter, "notifies.launcher", s => s.LauncherNotifies, "NOTIFY hypercalls that ended the run");
        meter.CreateObservableCounter("lguest.time", () => Times(Read()?.Times), "s", "What the time of the guest's thread went into, if that is measured");
        Counter(meter, "sleeps", s => s.Sleeps, "Times the guest's thread fell asleep");
        Counter(meter, "sleeps.avoided", s => s.SleepsAvoided, "Times it did not because the answer to a notification came soon");
    }

    private static Measurement<double>[] Times(TimeStatistics? times)
    {
        static Measurement<double> Time(string activity, TimeSpan time) => new(time.TotalSeconds, KeyValuePair.Create("activity", (object?)activity));
        return times == null ? []
            :
            [
                Time("guest", times.Guest), Time("translation", times.Translation), Time("runtime", times.Runtime),
                Time("asleep", times.Asleep), Time("outside", times.Outside),
            ];
    }

    private void Counter(Meter meter, string name, Func<MachineStatistics, long> value, string description) =>
        meter.CreateObservableCounter("lguest." + name, () => Read() is { } s ? [new Measurement<long>(value(s))] : Array.Empty<Measurement<long>>(), null, description);

    private void Counters<TKey>(Meter meter, string name, string key, Func<MachineStatistics, IReadOnlyDictionary<TKey, long>?> values, string description)
        where TKey : notnull =>
        meter.CreateObservableCounter(
            "lguest." + name,
            () => (Read() is { } s ? values(s) : null)?.Select(v => new Measurement<long>(v.Value, KeyValuePair.Create(key, (object?)v.Key))) ?? [],
            null,
            description);
}
