// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
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
    private readonly ILogger _logger;

    public MachineDevices(StopRequests stop, ILoggerFactory loggers, DeviceFaultPolicy onFault = DeviceFaultPolicy.Stop)
    {
        _stop = stop;
        _onFault = onFault;
        _loggers = loggers;
        _logger = loggers.CreateLogger("device");
    }

    public IReadOnlyList<BusDevice> All => _devices;

    /// <summary>What to tell about devices the guest never started.</summary>
    public IEnumerable<string> HelpForUnused => _devices.Where(d => !d.Runner.WasEverStarted).Select(d => d.Runner.Device.HelpIfUnused).OfType<string>().Distinct();

    public void Add(DeviceRequest request, DevicePlugin plugin)
    {
        var number = _namesTaken.GetValueOrDefault(request.Name);
        _namesTaken[request.Name] = number + 1;
        var name = $"{request.Name}{number}";
        var context = new Context(this, name, _loggers.CreateLogger(name));
        context.Runner = DeviceMaker.Make(
            request, plugin, context, device => new VirtioDeviceRunner(name, device, _logger, EndOrDetach));
        _devices.Add(new(request.Name, context.Runner));
    }

    public void Dispose()
    {
        foreach (var (_, runner) in Enumerable.Reverse(_devices))
        {
            try
            {
                runner.Dispose();
                runner.Device.Dispose();
            }
            catch (Exception e)
            {
                // The others must be released all the same: a terminal restored, a file flushed.
                _logger.LogError(e, "{Device} could not be released", runner.Name);
            }
        }
        _devices.Clear();
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
    }
}
