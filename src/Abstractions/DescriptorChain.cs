// SPDX-License-Identifier: MIT
namespace LguestPlug;

/// <summary>
/// A request of the driver: a part the device reads, then a part it writes, each scattered over guest memory in whatever pieces
/// the driver chose (virtio 1.2, section 2.7.4.2: rely on no particular layout). Completing it hands it back.
/// </summary>
/// <remarks>
/// The guest may change its memory at any moment: copy a value out once, check the copy, use the copy. A chain, its two parts
/// and everything had from them belong to the thread of its queue and end with its completion; the object is then used again
/// for another chain.
/// </remarks>
public abstract class DescriptorChain
{
    /// <summary>The part the device reads; its <see cref="ChainPart.Length"/> is 0 when there is none.</summary>
    public abstract ChainReader Readable { get; }

    /// <summary>The part the device writes; its <see cref="ChainPart.Length"/> is 0 when there is none.</summary>
    public abstract ChainWriter Writable { get; }

    /// <summary>The index of the chain's first descriptor in the ring, for log messages.</summary>
    public abstract int Head { get; }

    /// <summary>Hands the chain back to the driver. Never blocks. The driver learns of it at the latest when the queue next waits.</summary>
    /// <param name="bytesWritten">
    /// How many bytes the device has written, from the first of the writable part on: what the driver sees as the used length.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">More than the writable part had, or negative. The chain stays in hand.</exception>
    /// <exception cref="InvalidOperationException">The chain is completed already.</exception>
    public abstract void Complete(long bytesWritten);
}
