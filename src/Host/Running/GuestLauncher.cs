// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Engines;
using LguestPlug.Host.Privileges;
using LguestPlug.Virtio;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Running;

/// <summary>
/// One launch, from request to outcome. What may fail for the user's sake fails early; devices and images are opened once,
/// and a reboot starts from fresh memory with them.
/// </summary>
/// <param name="findPlugin">Gives the plugin of a name, or says why there is none.</param>
/// <param name="confinement">Entered when all is set up, before the guest runs for the first time.</param>
internal sealed class GuestLauncher(
    LaunchRequest request, StopRequests stop, ILoggerFactory loggers, Func<string, DevicePlugin> findPlugin, EngineFactory createEngine, EarlyConsole earlyConsole,
    Confinement? confinement = null)
{
    private readonly ILogger _logger = loggers.CreateLogger("launcher");

    /// <summary>Runs the guest until it ends for good.</summary>
    public Outcome Run()
    {
        using var images = new GuestImages(request, loggers.CreateLogger("load"));
        var plugins = request.Devices.Select(d => d.Name).Distinct().ToDictionary(name => name, findPlugin);
        using var memory = AllocateMemory();
        using var devices = new MachineDevices(stop, loggers);
        foreach (var device in request.Devices)
            devices.Add(device, plugins[device.Name]);
        var bus = new LguestBus(memory, devices.All, earlyConsole, loggers.CreateLogger("bus"));
        devices.ConfigChanged = bus.UpdateConfig;

        while (true)
        {
            if (Boot(images, memory, bus) is { } outcome)
                return outcome with { Hints = outcome.IsGuestDeath ? [.. devices.HelpForUnused] : [] };
            if (!request.Reboot)
                return Outcome.RebootRefused;
            _logger.LogInformation("Rebooting the guest");
            memory.Clear();
        }
    }

    private GuestMemory AllocateMemory()
    {
        try
        {
            return GuestMemory.Allocate(request.MemoryBytes, DevicePageLayout.DevicePages);
        }
        catch (InsufficientMemoryException e)
        {
            throw new HostException($"this machine cannot give the guest {request.MemoryBytes >> 20} MB of memory: {e.Message}", inner: e);
        }
    }

    /// <returns>Null when the guest asked for a reboot.</returns>
    private Outcome? Boot(GuestImages images, GuestMemory memory, LguestBus bus)
    {
        bus.LayOut();
        _logger.LogInformation("Guest base is at 0x{Base:x}", memory.BaseAddress);
        var entry = images.Load(memory);
        _logger.LogInformation("Guest: 0x{Base:x} - 0x{End:x} (0x{Limit:x})", memory.BaseAddress, memory.BaseAddress + (nint)bus.Limit, bus.Limit);

        using var engine = createEngine(memory.BaseAddress, (uint)(bus.Limit / GuestMemory.PageSize), entry);
        bus.Attach(engine);
        stop.Attach(engine);
        memory.DeviceWrote = engine.MemoryWritten;
        try
        {
            confinement?.Enter(_logger);
            return DriverLoop.Run(engine, bus, stop, _logger);
        }
        finally
        {
            // Devices may interrupt the guest until they have stopped, so they go before the engine.
            stop.Detach();
            bus.Detach();
            memory.DeviceWrote = null;
            if (engine.Statistics is { Length: > 0 } statistics)
                _logger.LogInformation("Engine: {Statistics}", statistics);
        }
    }
}
