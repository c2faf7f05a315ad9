// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Virtio;

/// <summary>A chain in the device's hand; the queue uses the object again once it is completed.</summary>
internal sealed class GuestChain(Virtqueue queue) : DescriptorChain
{
    private readonly Reader _readable = new();
    private readonly Writer _writable = new();
    private long _writableLength;
    private int _head;
    private bool _inHand;

    public override ChainReader Readable => _readable;

    public override ChainWriter Writable => _writable;

    public override int Head => _head;

    internal ScatteredBytes ReadableBytes => _readable.Bytes;

    internal ScatteredBytes WritableBytes => _writable.Bytes;

    public override void Complete(long bytesWritten)
    {
        if (!_inHand)
            throw new InvalidOperationException("the chain is completed already");

        if ((ulong)bytesWritten > (ulong)_writableLength)
            throw TooMany(bytesWritten);

        _inHand = false;
        queue.Return(this, (uint)bytesWritten);
    }

    /// <summary>The pieces are all there: the queue hands the chain out.</summary>
    internal void Seal(int head)
    {
        _head = head;
        _writableLength = WritableBytes.Length;
        _inHand = true;
    }

    internal void Clear()
    {
        ReadableBytes.Clear();
        WritableBytes.Clear();
    }

    private ArgumentOutOfRangeException TooMany(long bytesWritten) =>
        new(nameof(bytesWritten), $"a chain of {_writableLength} writable bytes cannot be completed with {bytesWritten}");

    private sealed class Reader : ChainReader
    {
        internal ScatteredBytes Bytes { get; } = new();

        public override long Length => Bytes.Length;

        public override ReadOnlySpan<IoVector> Pieces => Bytes.Pieces;

        public override ReadOnlySpan<byte> Span => Bytes.Front;

        public override void Advance(long count) => Bytes.Advance(count);

        public override int Read(Span<byte> destination) => Bytes.CopyTo(destination);

        public override TransferResult DrainTo(SafeHandle file, long offset, long count) =>
            Bytes.TransferAll(file, offset, count, intoGuest: false);

        public override TransferResult DrainTo(SafeHandle stream, long limit) =>
            Bytes.TransferOnce(stream, limit, intoGuest: false);
    }

    private sealed class Writer : ChainWriter
    {
        internal ScatteredBytes Bytes { get; } = new();

        public override long Length => Bytes.Length;

        public override ReadOnlySpan<IoVector> Pieces => Bytes.Pieces;

        public override Span<byte> Span => Bytes.Front;

        public override void Advance(long count) => Bytes.Advance(count);

        public override int Write(ReadOnlySpan<byte> source) => Bytes.CopyFrom(source);

        public override TransferResult FillFrom(SafeHandle file, long offset, long count) =>
            Bytes.TransferAll(file, offset, count, intoGuest: true);

        public override TransferResult FillFrom(SafeHandle stream) => Bytes.TransferOnce(stream, long.MaxValue, intoGuest: true);
    }
}
