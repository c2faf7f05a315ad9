// SPDX-License-Identifier: MIT
namespace LguestPlug;

/// <summary>
/// Serves a queue: called again and again on the queue's own thread until the device stops. One call usually takes one chain,
/// works on it and completes it. It may as well take the others that wait (<see cref="IVirtqueue.TryTake"/>), work on all at
/// once and complete them, or loop until <see cref="IVirtqueue.Take"/> returns null. When it returns, all must be completed.
/// </summary>
/// <param name="queue">The queue to serve.</param>
/// <remarks>
/// Block only in the waits of <paramref name="queue"/>: they alone end when the device stops. When one of them says so, return;
/// chains in hand may be left uncompleted then, and only then. An exception that leaves a service is a fault of the device:
/// it stops, and the host reports the plugin, the queue and the exception.
/// </remarks>
public delegate void QueueService(IVirtqueue queue);

/// <summary>One queue of a device.</summary>
/// <param name="Name">The queue's name in logs and faults: "receive", "requests".</param>
/// <param name="Service">Serves the queue.</param>
/// <param name="Size">Number of ring entries: a power of two, at most 32768.</param>
public sealed record QueueDefinition(string Name, QueueService Service, ushort Size = 256);
