// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Engines;
using LguestPlug.Host.Plugins;
using LguestPlug.Virtio;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Bus;

/// <summary>
/// The lguest device page as the guest uses it: status and features are bytes in guest memory, and a NOTIFY tells that they
/// changed. Lives through all boots of a machine; <see cref="LayOut"/> begins each.
/// </summary>
internal sealed class LguestBus
{
    private readonly GuestMemory _memory;
    private readonly List<Slot> _slots;
    private readonly EarlyConsole _earlyConsole;
    private readonly ILogger _logger;
    private readonly DeviceFaultPolicy _onFault;
    private IEngine? _engine;

    public LguestBus(GuestMemory memory, IReadOnlyList<BusDevice> devices, EarlyConsole earlyConsole, ILogger logger, DeviceFaultPolicy onFault = DeviceFaultPolicy.Stop)
    {
        _memory = memory;
        _earlyConsole = earlyConsole;
        _logger = logger;
        _onFault = onFault;
        var shapes = devices.Select(d => new DeviceShape(
            d.Runner.Name, d.Runner.DeviceId, d.Runner.OfferedFeatures, d.Runner.ConfigLength, [.. d.Runner.Queues.Select(q => (int)q.Size)])).ToList();
        var layout = DevicePageLayout.Compute(memory.RamSize, shapes);
        _slots = [.. devices.Zip(shapes, layout.Places).Select(d => new Slot(d.First, d.Second, d.Third))];
        Limit = layout.Limit;
    }

    /// <summary>The end of guest memory: RAM, device page and rings.</summary>
    public ulong Limit { get; }

    /// <summary>The devices and their places, in bus order.</summary>
    public IEnumerable<PlacedDevice> Devices => _slots.Select(s => new PlacedDevice(s.Device, s.Shape, s.Place));

    /// <summary>Writes the device page into fresh memory and gives every queue its ring.</summary>
    public void LayOut()
    {
        _memory.Limit = Limit;
        foreach (var (number, slot) in _slots.Index())
        {
            slot.ExpectsDriverOk = false;
            slot.QueuesRegistered = false;
            DevicePageLayout.Write(_memory, slot.Place, slot.Shape);
            var description = PluginCall.Ask(slot.Runner.Name, () =>
            {
                slot.Runner.PlaceConfig(() => _memory.Slice(slot.Place.Config, slot.Shape.ConfigLength));
                return slot.Runner.Device.Description;
            });
            foreach (var (queue, place) in slot.Place.Queues.Index())
            {
                _logger.LogInformation("Virtqueue page 0x{Page:x}", place.RingAddress);
                slot.Runner.PlaceQueue(queue, _memory, new Vring(_memory, place.RingAddress, place.Size), () => _engine?.RaiseInterrupt(place.Irq));
            }
            _logger.LogInformation("device {Number}: {Description}", number + 1, description.Length > 0 ? description : slot.Device.PluginName);
        }
    }

    /// <summary>From now on interrupts and queue registrations go to this engine.</summary>
    public void Attach(IEngine engine) => _engine = engine;

    /// <summary>Stops all devices: afterwards nothing of the bus uses the engine or guest memory.</summary>
    public void Detach()
    {
        HostException? failure = null;
        foreach (var slot in _slots)
        {
            try
            {
                Stop(slot);
            }
            catch (HostException e)
            {
                // The others must stop all the same. The first is thrown, so each other is told here.
                if (failure is not null)
                    _logger.LogError("{Fault}", e.Message);
                failure ??= e;
            }
            slot.Runner.RemoveConfig();
        }
        _engine = null;
        if (failure is not null)
            throw new HostException(failure.Message, failure.ExitCode, failure);
    }

    /// <summary>Handles a NOTIFY that no running queue has claimed.</summary>
    /// <exception cref="HostException">The guest broke the rules of the bus and cannot go on.</exception>
    public void HandleNotify(uint address)
    {
        foreach (var slot in _slots)
        {
            if (address == slot.Place.Descriptor)
            {
                UpdateStatus(slot);
                return;
            }
            if (slot.Place.Queues.Any(q => q.RingAddress == address))
            {
                NotifyUnstarted(slot);
                return;
            }
        }
        if (address >= Limit)
            throw new HostException($"Bad NOTIFY 0x{address:x}");
        _earlyConsole.Print(_memory, address);
    }

