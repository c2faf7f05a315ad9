// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Virtio;

namespace LguestPlug.Fuzz;

/// <summary>
/// A queue that never waits: where a device would, it is told to stop instead. So a service runs on the fuzzer's own thread and the
/// same input always does the same.
/// </summary>
internal sealed class EagerQueue(Virtqueue queue) : IVirtqueue
{
    public string Name => queue.Name;

    public int Size => queue.Size;

    public ulong AcceptedFeatures => queue.AcceptedFeatures;

    public CancellationToken Stopping => CancellationToken.None;

    /// <summary>The service has been told to stop: it may leave chains behind, and what follows is a reset.</summary>
    public bool HasStopped { get; private set; }

    /// <summary>The service has returned all chains.</summary>
    public bool IsEmptyHanded => !queue.HasChainInHand;

    public DescriptorChain? Take()
    {
        DescriptorChain? chain = TryTake();
        HasStopped |= chain is null;
        return chain;
    }

    public DescriptorChain? TryTake() => HasStopped ? null : queue.TryTake();

    public void Interrupt() => queue.Interrupt();

    public bool WaitReadable(SafeHandle descriptor) => WaitFor(descriptor, Poll.Readable);

    public bool WaitWritable(SafeHandle descriptor) => WaitFor(descriptor, Poll.Writable);

    public bool Sleep(TimeSpan duration)
    {
        HasStopped = true;
        return false;
    }

    public DeviceFaultException Fault(string reason) => queue.Fault(reason);

    /// <summary>Forgets that the service was told to stop.</summary>
    public void GoOn() => HasStopped = false;

    private bool WaitFor(SafeHandle descriptor, short events)
    {
        if (!Poll.IsReady(descriptor, events))
            HasStopped = true;

        return !HasStopped;
    }
}
