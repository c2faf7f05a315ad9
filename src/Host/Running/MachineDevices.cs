// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Output;
using LguestPlug.Host.Plugins;
using LguestPlug.Virtio;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Running;

/// <summary>The machine's devices: made once, kept over reboots, disposed at the end in reverse order.</summary>
internal sealed class MachineDevices : IDisposable
{
    private readonly List<BusDevice> _devices = [];
    private readonly Dictionary<string, int> _namesTaken = [];
    private readonly StopRequests _stop;
    private readonly DeviceFaultPolicy _onFault;
    private readonly ILoggerFactory _loggers;
    private readonly LastLines? _lines;
    private readonly ILogger _logger;
    private volatile string? _making;
    private bool _disposed;

    /// <param name="lines">Told of what the guest prints through the devices.</param>
    public MachineDevices(StopRequests stop, ILoggerFactory loggers, DeviceFaultPolicy onFault = DeviceFaultPolicy.Stop, LastLines? lines = null)
    {
        _stop = stop;
        _lines = lines;
        _onFault = onFault;
        _loggers = loggers;
        _logger = loggers.CreateLogger("device");
    }

    public IReadOnlyList<BusDevice> All => _devices;

    /// <summary>What to tell about devices the guest never started.</summary>
    public IEnumerable<string> HelpForUnused =>
        _devices.Where(d => !d.Runner.WasEverStarted).Select(d => PluginCall.Text(d.Runner.Name, () => d.Runner.Device.HelpIfUnused)).OfType<string>().Distinct();

    /// <summary>Which plugin has the main thread right now, and in what; null if none. Any thread.</summary>
    public string? Busy => _making is { } name ? $"{name}: its plugin has not returned from Create" : _devices.ToArray().Select(d => d.Runner.Calling).FirstOrDefault(c => c is not null);

    /// <summary>Whether a plugin's thread could not be stopped: it may go on using guest memory.</summary>
    public bool HasLostThread => _devices.Any(d => d.Runner.HasLostThread);

    public void Add(DeviceRequest request, DevicePlugin plugin)
    {
        var number = _namesTaken.GetValueOrDefault(request.Name);
        _namesTaken[request.Name] = number + 1;
        var name = $"{request.Name}{number}";
        var context = new Context(this, name, _loggers.CreateLogger(name));
        _making = name;
        context.Runner = DeviceMaker.Make(
            request, plugin, context, device => new VirtioDeviceRunner(name, device, _logger, EndOrDetach));
        _making = null;
        _devices.Add(new(request.Name, context.Runner));
    }

    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        foreach (var (_, runner) in Enumerable.Reverse(_devices))
        {
            Release(runner, runner.Dispose);
            // A device that is still in use is left to the end of the process.
            if (!runner.HasLostThread)
                Release(runner, runner.DisposeDevice);
        }
    }

    private void Release(VirtioDeviceRunner runner, Action release)
    {
        try
        {
            release();
        }
        catch (TimeoutException)
        {
            // Told when it was to stop.
        }
        catch (Exception e)
        {
            // The others must be released all the same: a terminal restored, a file flushed.
            _logger.LogError("{Device} could not be released: {Reason}", runner.Name, $"the plugin threw {e.GetType().Name}: {e.Message}");
        }
    }

    private void EndOrDetach(DeviceFault fault)
    {
        if (_onFault == DeviceFaultPolicy.Detach)
            _logger.LogWarning("{Fault}; the device is detached, the guest goes on without it", fault);
        else
            _stop.Stop(new(fault.ToString(), ExitCode.HostError));
    }

    private sealed class Context(MachineDevices owner, string name, ILogger logger) : IDeviceContext
    {
        public VirtioDeviceRunner? Runner { get; set; }

        public string Name => name;

        public ILogger Logger => logger;

        public void RequestStop(string reason) => owner._stop.Stop(new(reason, ExitCode.Interrupted));

        public void ConfigChanged() => Runner?.UpdateConfig();

        public void GuestPrinted(ReadOnlySpan<byte> text, SafeHandle? writtenTo) => owner._lines?.Add(text, writtenTo);
    }
}
