// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Virtio;

/// <summary>Is told what a device and its driver say to each other: see <see cref="VirtioDeviceRunner.Trace"/>.</summary>
/// <remarks>
/// Chains are told of on the thread of their queue, starts and resets on the transport's: calls for different queues come at the
/// same time. None may throw, and what one takes is time the guest waits.
/// </remarks>
public interface IDeviceTrace
{
    /// <summary>The device was started and its services are about to run; features and configuration are those of this run.</summary>
    void Started(VirtioDeviceRunner device);

    /// <summary>The driver has written configuration bytes, and a device that cares for them is about to be told.</summary>
    /// <param name="offset">The first byte that is another than before.</param>
    /// <param name="bytes">It and those behind it that are others, too.</param>
    void ConfigWritten(int offset, ReadOnlySpan<byte> bytes);

    /// <summary>The service of a queue takes a chain. What it will read is in guest memory; nothing is written yet.</summary>
    /// <param name="queue">The index of the queue.</param>
    /// <param name="chain">The chain; used again for another once it is completed.</param>
    void Taken(int queue, TracedChain chain);

    /// <summary>A chain is completed. The driver does not see it yet.</summary>
    /// <param name="queue">The index of the queue.</param>
    /// <param name="chain">The chain.</param>
    /// <param name="bytesWritten">The used length: not above the chain's writable bytes.</param>
    void Completed(int queue, TracedChain chain, long bytesWritten);

    /// <summary>The device stopped of itself.</summary>
    /// <param name="queue">The index of the queue.</param>
    /// <param name="fault">Why.</param>
    /// <param name="ringIsBroken">True when the ring was broken before there was a chain; false when a chain's content or the plugin is to blame.</param>
    void Faulted(int queue, DeviceFault fault, bool ringIsBroken);

    /// <summary>The device was reset: all services have ended, and chains not completed are forgotten.</summary>
    void Stopped();
}

/// <summary>A piece of a chain in guest memory.</summary>
/// <param name="Address">Guest-physical address of the first byte.</param>
/// <param name="Length">Number of bytes; not 0.</param>
public readonly record struct GuestSegment(ulong Address, uint Length);
