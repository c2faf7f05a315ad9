// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Virtio;

/// <summary>Where a <see cref="VirtioDeviceRunner"/> is in its life.</summary>
public enum DeviceRunState
{
    /// <summary>Not started, or reset.</summary>
    Stopped,

    /// <summary>Its queue services run.</summary>
    Running,

    /// <summary>A queue has faulted: its services end, and only a reset helps.</summary>
    Faulted,
}

/// <summary>
/// Runs a device, the same way on every transport: negotiation, one thread for each queue, prompt stop, faults. The transport
/// says where the rings are, what an interrupt is, and when to start and reset.
/// </summary>
/// <remarks>
/// <see cref="Kick"/> may be called on any thread. All else belongs to one thread at a time, the transport's. Disposing the
/// runner does not dispose the device.
/// </remarks>
public sealed partial class VirtioDeviceRunner : IDisposable
{
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);

    private readonly ILogger _logger;
    private readonly Action<DeviceFault> _onFault;
    private readonly QueueSlot[] _slots;
    private readonly ConfigSpace _config;
    private int _state;
    private CancellationTokenSource _stopping = new();
    private volatile string? _calling;
    private bool _blocks;
    private bool _disposed;

    /// <summary>Wraps a device.</summary>
    /// <param name="name">The device's name in the machine.</param>
    /// <param name="device">The device.</param>
    /// <param name="logger">Where starts and resets are told.</param>
    /// <param name="onFault">
    /// Told of the device's first fault, on the faulting queue's thread, which ends afterwards. It must not call back into the
    /// runner: let it wake whoever decides.
    /// </param>
    /// <exception cref="DeviceSetupException">The device's queues are not what a virtio device can have.</exception>
    /// <exception cref="InsufficientMemoryException">The host has no descriptors to give.</exception>
    public VirtioDeviceRunner(string name, VirtioDevice device, ILogger logger, Action<DeviceFault> onFault)
    {
        ArgumentNullException.ThrowIfNull(device);
        Name = name;
        Device = device;
        DeviceId = device.DeviceId;
        OfferedFeatures = device.Features;
        ConfigLength = device.Config.Length;
        _logger = logger;
        _onFault = onFault;
        foreach (QueueDefinition queue in device.Queues)
        {
            if (queue.Size == 0 || (queue.Size & (queue.Size - 1)) != 0 || queue.Size > Vring.MaximumSize)
                throw new DeviceSetupException($"{name}: queue {queue.Name} has size {queue.Size}; expected a power of two, at most {Vring.MaximumSize}");
        }

        _config = new ConfigSpace(device);
        _slots = [.. device.Queues.Select(definition => new QueueSlot(definition))];
        Queues = [.. device.Queues];
    }

    /// <summary>The device's name in the machine.</summary>
    public string Name { get; }

    /// <summary>The device.</summary>
    public VirtioDevice Device { get; }

    /// <summary>The virtio device type.</summary>
    public ushort DeviceId { get; }

    /// <summary>Bytes of its configuration.</summary>
    public int ConfigLength { get; }

    /// <summary>What a transport's thread waits for in the plugin at this moment, in words; null if nothing. Any thread.</summary>
    public string? Calling => _calling is { } what ? $"{Name}: its plugin has not returned from {what}" : null;

    /// <summary>Whether a service did not stop when it was to: its thread may go on using guest memory.</summary>
    public bool HasLostThread => _blocks;

    /// <summary>The device's queues, in order; the index is that of all members here.</summary>
    public IReadOnlyList<QueueDefinition> Queues { get; }

    /// <summary>The features the device offers.</summary>
    public ulong OfferedFeatures { get; }

    /// <summary>The features accepted at the last start; 0 after a reset.</summary>
    public ulong AcceptedFeatures { get; private set; }

    /// <summary>Where the device is in its life. Any thread.</summary>
    public DeviceRunState State => (DeviceRunState)Volatile.Read(ref _state);

    /// <summary>True once the device was started, whatever came after: see <see cref="VirtioDevice.HelpIfUnused"/>.</summary>
    public bool WasEverStarted { get; private set; }

    /// <summary>Is told of every chain from the next <see cref="Start"/> on; null, as at first, traces nothing and costs nothing.</summary>
    public IDeviceTrace? Trace { get; set; }

    /// <summary>Says where a queue's ring lies and how its driver is interrupted. Needed for every queue before <see cref="Start"/>.</summary>
    /// <param name="queue">The index of the queue.</param>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="ring">The ring in it; as many entries as the definition says, or fewer if the transport lets the driver choose.</param>
    /// <param name="raiseInterrupt">Interrupts the driver; called on the queue's thread, must not block.</param>
    public void PlaceQueue(int queue, GuestMemory memory, Vring ring, Action raiseInterrupt)
    {
        ThrowUnless(DeviceRunState.Stopped);
        _slots[queue].Memory = memory;
        _slots[queue].Ring = ring;
        _slots[queue].RaiseInterrupt = raiseInterrupt;
    }

    /// <summary>
    /// Says where the driver reads and writes the configuration, and puts the device's bytes there. The place may change at any
    /// time; <see cref="RemoveConfig"/> ends its use.
    /// </summary>
    /// <param name="view">Gives the bytes, always as many; called on any thread, must not block.</param>
    public void PlaceConfig(ConfigView view) => _config.Place(view);

    /// <summary>When this returns the place of the configuration is used no more. Any thread.</summary>
    public void RemoveConfig() => _config.Remove();

    /// <summary>The device has changed its configuration: puts what it changed in place, if there is one. Any thread.</summary>
    public void UpdateConfig() => _config.Update();

    /// <summary>The driver has made chains available in a queue. Never blocks; harmless when the device is not running.</summary>
    public void Kick(int queue) => _slots[queue].Signals.Kick();

    /// <summary>An eventfd that does what <see cref="Kick"/> does, the same one for the runner's whole life.</summary>
    public SafeHandle KickDescriptor(int queue) => _slots[queue].Signals.KickDescriptor;

    /// <summary>Starts the device: the driver has decided on features. The rings must be as after a reset: indices at 0.</summary>
    /// <param name="acceptedFeatures">The bits the driver wrote. What was not offered is left out.</param>
    /// <exception cref="InvalidOperationException">The device is not stopped, or a queue has no place.</exception>
    /// <exception cref="InsufficientMemoryException">The host has no threads to give; only a reset helps.</exception>
    public void Start(ulong acceptedFeatures)
    {
        ThrowUnless(DeviceRunState.Stopped);
        foreach (QueueSlot slot in _slots)
        {
            if (slot.Ring is null)
                throw new InvalidOperationException($"{Name}: queue {slot.Definition.Name} has no place");
        }

        if ((acceptedFeatures & ~OfferedFeatures) != 0)
            LogUnofferedFeatures(_logger, Name, acceptedFeatures & ~OfferedFeatures);

        AcceptedFeatures = acceptedFeatures & OfferedFeatures;
        LogStart(_logger, Name, OfferedFeatures, AcceptedFeatures);
        Call(nameof(VirtioDevice.Start), () => Device.Start(AcceptedFeatures));
        WasEverStarted = true;
        IDeviceTrace? trace = Trace;
        _config.Trace = trace;
        trace?.Started(this);
        _stopping = new CancellationTokenSource();
        Volatile.Write(ref _state, (int)DeviceRunState.Running);

        // From here on a reset belongs to the start, even if the device throws.
        LookAtConfig();
        foreach ((int index, QueueSlot slot) in _slots.Index())
        {
            slot.Signals.Rearm();
            var queue = new Virtqueue(
                slot.Definition.Name, slot.Memory!, slot.Ring!, new VirtqueueState(), slot.Signals, slot.RaiseInterrupt!, AcceptedFeatures, _stopping.Token);
            IVirtqueue watched = _config.IsWatched ? new ConfigWatchingQueue(queue, _config) : queue;
            TracedQueue? traced = trace is null ? null : new TracedQueue(watched, index, slot.Memory!, trace);
            slot.Thread = new Thread(() => Serve(slot, index, queue, watched, traced))
            {
                IsBackground = true,
                Name = $"{Name}/{slot.Definition.Name}",
            };
        }

        // Only now, so that a fault of the first cannot meet a half-made second.
        foreach (QueueSlot slot in _slots)
        {
            try
            {
                slot.Thread!.Start();
            }
            catch (OutOfMemoryException exception)
            {
                // Those that never ran cannot be waited for.
                foreach (QueueSlot left in _slots.SkipWhile(s => s != slot))
                    left.Thread = null;

                Volatile.Write(ref _state, (int)DeviceRunState.Faulted);
                SignalStop();
                throw new InsufficientMemoryException($"{Name}: no thread for queue {slot.Definition.Name}: the system gives no more of them", exception);
            }
        }
    }

    /// <summary>
    /// Stops the device if it was started: when this returns no service runs and the device is as after creation. Ring memory is
    /// left alone; a transport that owns it clears it next (<see cref="Vring.Clear"/>).
    /// </summary>
    /// <exception cref="TimeoutException">A plugin blocks where it cannot be woken. The device, its memory and its thread are lost.</exception>
    public void Reset()
    {
        if (State == DeviceRunState.Stopped)
            return;

        LogReset(_logger, Name);
        Call("what it registered with Stopping", SignalStop);
        foreach (QueueSlot slot in _slots)
        {
            if (slot.Thread is not { } thread)
                continue;

            if (thread == Thread.CurrentThread)
                throw new InvalidOperationException($"{Name}: reset by its own queue {slot.Definition.Name}");

            // Waited for once: whoever tries again at the end of the process is not held up as long again.
            TimeSpan patience = _blocks ? TimeSpan.Zero : StopPatience;
            _calling = $"the service of queue {slot.Definition.Name}";
            _blocks = !thread.Join(patience);
            _calling = null;
            if (_blocks)
                throw new TimeoutException($"{Name}: queue {slot.Definition.Name} did not stop within {StopPatience.TotalSeconds} s; its plugin blocks");

            slot.Thread = null;
        }

        _stopping.Dispose();
        AcceptedFeatures = 0;
        Volatile.Write(ref _state, (int)DeviceRunState.Stopped);
        try
        {
            LookAtConfig();
        }
        finally
        {
            // A reset belongs to every start, whatever the device throws.
            Trace?.Stopped();
            Call(nameof(VirtioDevice.Reset), Device.Reset);
            UpdateConfig();
        }
    }

    /// <summary>Releases the device itself.</summary>
    public void DisposeDevice() => Call(nameof(VirtioDevice.Dispose), Device.Dispose);

    /// <summary>Resets the device and releases the kick descriptors. Nobody may <see cref="Kick"/> any more.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;

        _disposed = true;
        Reset();
        RemoveConfig();
        foreach (QueueSlot slot in _slots)
            slot.Signals.Dispose();
    }

    /// <summary>Calls the plugin on the transport's thread.</summary>
    private void Call(string what, Action member)
    {
        _calling = what;
        try
        {
            member();
        }
        finally
        {
            _calling = null;
        }
    }

    private void LookAtConfig()
    {
        if (_config.IsWatched)
            _config.Look();
    }

    /// <param name="slot">The queue's own.</param>
    /// <param name="index">Its index.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="watched">The queue as its service gets it, unless it is traced.</param>
    /// <param name="traced">The same with a trace in between.</param>
    private void Serve(QueueSlot slot, int index, Virtqueue queue, IVirtqueue watched, TracedQueue? traced)
    {
        QueueDefinition definition = slot.Definition;
        QueueSignals signals = slot.Signals;
        IVirtqueue served = traced ?? watched;
        try
        {
            while (!signals.IsStopping)
            {
                definition.Service(served);
                if (queue.HasChainInHand && !signals.IsStopping)
                    throw queue.Fault("the device returned without completing the chain");
            }
        }
#pragma warning disable CA1031 // Whatever a plugin throws ends its device and not the process.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            if (!signals.IsStopping)
                ReportFault(definition, index, exception, traced);
            else if (exception is not OperationCanceledException)
                LogErrorWhileStopping(_logger, Name, definition.Name, exception.Message);
        }
    }

    private void ReportFault(QueueDefinition definition, int index, Exception exception, TracedQueue? traced)
    {
        // Of several queues that fault, the first is told of.
        if (Interlocked.CompareExchange(ref _state, (int)DeviceRunState.Faulted, (int)DeviceRunState.Running) != (int)DeviceRunState.Running)
            return;

        SignalStop();
        string reason = exception is DeviceFaultException deviceFault
            ? deviceFault.Message
            : $"queue {definition.Name}: the plugin threw {exception.GetType().Name}: {exception.Message.ReplaceLineEndings(" ")}";
        var fault = new DeviceFault(Name, definition.Name, reason, exception);
        Trace?.Faulted(index, fault, traced is { RingIsBroken: true });
        _onFault(fault);
    }

    private void SignalStop()
    {
        foreach (QueueSlot slot in _slots)
            slot.Signals.Stop();

        try
        {
            _stopping.Cancel();
        }
        catch (AggregateException exception)
        {
            // What a plugin registered is no reason not to stop.
            foreach (Exception inner in exception.InnerExceptions)
                LogStoppingThrew(_logger, Name, inner.GetType().Name, inner.Message);
        }
    }

    private void ThrowUnless(DeviceRunState state)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (State != state)
            throw new InvalidOperationException($"{Name} is {State}");
    }

    [LoggerMessage(1, LogLevel.Information, "Device {Device} OK: offered {Offered:x}, accepted {Accepted:x}")]
    private static partial void LogStart(ILogger logger, string device, ulong offered, ulong accepted);

    [LoggerMessage(2, LogLevel.Information, "Resetting device {Device}")]
    private static partial void LogReset(ILogger logger, string device);

    [LoggerMessage(3, LogLevel.Warning, "Device {Device}: the driver accepted features never offered ({Features:x}); ignored")]
    private static partial void LogUnofferedFeatures(ILogger logger, string device, ulong features);

    [LoggerMessage(4, LogLevel.Warning, "Device {Device}: queue {Queue} ended in an error while stopping: {Message}")]
    private static partial void LogErrorWhileStopping(ILogger logger, string device, string queue, string message);

    [LoggerMessage(5, LogLevel.Warning, "{Device}: what the plugin registered with Stopping threw {Type}: {Message}")]
    private static partial void LogStoppingThrew(ILogger logger, string device, string type, string message);

    private sealed class QueueSlot(QueueDefinition definition)
    {
        internal QueueDefinition Definition { get; } = definition;

        internal QueueSignals Signals { get; } = new();

        internal GuestMemory? Memory { get; set; }

        internal Vring? Ring { get; set; }

        internal Action? RaiseInterrupt { get; set; }

        internal Thread? Thread { get; set; }
    }
}
