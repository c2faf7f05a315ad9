// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace LguestPlug;

/// <summary>
/// The device side of a virtqueue, as its service sees it. All members belong to the queue's own thread, except
/// <see cref="Stopping"/>.
/// </summary>
/// <remarks>
/// The driver is interrupted for completed chains as late as does no harm: when a wait of this interface is about to sleep, or
/// when <see cref="Interrupt"/> is called; never without a completion, and never when the driver asked not to be.
/// </remarks>
public interface IVirtqueue
{
    /// <summary>The queue's name, from its <see cref="QueueDefinition"/>.</summary>
    string Name { get; }

    /// <summary>The number of ring entries.</summary>
    int Size { get; }

    /// <summary>The features the driver accepted.</summary>
    ulong AcceptedFeatures { get; }

    /// <summary>True when chains were completed since the driver was last interrupted.</summary>
    bool HasUnsignalledCompletions { get; }

    /// <summary>Cancelled when the device is to stop. For calls that take a token; may be used on any thread.</summary>
    CancellationToken Stopping { get; }

    /// <summary>Waits for the next chain the driver makes available.</summary>
    /// <returns>
    /// The chain, or null when the device is to stop. Up to <see cref="Size"/> chains may be in hand at a time, and completed in
    /// any order. Once completed, the object is used again for another chain: keep none.
    /// </returns>
    /// <exception cref="DeviceFaultException">The driver broke the ring. Let it pass.</exception>
    DescriptorChain? Take();

    /// <summary>Takes the next chain if there is one now.</summary>
    /// <returns>The chain, or null when none is available or the device is to stop.</returns>
    /// <exception cref="DeviceFaultException">As for <see cref="Take"/>.</exception>
    DescriptorChain? TryTake();

    /// <summary>Interrupts the driver now, if there are completions it was not told of and it wants to know.</summary>
    void Interrupt();

    /// <summary>Waits until <paramref name="descriptor"/> can be read without blocking, is at its end, or is in error.</summary>
    /// <param name="descriptor">A pollable file descriptor. One that cannot be polled, such as a file, is always ready.</param>
    /// <returns>False when the device is to stop.</returns>
    bool WaitReadable(SafeHandle descriptor);

    /// <summary>Waits until <paramref name="descriptor"/> takes some data without blocking, or is in error.</summary>
    /// <param name="descriptor">A pollable file descriptor. One that cannot be polled, such as a file, is always ready.</param>
    /// <returns>False when the device is to stop.</returns>
    bool WaitWritable(SafeHandle descriptor);

    /// <summary>Sleeps.</summary>
    /// <param name="duration">How long; <see cref="Timeout.InfiniteTimeSpan"/> means until the device is to stop.</param>
    /// <returns>False when the device is to stop.</returns>
    bool Sleep(TimeSpan duration);

    /// <summary>Makes the exception that ends the device because its driver broke the rules of the device type. Throw it.</summary>
    /// <param name="reason">What the driver did, in one line without a full stop.</param>
    DeviceFaultException Fault(string reason);
}
