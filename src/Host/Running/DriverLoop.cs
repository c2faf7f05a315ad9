// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Bus;
using LguestPlug.Host.Engines;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Running;

/// <summary>Runs one boot of a guest: notifies go to the bus until something ends it.</summary>
internal static class DriverLoop
{
    /// <returns>How it ended; null when the guest asked to be started afresh.</returns>
    public static Outcome? Run(IEngine engine, LguestBus bus, StopRequests stop, ILogger logger)
    {
        while (true)
        {
            var exit = engine.Run();
            if (stop.Reason is { } reason)
                return Outcome.OfStop(reason);
            switch (exit.Kind)
            {
                case EngineExitKind.Notify:
                    logger.LogInformation("Notify on address 0x{Address:x}", exit.NotifyAddress);
                    bus.HandleNotify(exit.NotifyAddress);
                    break;
                case EngineExitKind.Died:
                    return Outcome.OfDeath(exit.Reason);
                case EngineExitKind.Restart:
                    return null;
                default:
                    // Nobody gave a reason: a stop meant for nobody.
                    break;
            }
        }
    }
}
