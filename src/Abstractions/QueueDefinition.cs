// SPDX-License-Identifier: MIT
namespace LguestPlug;

/// <summary>
/// Serves a queue: called again and again on the queue's own thread until the device stops. One call usually takes one chain,
/// works on it and completes it. It may as well take the others that wait (<see cref="IVirtqueue.TryTake"/>), work on all at
/// once and complete them, or loop until <see cref="IVirtqueue.Take"/> returns null. When it returns, all must be completed.
/// </summary>
/// <param name="queue">The queue to serve. It is another object after each start of the device.</param>
/// <remarks>
/// Block only in the waits of <paramref name="queue"/>: they alone end when the device stops. When one of them says so, return;
/// chains in hand may be left uncompleted then, and only then. A service that computes for long looks at
/// <see cref="IVirtqueue.Stopping"/> now and then: one that does not return within ten seconds ends the host.
/// An exception that leaves a service is a fault of the device: it stops, and the host reports the plugin, the queue and the
/// exception.
/// </remarks>
public delegate void QueueService(IVirtqueue queue);

/// <summary>One queue of a device.</summary>
public sealed class QueueDefinition
{
    /// <summary>Defines a queue.</summary>
    /// <param name="name">The queue's name in logs and faults: "receive", "requests".</param>
    /// <param name="service">Serves the queue.</param>
    /// <param name="size">Number of ring entries: a power of two, at most 32768. Any other is refused when the device is made.</param>
    public QueueDefinition(string name, QueueService service, ushort size = 256)
    {
        Name = name;
        Service = service;
        Size = size;
    }

    /// <summary>The queue's name in logs and faults.</summary>
    public string Name { get; }

    /// <summary>Serves the queue.</summary>
    public QueueService Service { get; }

    /// <summary>The number of ring entries. A transport that lets the driver choose may end with fewer: <see cref="IVirtqueue.Size"/>.</summary>
    public ushort Size { get; }
}
