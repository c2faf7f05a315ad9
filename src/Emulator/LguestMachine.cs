// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Lguest;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Statistics;

namespace LguestPlug.Emulator;

/// <summary>
/// An lguest guest on the embedded i386 CPU: what <c>/dev/lguest</c> is to the C launcher, in process.
/// </summary>
public sealed class LguestMachine : IDisposable
{
    private readonly LguestSystem _system;
    private readonly MachineMeter _meter;

    /// <summary>Prepares a guest; nothing runs until <see cref="Run"/>.</summary>
    /// <param name="memory">Host address of guest-physical address 0.</param>
    /// <param name="pageLimit">Number of 4 KiB pages the guest may touch: RAM, device page and rings.</param>
    /// <param name="entryPoint">Guest-physical address of the first instruction.</param>
    /// <param name="options">What the guest's memory does not say; null for the defaults.</param>
    public LguestMachine(nint memory, uint pageLimit, uint entryPoint, LguestMachineOptions? options = null)
    {
        options ??= new LguestMachineOptions();
        _system = new LguestSystem(new PhysicalMemory(memory, pageLimit), entryPoint, options);
        options.Trace?.Begin();
        _meter = new MachineMeter(this, _system.GetStatistics);
    }

    /// <summary>Instructions executed so far.</summary>
    public unsafe long InstructionCount => _system.Cpu.State->InstructionCount;

    /// <summary>What the machine has done so far. May be read from any thread.</summary>
    /// <exception cref="ObjectDisposedException">The machine is gone.</exception>
    public MachineStatistics Statistics => _meter.Read() ?? throw new ObjectDisposedException(nameof(LguestMachine));

    /// <summary>Raises an interrupt line. May be called from any thread; idempotent while the interrupt is pending.</summary>
    /// <param name="irq">0 to 31.</param>
    public void RaiseInterrupt(int irq)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)irq, 31u, nameof(irq));
        _system.RaiseInterrupt(irq);
    }

    /// <summary>
    /// From now on a NOTIFY of exactly <paramref name="address"/> calls <paramref name="signal"/> on the guest's thread and
    /// does not end the run. Registering an address again replaces the earlier signal. May be called from any thread.
    /// </summary>
    /// <param name="address">The guest-physical address; 0 is no valid NOTIFY.</param>
    /// <param name="signal">Must return soon: the guest waits for it.</param>
    public void RegisterNotify(uint address, Action signal)
    {
        ArgumentOutOfRangeException.ThrowIfZero(address);
        ArgumentNullException.ThrowIfNull(signal);
        _system.Notifies.Register(address, signal);
    }

    /// <summary>
    /// Somebody other than the guest wrote to guest memory: instructions decoded from there are stale. May be called from any
    /// thread, after the write.
    /// </summary>
    public void MemoryWritten(uint address, uint length) => _system.Cpu.NotifyMemoryWritten(address, length);

    /// <summary>Makes a running or the next <see cref="Run"/> return <see cref="GuestExitKind.Stopped"/>. May be called from any thread.</summary>
    public void RequestStop() => _system.RequestStop();

    /// <summary>Runs the guest until an unclaimed NOTIFY, its death, a restart request or <see cref="RequestStop"/>.</summary>
    public GuestExit Run() => _system.Run();

    /// <summary>
    /// Releases the CPU's own memory; the guest's memory belongs to the caller. No thread may be inside <see cref="Run"/> or
    /// raise interrupts any more.
    /// </summary>
    public void Dispose()
    {
        _meter.Dispose();
        _system.Dispose();
    }
}
