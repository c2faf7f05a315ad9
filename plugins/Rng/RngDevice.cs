// SPDX-License-Identifier: GPL-2.0-or-later
using System.Security.Cryptography;

namespace LguestPlug.Rng;

/// <summary>
/// The entropy device (virtio 1.2, section 5.4): fills whatever the driver gives with random bytes. It has no source that could
/// run dry, so a guest that waits for entropy while it boots is never held up.
/// </summary>
internal sealed class RngDevice : VirtioDevice
{
    /// <summary>
    /// Bytes made between two looks at the order to stop: a driver may post a chain of almost 4 GiB over the same page.
    /// </summary>
    private const int BytesAtOnce = 64 * 1024;

    internal RngDevice()
    {
        // The generator opens what it needs on first use, which must not be after the host changed its root directory.
        Span<byte> first = stackalloc byte[16];
        RandomNumberGenerator.Fill(first);
        Queues = [new QueueDefinition("input", FillRequest)];
    }

    public override ushort DeviceId => 4;

    public override IReadOnlyList<QueueDefinition> Queues { get; }

    public override string HelpIfUnused => "the guest never used its entropy device: its kernel needs CONFIG_HW_RANDOM_VIRTIO";

    private static void FillRequest(IVirtqueue queue)
    {
        if (queue.Take() is not { } chain)
            return;

        if (chain.Readable.Length > 0)
            throw queue.Fault("a device-readable descriptor in a request for entropy");

        ChainWriter to = chain.Writable;
        long total = to.Length;
        while (to.Length > 0)
        {
            if (queue.Stopping.IsCancellationRequested)
                return;

            Span<byte> piece = to.Span;
            if (piece.Length > BytesAtOnce)
                piece = piece[..BytesAtOnce];

            RandomNumberGenerator.Fill(piece);
            to.Advance(piece.Length);
        }

        chain.Complete(total);
    }
}
