// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;

namespace LguestPlug.Virtio;

/// <summary>A chain in the hand of a traced device, with what a trace wants to know of it.</summary>
public sealed class TracedChain : DescriptorChain
{
    private readonly TracedQueue _queue;
    private readonly GuestMemory _memory;
    private GuestSegment[] _segments = new GuestSegment[4];
    private int _readableCount;
    private int _count;
    private DescriptorChain? _chain;

    internal TracedChain(TracedQueue queue, GuestMemory memory)
    {
        _queue = queue;
        _memory = memory;
    }

    /// <summary>Its number among all chains of its queue since the device was started, from 1 on.</summary>
    public long Number { get; private set; }

    /// <summary>When the device took it, as of <see cref="Stopwatch.GetTimestamp"/>.</summary>
    public long TakenAt { get; private set; }

    /// <summary>What the device reads, in order. Descriptors without bytes are left out.</summary>
    public ReadOnlySpan<GuestSegment> ReadableSegments => _segments.AsSpan(0, _readableCount);

    /// <summary>What the device writes, in order. Descriptors without bytes are left out.</summary>
    public ReadOnlySpan<GuestSegment> WritableSegments => _segments.AsSpan(_readableCount, _count - _readableCount);

    /// <summary>All bytes the device may read, wherever it has read to.</summary>
    public long ReadableLength { get; private set; }

    /// <summary>All bytes the device may write, wherever it has written to.</summary>
    public long WritableLength { get; private set; }

    /// <inheritdoc/>
    public override ChainReader Readable => Chain.Readable;

    /// <inheritdoc/>
    public override ChainWriter Writable => Chain.Writable;

    /// <inheritdoc/>
    public override int Head => Chain.Head;

    private DescriptorChain Chain => _chain ?? throw new InvalidOperationException("the chain is completed already");

    /// <inheritdoc/>
    public override void Complete(long bytesWritten)
    {
        DescriptorChain chain = Chain;

        // Told of before the driver sees it: what the driver does about it must come later in the trace. A number the queue
        // refuses is none.
        if ((ulong)bytesWritten <= (ulong)WritableLength)
            _queue.Completed(this, bytesWritten);

        chain.Complete(bytesWritten);
        _chain = null;
        _queue.Return(this);
    }

    /// <summary>Copies the first readable bytes out of guest memory, as they are now.</summary>
    /// <param name="destination">At most <see cref="ReadableLength"/> bytes.</param>
    public void CopyReadable(Span<byte> destination) => Copy(ReadableSegments, destination);

    /// <summary>Copies the first writable bytes out of guest memory, as they are now.</summary>
    /// <param name="destination">At most <see cref="WritableLength"/> bytes.</param>
    public void CopyWritable(Span<byte> destination) => Copy(WritableSegments, destination);

    internal void Reset(DescriptorChain chain, long number)
    {
        _chain = chain;
        Number = number;
        _count = 0;
        ReadableLength = Append(chain.Readable.Pieces);
        _readableCount = _count;
        WritableLength = Append(chain.Writable.Pieces);
        TakenAt = Stopwatch.GetTimestamp();
    }

    private long Append(ReadOnlySpan<IoVector> pieces)
    {
        long length = 0;
        if (_segments.Length < _count + pieces.Length)
            Array.Resize(ref _segments, Math.Max(2 * _segments.Length, _count + pieces.Length));

        foreach (ref readonly IoVector piece in pieces)
        {
            _segments[_count++] = new GuestSegment((ulong)(piece.Address - _memory.BaseAddress), (uint)piece.Length);
            length += (long)piece.Length;
        }

        return length;
    }

    private void Copy(ReadOnlySpan<GuestSegment> segments, Span<byte> destination)
    {
        foreach (GuestSegment segment in segments)
        {
            int count = (int)Math.Min(segment.Length, (uint)destination.Length);
            _memory.Slice(segment.Address, count).CopyTo(destination);
            destination = destination[count..];
        }
    }
}
