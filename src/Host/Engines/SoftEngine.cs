// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator;

namespace LguestPlug.Host.Engines;

/// <summary>The embedded i386 CPU.</summary>
internal sealed class SoftEngine(nint memory, uint pageLimit, uint entryPoint) : IEngine
{
    private readonly LguestMachine _machine = new(memory, pageLimit, entryPoint);

    public void RaiseInterrupt(int irq) => _machine.RaiseInterrupt(irq);

    public void RegisterNotify(uint address, NotifySignal signal) => _machine.RegisterNotify(address, signal.Raise);

    public void RequestStop() => _machine.RequestStop();

    public EngineExit Run()
    {
        var exit = _machine.Run();
        return exit.Kind switch
        {
            GuestExitKind.Notify => new(EngineExitKind.Notify, exit.NotifyAddress),
            GuestExitKind.Died => new(EngineExitKind.Died, Reason: exit.Reason ?? ""),
            GuestExitKind.Restart => new(EngineExitKind.Restart),
            GuestExitKind.Stopped => new(EngineExitKind.Stopped),
            _ => throw new InvalidOperationException($"the embedded CPU stopped for an unknown reason: {exit.Kind}"),
        };
    }

    public void Dispose() => _machine.Dispose();
}
