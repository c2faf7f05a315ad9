// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using LguestPlug.Emulator;
using LguestPlug.Emulator.Statistics;

namespace LguestPlug.Host.Engines;

/// <summary>The embedded i386 CPU.</summary>
internal sealed class SoftEngine : IEngine
{
    private readonly LguestMachine _machine;
    private readonly Stopwatch _running = new();

    /// <exception cref="HostException">The CPU cannot execute that way on this machine.</exception>
    public SoftEngine(nint memory, uint pageLimit, uint entryPoint, LguestMachineOptions options)
    {
        try
        {
            _machine = new(memory, pageLimit, entryPoint, options);
        }
        catch (PlatformNotSupportedException e)
        {
            throw new HostException($"--cpu {options.Execution.ToString().ToLowerInvariant()}: {e.Message}");
        }
    }

    public void RaiseInterrupt(int irq) => _machine.RaiseInterrupt(irq);

    public void RegisterNotify(uint address, NotifySignal signal) => _machine.RegisterNotify(address, signal.Raise);

    public Action<uint, uint>? MemoryWritten => _machine.MemoryWritten;

    public MachineStatistics? Profile => _machine.Statistics;

    public string Statistics
    {
        get
        {
            double seconds = _running.Elapsed.TotalSeconds;
            long count = _machine.InstructionCount;
            return $"{count:N0} instructions in {seconds:F3} s of running, {count / Math.Max(seconds, 1e-9) / 1e6:F0} million a second";
        }
    }

    public void RequestStop() => _machine.RequestStop();

    public EngineExit Run()
    {
        _running.Start();
        var exit = _machine.Run();
        _running.Stop();
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
