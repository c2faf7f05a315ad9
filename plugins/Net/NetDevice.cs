// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Shared;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Net;

/// <summary>
/// The network card (virtio 1.2, section 5.1; the 10-byte header of virtio 0.9.5). The tun driver speaks the very format of the
/// queues, so packets are moved and never looked at.
/// </summary>
internal sealed partial class NetDevice : VirtioDevice
{
    /// <summary>The address (6 bytes) and the status (2 bytes), which has no feature and is 0.</summary>
    private const int ConfigurationSize = 8;

    private readonly TapInterface _tap;
    private readonly ILogger _logger;
    private readonly byte[] _config = new byte[ConfigurationSize];
    private bool _sendErrorTold;
    private bool _tapGone;

    /// <summary>A network card.</summary>
    /// <param name="tap">The host's end; the device disposes it.</param>
    /// <param name="description">For the list of devices.</param>
    /// <param name="mac">The guest's address, or null to let it choose.</param>
    /// <param name="logger">Told of errors, once each.</param>
    internal NetDevice(TapInterface tap, string description, MacAddress? mac, ILogger logger)
    {
        _tap = tap;
        _logger = logger;
        Description = description;
        Features = (ulong)NetFeatures.Offloads | VirtioFeatures.IndirectDescriptors;
        if (mac is { } address)
        {
            Features |= (ulong)NetFeatures.Mac;
            address.CopyTo(_config);
        }

        Queues = [new QueueDefinition("receive", ServeReceive), new QueueDefinition("transmit", ServeTransmit)];
    }

    public override ushort DeviceId => 1;

    public override ulong Features { get; }

    public override ReadOnlyMemory<byte> Config => _config;

    public override IReadOnlyList<QueueDefinition> Queues { get; }

    public override string Description { get; }

    public override string HelpIfUnused => "the guest never used its network card: its kernel needs CONFIG_VIRTIO_NET, and calls the first one eth0";

    /// <summary>Packets in a form the guest did not agree to take are turned into ordinary ones by the host's kernel.</summary>
    public override void Start(ulong acceptedFeatures)
    {
        if (_tap.TrySetOffload(OffloadFor((NetFeatures)acceptedFeatures)) is not 0 and int error)
            LogOffloadFailed(_logger, _tap.Name, LinuxFile.TextOf(error));
    }

    /// <summary>What the tap may hand to a guest with these features. Large pieces come without checksums, so they imply those.</summary>
    internal static TunOffload OffloadFor(NetFeatures accepted)
    {
        if (!accepted.HasFlag(NetFeatures.GuestChecksum))
            return TunOffload.None;

        TunOffload offload = TunOffload.Checksum;
        if (accepted.HasFlag(NetFeatures.GuestTso4))
            offload |= TunOffload.Tso4;

        if (accepted.HasFlag(NetFeatures.GuestTso6))
            offload |= TunOffload.Tso6;

        if (accepted.HasFlag(NetFeatures.GuestEcn) && (offload & (TunOffload.Tso4 | TunOffload.Tso6)) != 0)
            offload |= TunOffload.TsoEcn;

        return offload;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            _tap.Dispose();

        base.Dispose(disposing);
    }

    private void ServeReceive(IVirtqueue queue)
    {
        if (queue.Take() is not { } chain)
            return;

        if (chain.Readable.Length > 0)
            throw queue.Fault("a device-readable descriptor in the receive queue");

        // Refused by the tap itself, too, but in words that it also has for its own end.
        if (chain.Writable.Length < TapInterface.HeaderSize)
            throw queue.Fault($"room of {chain.Writable.Length} bytes for a packet; its header alone has {TapInterface.HeaderSize}");

        // Reading first and waiting only when there is nothing holds the interrupt back while packets keep coming. The first one
        // after a pause is told of at once: the guest may be waiting for just that.
        bool paused = false;
        while (!_tapGone)
        {
            TransferResult result = chain.Writable.FillFrom(_tap.Handle);
            if (result.Bytes > 0)
            {
                chain.Complete(result.Bytes);
                if (paused)
                    queue.Interrupt();

                return;
            }

            if (!result.WouldBlock)
            {
                _tapGone = true;
                LogTapGone(_logger, _tap.Name, result.Succeeded ? "end of file" : result.ErrorText);
            }
            else
            {
                queue.Interrupt();
                paused = true;
                if (!queue.WaitReadable(_tap.Handle))
                    return;
            }
        }

        queue.Sleep(Timeout.InfiniteTimeSpan);
    }

    private void ServeTransmit(IVirtqueue queue)
    {
        if (queue.Take() is not { } chain)
            return;

        if (chain.Writable.Length > 0)
            throw queue.Fault("a device-writable descriptor in the transmit queue");

        TransferResult result = chain.Readable.DrainTo(_tap.Handle);
        while (result.WouldBlock)
        {
            if (!queue.WaitWritable(_tap.Handle))
                return;

            result = chain.Readable.DrainTo(_tap.Handle);
        }

        // Networks lose packets: one that cannot be sent is lost and the guest goes on.
        if (!result.Succeeded && !_sendErrorTold)
        {
            _sendErrorTold = true;
            LogSendFailed(_logger, _tap.Name, result.ErrorText);
        }

        chain.Complete(0);
    }

    [LoggerMessage(1, LogLevel.Warning, "{Tap} cannot be read any more: {Reason}; the guest receives nothing")]
    private static partial void LogTapGone(ILogger logger, string tap, string reason);

    [LoggerMessage(2, LogLevel.Warning, "a packet could not be sent to {Tap}: {Reason}; later ones are not reported")]
    private static partial void LogSendFailed(ILogger logger, string tap, string reason);

    [LoggerMessage(3, LogLevel.Warning, "cannot set what packets {Tap} may deliver: {Reason}")]
    private static partial void LogOffloadFailed(ILogger logger, string tap, string reason);
}
