// SPDX-License-Identifier: MIT
namespace LguestPlug;

/// <summary>
/// A virtio device: what it is, what it offers, and the services of its queues. It knows nothing of the machine or the bus it
/// is on.
/// </summary>
/// <remarks>
/// <para>One instance lives as long as the host's process, over any number of guest reboots:
/// created → (<see cref="Start"/> → queue services run → services have ended → <see cref="Reset"/>)* → disposed.
/// <see cref="Reset"/> comes only after a <see cref="Start"/>, and a device need never be started.</para>
/// <para><see cref="Start"/>, <see cref="Reset"/> and <see cref="IDisposable.Dispose"/> may be called on different threads, but
/// never overlap with each other nor with a queue service, and each sees what the others wrote: they need no locks. Services of
/// different queues do run at the same time, each on a thread of its own. The properties may be read on any thread.</para>
/// </remarks>
public abstract class VirtioDevice : IDisposable
{
    /// <summary>The virtio device type: 1 network, 2 block, 3 console, 4 entropy, ... (virtio 1.2, section 5).</summary>
    public abstract ushort DeviceId { get; }

    /// <summary>
    /// The feature bits offered to the driver; bit n is <c>1UL &lt;&lt; n</c>. Read once, after creation. A legacy transport can
    /// carry bits 0 to 31 only.
    /// </summary>
    public virtual ulong Features => 0;

    /// <summary>
    /// The configuration bytes, in the layout of the device type, little-endian, always of the same length. At most 255 bytes on
    /// the lguest bus. Read after creation, at each boot of the guest, after <see cref="Reset"/>, and in
    /// <see cref="IDeviceContext.ConfigChanged"/>. Bytes that the driver writes (<see cref="ConfigWritten"/>) need not appear here:
    /// between two boots the host puts no byte in place but those that differ from what it read the time before.
    /// </summary>
    public virtual ReadOnlyMemory<byte> Config => ReadOnlyMemory<byte>.Empty;

    /// <summary>The queues, in the order the device type defines; their index is their number for the driver. Read once, after creation.</summary>
    public abstract IReadOnlyList<QueueDefinition> Queues { get; }

    /// <summary>What this very device is, in a few words: "tun tap0: 192.168.19.1". Shown when the host is verbose.</summary>
    public virtual string Description => "";

    /// <summary>
    /// Shown when the guest ended without ever starting the device: which driver and kernel option the guest needs. Null shows
    /// nothing.
    /// </summary>
    public virtual string? HelpIfUnused => null;

    /// <summary>
    /// The driver has accepted features; the queue services start right after this returns. The guest waits for it: be quick.
    /// An exception ends the host with one line that names the device.
    /// </summary>
    /// <param name="acceptedFeatures">The accepted bits; always a subset of <see cref="Features"/>.</param>
    public virtual void Start(ulong acceptedFeatures)
    {
    }

    /// <summary>
    /// The driver has written configuration bytes, such as a balloon's actual size. Comes only after <see cref="Start"/> and
    /// before the <see cref="Reset"/> that belongs to it. The driver may have to wait for it: be quick, do not block.
    /// </summary>
    /// <remarks>
    /// <para>A transport that sees such a write tells of it at once. The lguest bus does not: there the configuration is plain
    /// memory of the guest, and writing it neither traps nor notifies. It is compared with what it was: right after
    /// <see cref="Start"/>; whenever <see cref="IVirtqueue.Take"/> or <see cref="IVirtqueue.TryTake"/> of any queue is about to
    /// give a chain, and whenever one of the other waits of any queue ends; and when the services have ended, before
    /// <see cref="Reset"/>. So what a driver writes before it makes a chain available is known before the chain is; what it
    /// writes afterwards is not known before a queue next wakes; of several writes between two looks the last is seen, and one
    /// that is taken back is never seen. A field may be caught while the driver is writing it; then the next look tells again.</para>
    /// <para>Called on the thread of the queue that looked, inside the method named above, or on the thread that starts or
    /// resets the device. Never twice at a time, but services of other queues go on meanwhile: what they use, too, needs a lock
    /// or <see cref="Volatile"/>. Hold no such lock while waiting in a queue. An exception ends the device as one that leaves the
    /// service does.</para>
    /// </remarks>
    /// <param name="config">
    /// All configuration bytes as the driver sees them now, those of the device included. Valid during the call.
    /// </param>
    public virtual void ConfigWritten(ReadOnlySpan<byte> config)
    {
    }

    /// <summary>
    /// The driver, a reboot or the host has stopped the device: all queue services have ended. Return to the state after
    /// creation; keep files and interfaces open, they may be impossible to open again. Not called for a device never started.
    /// The guest waits for it: be quick.
    /// </summary>
    public virtual void Reset()
    {
    }

    /// <summary>Releases what the device holds. The host calls it once, at its end; the device was reset before if it was started.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Releases what the device holds.</summary>
    /// <param name="disposing">True unless called by a finalizer.</param>
    protected virtual void Dispose(bool disposing)
    {
    }
}
