// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Virtio;

/// <summary>The one chain object of a queue, filled anew for every request.</summary>
internal sealed class GuestChain : DescriptorChain
{
    private readonly Virtqueue _queue;
    private readonly Reader _readable;
    private readonly Writer _writable;
    private long _writableLength;

    internal GuestChain(Virtqueue queue, int capacity)
    {
        _queue = queue;
        _readable = new Reader(capacity);
        _writable = new Writer(capacity);
    }

    public override ChainReader Readable => _readable;

    public override ChainWriter Writable => _writable;

    public override int Head => _queue.HeadInHand;

    internal ScatteredBytes ReadableBytes => _readable.Bytes;

    internal ScatteredBytes WritableBytes => _writable.Bytes;

    public override void Complete(long bytesWritten)
    {
        if (!_queue.HasChainInHand)
            throw new InvalidOperationException("the chain is completed already");

        if ((ulong)bytesWritten > (ulong)_writableLength)
        {
            throw new ArgumentOutOfRangeException(
                nameof(bytesWritten), $"a chain of {_writableLength} writable bytes cannot be completed with {bytesWritten}");
        }

        _queue.ReportWrites(WritableBytes.Whole);
        Clear();
        _queue.PutUsed((uint)bytesWritten);
    }

    /// <summary>The pieces are all there: the queue hands the chain out.</summary>
    internal void Seal() => _writableLength = WritableBytes.Length;

    internal void Clear()
    {
        ReadableBytes.Clear();
        WritableBytes.Clear();
    }

    private sealed class Reader(int capacity) : ChainReader
    {
        internal ScatteredBytes Bytes { get; } = new(capacity);

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

    private sealed class Writer(int capacity) : ChainWriter
    {
        internal ScatteredBytes Bytes { get; } = new(capacity);

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
