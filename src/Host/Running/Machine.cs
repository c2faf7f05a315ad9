// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Inspection;
using LguestPlug.Host.Output;
using LguestPlug.Host.Plugins;
using LguestPlug.Virtio;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Running;

/// <summary>
/// A guest's memory, devices, bus and images: all there is before an engine. What may fail for the user's sake fails when it
/// is made; it is laid out anew for each boot.
/// </summary>
internal sealed class Machine : IDisposable
{
    private readonly LaunchRequest _request;
    private readonly ILogger _logger;
    private readonly GuestImages _images;
    private readonly GuestMemory? _memory;
    private readonly MachineDevices? _devices;
    private readonly List<IReadOnlyDictionary<string, object?>> _options = [];
    private readonly IReadOnlyList<string> _guestArguments;

    /// <param name="findPlugin">Gives the plugin of a name, or says why there is none.</param>
    /// <param name="lines">Told of what the guest prints.</param>
    public Machine(LaunchRequest request, StopRequests stop, ILoggerFactory loggers, Func<string, DevicePlugin> findPlugin, EarlyConsole earlyConsole, LastLines? lines = null)
    {
        _request = request;
        _logger = loggers.CreateLogger("launcher");
        _images = new GuestImages(request, loggers.CreateLogger("load"));
        try
        {
            var plugins = request.Devices.Select(d => d.Name).Distinct().ToDictionary(name => name, findPlugin);
            _memory = AllocateMemory(request.MemoryBytes, request.DumpGuestCore);
            _devices = new MachineDevices(stop, loggers, request.OnDeviceFault, lines);
            stop.Watch?.Culprit = () => _devices.Busy;
            foreach (var device in request.Devices)
            {
                var plugin = plugins[device.Name];
                _devices.Add(device, plugin);
                _options.Add(DeviceOptions.Given(device, plugin.OptionsType));
            }
            Bus = new LguestBus(_memory, _devices.All, earlyConsole, loggers.CreateLogger("bus"), request.OnDeviceFault);
            _guestArguments = request.TemplateArguments ? GuestArgumentTemplates.Render(request.GuestArguments, Describe()) : request.GuestArguments;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public GuestMemory Memory => _memory!;

    public LguestBus Bus { get; }

    /// <summary>What to tell about devices the guest never started.</summary>
    public IEnumerable<string> HelpForUnused => _devices!.HelpForUnused;

    /// <summary>The end of guest memory in pages, as an engine is told.</summary>
    public uint PageLimit => (uint)(Bus.Limit / GuestMemory.PageSize);

    /// <summary>Puts the device page, the images and the boot parameters into fresh memory.</summary>
    /// <returns>Where the guest starts.</returns>
    public uint LayOut()
    {
        Bus.LayOut();
        _logger.LogInformation("Guest base is at 0x{Base:x}", Memory.BaseAddress);
        var entry = _images.Load(Memory, _guestArguments);
        _logger.LogInformation("Guest: 0x{Base:x} - 0x{End:x} (0x{Limit:x})", Memory.BaseAddress, Memory.BaseAddress + (nint)Bus.Limit, Bus.Limit);
        return entry;
    }

    /// <param name="entry">Where the guest starts, once it has been laid out.</param>
    public MachineModel Describe(uint? entry = null) => new()
    {
        Memory = new(_request.MemoryBytes, _request.MemoryBytes >> 20),
        PageLimit = PageLimit,
        Kernel = _request.Kernel,
        Initrd = _request.Initrd,
        Devices = [.. Bus.Devices.Index().Select(d => DeviceModel.Of(d.Index, d.Item, _options[d.Index]))],
        EntryPoint = entry,
        CommandLine = entry is null ? null : string.Join(' ', _guestArguments),
    };

    public void Dispose()
    {
        _devices?.Dispose();
        // Memory that a thread may still use must stay.
        if (_devices is not { HasLostThread: true })
            _memory?.Dispose();
        _images.Dispose();
    }

    private static GuestMemory AllocateMemory(ulong bytes, bool dumpable)
    {
        try
        {
            return GuestMemory.Allocate(bytes, DevicePageLayout.DevicePages, dumpable);
        }
        catch (InsufficientMemoryException e)
        {
            throw new HostException($"this machine cannot give the guest {bytes >> 20} MB of memory: {e.Message}", inner: e);
        }
    }
}
