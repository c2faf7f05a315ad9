// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator;

/// <summary>
/// An lguest guest on the embedded i386 CPU: what <c>/dev/lguest</c> is to the C launcher, in process.
/// </summary>
public sealed class LguestMachine : IDisposable
{
    /// <summary>Prepares a guest; nothing runs until <see cref="Run"/>.</summary>
    /// <param name="memory">Host address of guest-physical address 0.</param>
    /// <param name="pageLimit">Number of 4 KiB pages the guest may touch: RAM, device page and rings.</param>
    /// <param name="entryPoint">Guest-physical address of the first instruction.</param>
    public LguestMachine(nint memory, uint pageLimit, uint entryPoint) => _ = (memory, pageLimit, entryPoint);

    /// <summary>Instructions executed so far.</summary>
    public long InstructionCount => 0;

    /// <summary>Raises an interrupt line. May be called from any thread; idempotent while the interrupt is pending.</summary>
    /// <param name="irq">0 to 31.</param>
    public void RaiseInterrupt(int irq) => throw new NotImplementedException();

    /// <summary>
    /// From now on a NOTIFY of exactly <paramref name="address"/> calls <paramref name="signal"/> on the guest's thread and
    /// does not end the run. Registering an address again replaces the earlier signal. May be called from any thread.
    /// </summary>
    public void RegisterNotify(uint address, Action signal) => throw new NotImplementedException();

    /// <summary>Makes a running or the next <see cref="Run"/> return <see cref="GuestExitKind.Stopped"/>. May be called from any thread.</summary>
    public void RequestStop() => throw new NotImplementedException();

    /// <summary>Runs the guest until an unclaimed NOTIFY, its death, a restart request or <see cref="RequestStop"/>.</summary>
    public GuestExit Run() => throw new NotImplementedException();

    /// <summary>Releases the CPU's own memory; the guest's memory belongs to the caller.</summary>
    public void Dispose()
    {
    }
}
