// SPDX-License-Identifier: MIT
namespace LguestPlug;

/// <summary>
/// The end of a device, because its driver broke the rules of the ring or of the device type. Let it leave the queue's service:
/// all services of the device end, and what to do with the guest is the host's to decide.
/// </summary>
/// <remarks>A service throws what <see cref="IVirtqueue.Fault"/> made.</remarks>
public sealed class DeviceFaultException : Exception
{
    /// <summary>A fault in a queue.</summary>
    /// <param name="queue">The queue's name.</param>
    /// <param name="index">The index of the descriptor or ring entry, or -1 when the fault is about none.</param>
    /// <param name="reason">What the driver did, in one line without a full stop.</param>
    public DeviceFaultException(string queue, int index, string reason)
        : base(index < 0 ? $"queue {queue}: {reason}" : $"queue {queue}, descriptor {index}: {reason}")
    {
        Queue = queue;
        Index = index;
        Reason = reason;
    }

    /// <summary>The queue's name.</summary>
    public string Queue { get; }

    /// <summary>The index of the descriptor or ring entry, or -1.</summary>
    public int Index { get; }

    /// <summary>What the driver did.</summary>
    public string Reason { get; }
}
