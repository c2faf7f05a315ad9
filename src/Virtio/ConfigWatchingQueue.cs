// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Virtio;

/// <summary>The queue of a device that cares for what its driver writes into the configuration: has a look before work begins.</summary>
internal sealed class ConfigWatchingQueue(IVirtqueue queue, ConfigSpace config) : IVirtqueue
{
    public string Name => queue.Name;

    public int Size => queue.Size;

    public ulong AcceptedFeatures => queue.AcceptedFeatures;

    public CancellationToken Stopping => queue.Stopping;

    public DescriptorChain? Take() => Looked(queue.Take());

    public DescriptorChain? TryTake() => Looked(queue.TryTake());

    public void Interrupt() => queue.Interrupt();

    public bool WaitReadable(SafeHandle descriptor) => Looked(queue.WaitReadable(descriptor));

    public bool WaitWritable(SafeHandle descriptor) => Looked(queue.WaitWritable(descriptor));

    public bool Sleep(TimeSpan duration) => Looked(queue.Sleep(duration));

    public DeviceFaultException Fault(string reason) => queue.Fault(reason);

    private DescriptorChain? Looked(DescriptorChain? chain)
    {
        if (chain is not null)
            config.Look();

        return chain;
    }

    private bool Looked(bool goesOn)
    {
        if (goesOn)
            config.Look();

        return goesOn;
    }
}
