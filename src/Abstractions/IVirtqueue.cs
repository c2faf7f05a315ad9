// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace LguestPlug;

/// <summary>
/// The device side of a virtqueue, as its service sees it. All members belong to the queue's own thread, except
/// <see cref="Stopping"/>.
/// </summary>
/// <remarks>
/// <para>Four members block: <see cref="Take"/>, <see cref="WaitReadable"/>, <see cref="WaitWritable"/> and <see cref="Sleep"/>.
/// Each ends at once when the device is to stop, and says so; from then on none of them blocks.</para>
/// <para>The driver is interrupted for completed chains as late as does no harm: when one of the four is about to sleep, or when
/// <see cref="Interrupt"/> is called; never without a completion, and never when the driver asked not to be.</para>
/// <para>Hosts implement it, plugins use it: it may gain members in a minor version.</para>
/// </remarks>
public interface IVirtqueue
{
    /// <summary>The queue's name, from its <see cref="QueueDefinition"/>.</summary>
    string Name { get; }

    /// <summary>The number of ring entries: the most chains that can be in hand, and the most descriptors in a chain.</summary>
    int Size { get; }

    /// <summary>The feature bits the driver accepted, as given to <see cref="VirtioDevice.Start"/>.</summary>
    ulong AcceptedFeatures { get; }

    /// <summary>
    /// Cancelled when the device is to stop. For calls that take a token, and for long computations to look at; may be used on
    /// any thread. What is registered with it runs on the thread that stops the device and must be quick.
    /// </summary>
    CancellationToken Stopping { get; }

    /// <summary>Waits for the next chain the driver makes available.</summary>
    /// <returns>
    /// The chain, or null when the device is to stop. Up to <see cref="Size"/> chains may be in hand at a time, and completed in
    /// any order. Once completed, the object is used again for another chain: keep none.
    /// </returns>
    /// <exception cref="DeviceFaultException">The driver broke the ring. Let it pass.</exception>
    DescriptorChain? Take();

    /// <summary>Takes the next chain if there is one now. Never blocks.</summary>
    /// <returns>The chain, or null when none is available or the device is to stop.</returns>
    /// <exception cref="DeviceFaultException">As for <see cref="Take"/>.</exception>
    DescriptorChain? TryTake();

    /// <summary>
    /// Interrupts the driver now, if there are completions it was not told of and it wants to know. Never blocks. Needed only
    /// by a service that completes chains and then does something else for long.
    /// </summary>
    void Interrupt();

    /// <summary>Waits until <paramref name="descriptor"/> can be read without blocking, is at its end, or is in error.</summary>
    /// <param name="descriptor">An open pollable file descriptor. One that cannot be polled, such as a file, is always ready.</param>
    /// <returns>False when the device is to stop.</returns>
    bool WaitReadable(SafeHandle descriptor);

    /// <summary>Waits until <paramref name="descriptor"/> takes some data without blocking, or is in error.</summary>
    /// <param name="descriptor">An open pollable file descriptor. One that cannot be polled, such as a file, is always ready.</param>
    /// <returns>False when the device is to stop.</returns>
    bool WaitWritable(SafeHandle descriptor);

    /// <summary>Sleeps. A chain made available meanwhile does not wake it.</summary>
    /// <param name="duration">
    /// How long, to the millisecond; <see cref="Timeout.InfiniteTimeSpan"/> means until the device is to stop.
    /// </param>
    /// <returns>False when the device is to stop.</returns>
    bool Sleep(TimeSpan duration);

    /// <summary>
    /// Makes the exception that ends the device because its driver broke the rules of the device type. Throw it. The chain taken
    /// last, if it is still in hand, is named in its message.
    /// </summary>
    /// <param name="reason">What the driver did, in one line without a full stop.</param>
    DeviceFaultException Fault(string reason);
}
