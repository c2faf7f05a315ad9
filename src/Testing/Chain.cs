// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace LguestPlug.Testing;

/// <summary>
/// A request as a driver makes it: what the device reads, then what it writes, in any layout of segments. Immutable: each method
/// returns another chain. It may be submitted any number of times, to any queue; each time it gets guest memory of its own.
/// </summary>
/// <example><code>new Chain().Readable(header).Writable(512).Writable(1)</code></example>
public sealed class Chain
{
    private readonly Part[] _parts;

    /// <summary>A chain without any segment, to which others are added. It cannot be submitted as it is.</summary>
    public Chain()
        : this([], false)
    {
    }

    private Chain(Part[] parts, bool isIndirect)
    {
        _parts = parts;
        IsIndirect = isIndirect;
    }

    /// <summary>Bytes the device may read.</summary>
    public long ReadableLength => _parts.Where(p => !p.IsWritable).Sum(p => (long)p.Length);

    /// <summary>Bytes the device may write.</summary>
    public long WritableLength => _parts.Where(p => p.IsWritable).Sum(p => (long)p.Length);

    /// <summary>Descriptors it takes, not counting the one that points to an indirect table.</summary>
    public int SegmentCount => _parts.Sum(p => p.Pieces.Count());

    /// <summary>Whether its descriptors are in a table of its own.</summary>
    public bool IsIndirect { get; }

    internal IReadOnlyList<Part> Parts => _parts;

    /// <summary>Adds bytes for the device to read.</summary>
    /// <param name="content">The bytes; may be empty.</param>
    /// <param name="cuts">The lengths of the segments they are in, in bytes; the last one holds what is left. Without any, one segment.</param>
    /// <exception cref="InvalidOperationException">The chain has a writable part already: what the device reads comes first.</exception>
    public Chain Readable(ReadOnlySpan<byte> content, params int[] cuts) => With(new Part(false, content.ToArray(), content.Length, null, cuts));

    /// <summary>Adds a structure for the device to read, byte for byte as it lies in memory.</summary>
    /// <typeparam name="T">A structure laid out as in the specification, without padding of its own.</typeparam>
    /// <param name="value">The structure.</param>
    /// <param name="cuts">As for <see cref="Readable(ReadOnlySpan{byte}, int[])"/>.</param>
    public Chain ReadableStructure<T>(in T value, params int[] cuts)
        where T : unmanaged => Readable(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)), cuts);

    /// <summary>Adds memory of the test's own for the device to read; the test may change it at any time.</summary>
    /// <param name="buffer">From <see cref="TestDriver.Allocate(int, int)"/>.</param>
    /// <param name="cuts">As for <see cref="Readable(ReadOnlySpan{byte}, int[])"/>.</param>
    public Chain Readable(GuestBuffer buffer, params int[] cuts) => With(new Part(false, null, buffer.Length, buffer, cuts));

    /// <summary>
    /// Adds room for the device to write. It is filled with a pattern, by which bytes are told that the device says it wrote and
    /// did not.
    /// </summary>
    /// <param name="length">Bytes; may be 0.</param>
    /// <param name="cuts">As for <see cref="Readable(ReadOnlySpan{byte}, int[])"/>.</param>
    public Chain Writable(int length, params int[] cuts)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return With(new Part(true, null, length, null, cuts));
    }

    /// <summary>Adds room for the device to write, with something in it beforehand.</summary>
    /// <param name="content">What is there before the device writes.</param>
    /// <param name="cuts">As for <see cref="Readable(ReadOnlySpan{byte}, int[])"/>.</param>
    public Chain Writable(ReadOnlySpan<byte> content, params int[] cuts) => With(new Part(true, content.ToArray(), content.Length, null, cuts));

    /// <summary>Adds memory of the test's own for the device to write.</summary>
    /// <param name="buffer">From <see cref="TestDriver.Allocate(int, int)"/>.</param>
    /// <param name="cuts">As for <see cref="Readable(ReadOnlySpan{byte}, int[])"/>.</param>
    public Chain Writable(GuestBuffer buffer, params int[] cuts) => With(new Part(true, null, buffer.Length, buffer, cuts));

    /// <summary>Puts the descriptors into a table of the chain's own, to which one descriptor of the ring points.</summary>
    public Chain Indirect() => new(_parts, true);

    /// <summary>
    /// The same bytes and the same room, cut anew at random: within bytes, across what were different segments, with empty ones
    /// in between. A device must not notice (virtio 1.2, section 2.7.4.2).
    /// </summary>
    /// <param name="seed">The same seed gives the same cuts.</param>
    /// <param name="maximumSegments">The most segments in the chain; at least 2.</param>
    /// <exception cref="InvalidOperationException">The chain has memory of the test's own, which cannot be moved.</exception>
    public Chain Scattered(int seed, int maximumSegments = 8)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maximumSegments, 2);
        if (_parts.Any(p => p.Buffer is not null))
            throw new InvalidOperationException("memory of the test's own cannot be scattered");

        var random = new Random(seed);
        var parts = new List<Part>();
        foreach (IGrouping<bool, Part> side in _parts.GroupBy(p => p.IsWritable))
        {
            // Writable bytes with and without content stay apart only in what they hold beforehand.
            int length = side.Sum(p => p.Length);
            byte[]? content = null;
            if (side.Any(p => p.Content is not null))
                content = [.. side.SelectMany(p => p.Content ?? new byte[p.Length])];

            int cuts = random.Next(maximumSegments / 2);
            int[] places = [.. Enumerable.Range(0, cuts).Select(_ => random.Next(length + 1)).Order()];
            parts.Add(new Part(side.Key, content, length, null, [.. places.Select((place, i) => place - (i == 0 ? 0 : places[i - 1]))]));
        }

        return new Chain([.. parts], IsIndirect);
    }

    /// <summary>The layout, for messages: "reads 16, writes 512 + 1".</summary>
    public override string ToString()
    {
        static string Lengths(IEnumerable<Part> parts) => string.Join(" + ", parts.SelectMany(p => p.Pieces).Select(piece => piece.Length));
        string reads = Lengths(_parts.Where(p => !p.IsWritable));
        string writes = Lengths(_parts.Where(p => p.IsWritable));
        return string.Join(", ", new[] { reads.Length > 0 ? $"reads {reads}" : "", writes.Length > 0 ? $"writes {writes}" : "" }.Where(s => s.Length > 0));
    }

    private Chain With(Part part)
    {
        if (!part.IsWritable && _parts.Any(p => p.IsWritable))
            throw new InvalidOperationException("what the device reads comes before what it writes; for a chain that breaks the rule see RingDefect");

        return new Chain([.. _parts, part], IsIndirect);
    }

    internal sealed record Part(bool IsWritable, byte[]? Content, int Length, GuestBuffer? Buffer, int[] Cuts)
    {
        internal IEnumerable<(int Offset, int Length)> Pieces
        {
            get
            {
                int at = 0;
                foreach (int cut in Cuts)
                {
                    int length = Math.Min(cut, Length - at);
                    yield return (at, length);
                    at += length;
                }

                if (at < Length || Cuts.Length == 0)
                    yield return (at, Length - at);
            }
        }
    }
}
