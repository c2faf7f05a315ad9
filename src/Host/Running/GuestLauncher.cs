// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Engines;
using LguestPlug.Host.Inspection;
using LguestPlug.Host.Output;
using LguestPlug.Host.Privileges;
using LguestPlug.Host.Tracing;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Running;

/// <summary>
/// One launch, from request to outcome. What may fail for the user's sake fails early; devices and images are opened once,
/// and a reboot starts from fresh memory with them.
/// </summary>
/// <param name="findPlugin">Gives the plugin of a name, or says why there is none.</param>
/// <param name="confinement">Entered when all is set up, before the guest runs for the first time.</param>
/// <param name="report">Tells what the engine did, at the end of each boot.</param>
/// <param name="trace">Tells what the devices do.</param>
/// <param name="lines">Told of what the guest prints.</param>
internal sealed class GuestLauncher(
    LaunchRequest request, StopRequests stop, ILoggerFactory loggers, Func<string, DevicePlugin> findPlugin, EngineFactory createEngine, EarlyConsole earlyConsole,
    Confinement? confinement = null, StatisticsReport? report = null, DeviceTraceFile? trace = null, LastLines? lines = null)
{
    private readonly ILogger _logger = loggers.CreateLogger("launcher");

    /// <summary>Runs the guest until it ends for good.</summary>
    public Outcome Run()
    {
        using var machine = new Machine(request, stop, loggers, findPlugin, earlyConsole, lines);
        trace?.Attach([.. machine.Bus.Devices.Select(d => d.Device)], loggers.CreateLogger("trace"));
        while (true)
        {
            if (Boot(machine) is { } outcome)
                return outcome with { Hints = outcome.IsGuestDeath ? [.. machine.HelpForUnused] : [] };
            if (!request.Reboot)
                return Outcome.RebootRefused;
            _logger.LogInformation("Rebooting the guest");
            machine.Memory.Clear();
            lines?.Clear();
        }
    }

    /// <returns>Null when the guest asked for a reboot.</returns>
    private Outcome? Boot(Machine machine)
    {
        var entry = machine.LayOut();
        using var engine = createEngine(machine.Memory.BaseAddress, machine.PageLimit, entry);
        machine.Bus.Attach(engine);
        stop.Attach(engine);
        machine.Memory.DeviceWrote = engine.MemoryWritten;
        Outcome? outcome = null;
        try
        {
            confinement?.Enter(_logger, EngineSelection.Reopened(request, LguestDeviceFile.Exists));
            return outcome = DriverLoop.Run(engine, machine.Bus, stop, _logger);
        }
        finally
        {
            // Devices may interrupt the guest until they have stopped, so they go before the engine.
            stop.Detach();
            BeginEnd(outcome);
            DetachDevices(machine, outcome);
            machine.Memory.DeviceWrote = null;
            if (engine.Statistics is { Length: > 0 } statistics)
                _logger.LogInformation("Engine: {Statistics}", statistics);
            report?.Write(engine);
        }
    }

    private void BeginEnd(Outcome? outcome, bool released = false) =>
        stop.Watch?.Begin(outcome?.Message ?? "the guest has ended", outcome is { ExitCode: > 0 } ? outcome.ExitCode : ExitCode.HostError, released);

    private void DetachDevices(Machine machine, Outcome? outcome)
    {
        try
        {
            machine.Bus.Detach();
            stop.Watch?.Cancel();
            if (outcome is not null)
                BeginEnd(outcome, released: true);
        }
        catch (HostException)
        {
            // What now ends the process comes on top of that.
            if (outcome is not null)
                _logger.LogWarning("{Outcome}", outcome.Message);
            machine.Memory.DeviceWrote = null;
            throw;
        }
    }
}
