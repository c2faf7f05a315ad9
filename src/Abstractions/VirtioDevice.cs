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
    /// the lguest bus. Read after creation, at each boot of the guest, and in <see cref="IDeviceContext.ConfigChanged"/>.
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