    /// <summary>
    /// A kick of a queue that does not run yet. Drivers of the older guests make it while they set their device up, before
    /// DRIVER_OK: it shows that features are decided, and the queue's service looks at the ring as it starts.
    /// </summary>
    private void NotifyUnstarted(Slot slot)
    {
        if (!slot.ExpectsDriverOk)
            throw new HostException($"Notification on {slot.Device.PluginName} before setup!");
        Start(slot);
    }

    /// <summary>
    /// Guests since Linux 3.1 notify a reset, then once, with the features decided; guests before notify every change of the
    /// status, so that their features are decided only with DRIVER_OK. The first thing the older ones notify after a reset is
    /// a bare ACKNOWLEDGE, which the newer ones never do.
    /// </summary>
    private void UpdateStatus(Slot slot)
    {
        var status = (DeviceStatus)_memory.Slice(slot.Place.Status, 1)[0];
        if (status == DeviceStatus.None)
            Reset(slot);
        else if (status.HasFlag(DeviceStatus.Failed))
        {
            _logger.LogWarning("Device {Name} configuration FAILED", slot.Device.PluginName);
            if (slot.Runner.State != DeviceRunState.Stopped)
                Reset(slot);
        }
        else if (slot.Runner.State != DeviceRunState.Stopped && slot.ExpectsDriverOk)
            _logger.LogDebug("Device {Name} was started by a kick", slot.Device.PluginName);
        else if (slot.Runner.State != DeviceRunState.Stopped)
            throw new HostException($"Device {slot.Device.PluginName} features finalized twice");
        else if (status == DeviceStatus.Acknowledge)
            slot.ExpectsDriverOk = true;
        else if (!slot.ExpectsDriverOk || status.HasFlag(DeviceStatus.DriverOk))
            Start(slot);
    }

    private void Start(Slot slot)
    {
        if (!slot.QueuesRegistered)
        {
            foreach (var (queue, place) in slot.Place.Queues.Index())
                _engine!.RegisterNotify((uint)place.RingAddress, new NotifySignal(() => slot.Runner.Kick(queue), slot.Runner.KickDescriptor(queue)));
            slot.QueuesRegistered = true;
        }
        // What was not offered is accepted in silence, as by the C launcher.
        var accepted = DevicePageLayout.ReadAccepted(_memory, slot.Place) & slot.Shape.Features;
        try
        {
            slot.Runner.Start(accepted);
        }
        catch (Exception e) when (e is not HostException)
        {
            EndOrDetach(slot, e);
        }
    }

    /// <summary>Of a device that does not run the runner has nothing to tell, but a guest's reset is a fact all the same.</summary>
    private void Stop(Slot slot)
    {
        if (slot.Runner.State == DeviceRunState.Stopped)
            _logger.LogInformation("Resetting device {Name}", slot.Runner.Name);
        try
        {
            slot.Runner.Reset();
        }
        catch (TimeoutException e)
        {
            throw new HostException(e.Message, inner: e);
        }
        catch (Exception e) when (e is not HostException)
        {
            EndOrDetach(slot, e);
        }
    }

    /// <summary>A plugin threw where the guest waits for it.</summary>
    private void EndOrDetach(Slot slot, Exception e)
    {
        var fault = PluginCall.Failure(slot.Runner.Name, e);
        if (_onFault == DeviceFaultPolicy.Stop)
            throw new HostException(fault, inner: e);
        _logger.LogWarning("{Fault}; the device is detached, the guest goes on without it", fault);
    }

    private void Reset(Slot slot)
    {
        Stop(slot);
        slot.ExpectsDriverOk = false;
        _memory.Slice(slot.Place.AcceptedFeatures, slot.Place.FeatureLength).Clear();
        foreach (var place in slot.Place.Queues)
            new Vring(_memory, place.RingAddress, place.Size).Clear();
    }

    private sealed class Slot(BusDevice device, DeviceShape shape, DevicePlace place)
    {
        public BusDevice Device { get; } = device;

        public VirtioDeviceRunner Runner => Device.Runner;

        public DeviceShape Shape { get; } = shape;

        public DevicePlace Place { get; } = place;

        /// <summary>Set by the notify that only guests before Linux 3.1 make.</summary>
        public bool ExpectsDriverOk { get; set; }

        /// <summary>Whether this boot's engine knows the queues; they keep their signals over resets.</summary>
        public bool QueuesRegistered { get; set; }
    }
}
