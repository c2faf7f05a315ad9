// SPDX-License-Identifier: GPL-2.0-or-later
using System.Collections.Concurrent;
using LguestPlug.Host.Engines;

namespace LguestPlug.Host.Tests;

/// <summary>Plays a guest: each step is what the guest does next and how that ends the run.</summary>
internal sealed class FakeEngine(IEnumerable<Func<FakeEngine, EngineExit>> steps) : IEngine
{
    private readonly Queue<Func<FakeEngine, EngineExit>> _steps = new(steps);
    private readonly ManualResetEventSlim _stop = new();

    public ConcurrentDictionary<uint, NotifySignal> Notifies { get; } = new();

    public BlockingCollection<int> Interrupts { get; } = [];

    public bool Disposed { get; private set; }

    public static EngineExit Notify(uint address) => new(EngineExitKind.Notify, address);

    public static EngineExit Died(string reason) => new(EngineExitKind.Died, Reason: reason);

    public static EngineExit Restart { get; } = new(EngineExitKind.Restart);

    public void RaiseInterrupt(int irq) => Interrupts.Add(irq);

    public void RegisterNotify(uint address, NotifySignal signal) => Notifies[address] = signal;

    public void RequestStop() => _stop.Set();

    public EngineExit Run() => _stop.IsSet ? new(EngineExitKind.Stopped) : _steps.Dequeue()(this);

    /// <summary>A step: the guest computes on and on.</summary>
    public static EngineExit UntilStopped(FakeEngine engine)
    {
        Assert.True(engine._stop.Wait(TimeSpan.FromSeconds(30)), "nobody stopped the guest");
        return new(EngineExitKind.Stopped);
    }

    /// <summary>What the guest does when it kicks a queue that runs.</summary>
    public void Kick(uint ring) => Notifies[ring].Raise();

    public void Dispose()
    {
        Disposed = true;
        _stop.Dispose();
        Interrupts.Dispose();
    }
}
