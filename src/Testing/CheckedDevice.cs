// SPDX-License-Identifier: MIT
namespace LguestPlug.Testing;

/// <summary>The device under test, its services given queues that check how they are used.</summary>
internal sealed class CheckedDevice : VirtioDevice
{
    private readonly VirtioDevice _device;
    private readonly Violations _violations;
    private readonly CheckedQueue?[] _current;

    internal CheckedDevice(VirtioDevice device, Violations violations)
    {
        _device = device;
        _violations = violations;
        IReadOnlyList<QueueDefinition> queues = device.Queues;
        _current = new CheckedQueue?[queues.Count];
        Queues = [.. queues.Select((queue, i) => new QueueDefinition(queue.Name, inner => Serve(queue, i, inner), queue.Size))];
    }

    public override ushort DeviceId => _device.DeviceId;

    public override ulong Features => _device.Features;

    public override IReadOnlyList<QueueDefinition> Queues { get; }

    public override void Start(ulong acceptedFeatures) => _device.Start(acceptedFeatures);

    public override ReadOnlyMemory<byte> Config => _device.Config;

    public override void ConfigWritten(ReadOnlySpan<byte> config) => _device.ConfigWritten(config);

    public override void Reset()
    {
        foreach (CheckedQueue? queue in _current)
            queue?.Retire();

        Array.Clear(_current);
        _device.Reset();
    }

    /// <summary>What a queue's service does, for messages.</summary>
    internal string Activity(int queue) => Volatile.Read(ref _current[queue])?.Activity ?? "has not begun";

    private void Serve(QueueDefinition definition, int index, IVirtqueue inner)
    {
        CheckedQueue? queue = _current[index];
        if (queue is null)
            Volatile.Write(ref _current[index], queue = new CheckedQueue(inner, _violations));

        try
        {
            definition.Service(queue);
        }
        catch (Exception e) when (e is not DeviceFaultException)
        {
            if (!queue.IsNoted(e) && (e is not OperationCanceledException || !inner.Stopping.IsCancellationRequested))
                _violations.Add($"queue {definition.Name}: the service threw {e.GetType().Name}: {e.Message}", e);

            throw;
        }

        queue.ServiceReturned();
    }
}
