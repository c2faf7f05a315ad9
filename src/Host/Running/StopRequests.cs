// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Engines;

namespace LguestPlug.Host.Running;

/// <summary>Why the guest is to be stopped from outside.</summary>
/// <param name="Message">What the user is told.</param>
/// <param name="ExitCode">What the process ends with.</param>
internal sealed record StopReason(string Message, int ExitCode);

/// <summary>
/// Collects orders to stop, from signals, devices and faults, on any thread; the first counts. It reaches the guest whatever
/// it is doing, also when it does not run yet.
/// </summary>
internal sealed class StopRequests
{
    private readonly Lock _gate = new();
    private IEngine? _engine;

    /// <summary>Sees to it that an order is obeyed.</summary>
    public EndWatch? Watch { get; init; }

    /// <summary>The first order, if any.</summary>
    public StopReason? Reason { get; private set; }

    public void Stop(StopReason reason)
    {
        lock (_gate)
        {
            Reason ??= reason;
            _engine?.RequestStop();
        }
        Watch?.Begin(Reason.Message, Reason.ExitCode);
    }

    /// <summary>From now on orders go to this engine, earlier ones too.</summary>
    public void Attach(IEngine engine)
    {
        lock (_gate)
        {
            _engine = engine;
            if (Reason is not null)
                engine.RequestStop();
        }
    }

    /// <summary>The engine is about to go away.</summary>
    public void Detach()
    {
        lock (_gate)
            _engine = null;
    }
}
