// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Statistics;

namespace LguestPlug.Host.Engines;

/// <summary>
/// Runs the guest's instructions. The contract is that of <c>/dev/lguest</c>, so that a guest behaves the same wherever it
/// runs: the bus, the devices and the driver loop cannot tell engines apart.
/// </summary>
internal interface IEngine : IDisposable
{
    /// <summary>Raises an interrupt line; any thread. Idempotent while the interrupt is pending.</summary>
    void RaiseInterrupt(int irq);

    /// <summary>
    /// A NOTIFY of exactly this address raises the signal and does not end the run; any thread. Registering an address again
    /// replaces the earlier signal.
    /// </summary>
    void RegisterNotify(uint address, NotifySignal signal);

    /// <summary>Runs the guest until something only the driver loop can handle. Always called on the thread that made the engine.</summary>
    EngineExit Run();

    /// <summary>
    /// To be told when a device wrote guest memory: the guest-physical address of the first byte, and the number of bytes; on
    /// any thread. For engines that keep something derived from it, as decoded instructions; null for the others.
    /// </summary>
    Action<uint, uint>? MemoryWritten => null;

    /// <summary>What the engine has done so far, in words for a person; empty if it does not know.</summary>
    string Statistics => "";

    /// <summary>The same in figures; null if it does not count.</summary>
    MachineStatistics? Profile => null;

    /// <summary>Makes a running, or the next, <see cref="Run"/> come back with <see cref="EngineExitKind.Stopped"/>; any thread.</summary>
    void RequestStop();
}

/// <summary>Makes an engine for a guest whose memory is ready.</summary>
/// <param name="memory">Host address of guest-physical address 0.</param>
/// <param name="pageLimit">Number of 4 KiB pages the guest may touch.</param>
/// <param name="entryPoint">Guest-physical address of the first instruction.</param>
internal delegate IEngine EngineFactory(nint memory, uint pageLimit, uint entryPoint);

/// <summary>Why <see cref="IEngine.Run"/> came back.</summary>
internal enum EngineExitKind
{
    /// <summary>A NOTIFY of an address nobody registered; the guest may be run again.</summary>
    Notify,

    /// <summary>The guest is dead.</summary>
    Died,

    /// <summary>The guest asked to be started afresh.</summary>
    Restart,

    /// <summary>The run was stopped from outside.</summary>
    Stopped,
}

/// <summary>The end of one run.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="NotifyAddress">For <see cref="EngineExitKind.Notify"/>.</param>
/// <param name="Reason">For <see cref="EngineExitKind.Died"/>: lguest's text.</param>
internal readonly record struct EngineExit(EngineExitKind Kind, uint NotifyAddress = 0, string Reason = "");
