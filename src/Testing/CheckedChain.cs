// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace LguestPlug.Testing;

/// <summary>A chain in the device's hand. Another object for each, so that one kept too long is told from the next.</summary>
internal sealed class CheckedChain : DescriptorChain
{
    private readonly CheckedQueue _queue;
    private readonly DescriptorChain _inner;
    private readonly Reader _readable;
    private readonly Writer _writable;
    private readonly long _room;
    private bool _completed;

    internal CheckedChain(CheckedQueue queue, DescriptorChain inner)
    {
        _queue = queue;
        _inner = inner;
        _readable = new Reader(this, inner.Readable);
        _writable = new Writer(this, inner.Writable);
        _room = inner.Writable.Length;
        Head = inner.Head;
    }

    public override ChainReader Readable => _readable;

    public override ChainWriter Writable => _writable;

    public override int Head { get; }

    public override void Complete(long bytesWritten)
    {
        _queue.Check(nameof(Complete));
        if (_completed)
            throw _queue.Refused($"{this} was completed twice");

        if (bytesWritten < 0 || bytesWritten > _room)
        {
            string what = $"{this} was completed with {bytesWritten} bytes written; it has room for {_room}";
            _queue.Violated(what);
            throw _queue.Note(new ArgumentOutOfRangeException(nameof(bytesWritten), what));
        }

        _inner.Complete(bytesWritten);
        _completed = true;
        _queue.Completed(this);
    }

    public override string ToString() => $"the chain at head {Head}";

    private void Check(string member)
    {
        _queue.Check(member);
        if (_completed)
            throw _queue.Refused($"{member} of {this} after it was completed");
    }

    private sealed class Reader(CheckedChain chain, ChainReader inner) : ChainReader
    {
        public override long Length => Checked(nameof(Length)).Length;

        public override ReadOnlySpan<IoVector> Pieces => Checked(nameof(Pieces)).Pieces;

        public override ReadOnlySpan<byte> Span => Checked(nameof(Span)).Span;

        public override void Advance(long count) => Checked(nameof(Advance)).Advance(count);

        public override int Read(Span<byte> destination) => Checked(nameof(Read)).Read(destination);

        public override TransferResult DrainTo(SafeHandle file, long offset, long count) => Checked(nameof(DrainTo)).DrainTo(file, offset, count);

        public override TransferResult DrainTo(SafeHandle stream, long limit) => Checked(nameof(DrainTo)).DrainTo(stream, limit);

        private ChainReader Checked(string member)
        {
            chain.Check($"Readable.{member}");
            return inner;
        }
    }

    private sealed class Writer(CheckedChain chain, ChainWriter inner) : ChainWriter
    {
        public override long Length => Checked(nameof(Length)).Length;

        public override ReadOnlySpan<IoVector> Pieces => Checked(nameof(Pieces)).Pieces;

        public override Span<byte> Span => Checked(nameof(Span)).Span;

        public override void Advance(long count) => Checked(nameof(Advance)).Advance(count);

        public override int Write(ReadOnlySpan<byte> source) => Checked(nameof(Write)).Write(source);

        public override TransferResult FillFrom(SafeHandle file, long offset, long count) => Checked(nameof(FillFrom)).FillFrom(file, offset, count);

        public override TransferResult FillFrom(SafeHandle stream) => Checked(nameof(FillFrom)).FillFrom(stream);

        private ChainWriter Checked(string member)
        {
            chain.Check($"Writable.{member}");
            return inner;
        }
    }
}
