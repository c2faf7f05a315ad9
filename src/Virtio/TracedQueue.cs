// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Virtio;

/// <summary>
/// A queue whose chains a trace is told of. It stands between the service and the queue itself, which knows nothing of it: where
/// nothing is traced there is none, and a chain costs what it always did.
/// </summary>
internal sealed class TracedQueue : IVirtqueue
{
    private readonly IVirtqueue _queue;
    private readonly int _index;
    private readonly GuestMemory _memory;
    private readonly IDeviceTrace _trace;
    private readonly Stack<TracedChain> _idle = [];
    private long _taken;

    internal TracedQueue(IVirtqueue queue, int index, GuestMemory memory, IDeviceTrace trace)
    {
        _queue = queue;
        _index = index;
        _memory = memory;
        _trace = trace;
    }

    public string Name => _queue.Name;

    public int Size => _queue.Size;

    public ulong AcceptedFeatures => _queue.AcceptedFeatures;

    public CancellationToken Stopping => _queue.Stopping;

    /// <summary>The driver broke a rule before there was a chain.</summary>
    internal bool RingIsBroken { get; private set; }

    public DescriptorChain? Take()
    {
        try
        {
            return Taken(_queue.Take());
        }
        catch (DeviceFaultException)
        {
            RingIsBroken = true;
            throw;
        }
    }

    public DescriptorChain? TryTake()
    {
        try
        {
            return Taken(_queue.TryTake());
        }
        catch (DeviceFaultException)
        {
            RingIsBroken = true;
            throw;
        }
    }

    public void Interrupt() => _queue.Interrupt();

    public bool WaitReadable(SafeHandle descriptor) => _queue.WaitReadable(descriptor);

    public bool WaitWritable(SafeHandle descriptor) => _queue.WaitWritable(descriptor);

    public bool Sleep(TimeSpan duration) => _queue.Sleep(duration);

    public DeviceFaultException Fault(string reason) => _queue.Fault(reason);

    internal void Completed(TracedChain chain, long bytesWritten) => _trace.Completed(_index, chain, bytesWritten);

    internal void Return(TracedChain chain) => _idle.Push(chain);

    private TracedChain? Taken(DescriptorChain? chain)
    {
        if (chain is null)
            return null;

        TracedChain traced = _idle.Count > 0 ? _idle.Pop() : new TracedChain(this, _memory);
        traced.Reset(chain, ++_taken);
        _trace.Taken(_index, traced);
        return traced;
    }
}
