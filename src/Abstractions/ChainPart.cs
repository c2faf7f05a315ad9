// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LguestPlug;

/// <summary>What reading and writing a chain have in common: a position that moves forward over scattered guest memory.</summary>
public abstract class ChainPart
{
    /// <summary>The number of bytes from the position to the end.</summary>
    public abstract long Length { get; }

    /// <summary>
    /// The pieces from the position to the end, in the layout of <c>struct iovec</c>, for system calls of your own; none is
    /// empty. Valid until the position moves or the chain is completed.
    /// </summary>
    public abstract ReadOnlySpan<IoVector> Pieces { get; }

    /// <summary>Moves the position forward.</summary>
    /// <param name="count">0 to <see cref="Length"/> bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are not that many bytes.</exception>
    public abstract void Advance(long count);
}

/// <summary>Reads what the driver wrote, straight from guest memory.</summary>
public abstract class ChainReader : ChainPart
{
    /// <summary>The bytes from the position to the end of the piece it is in; empty at the end. Does not move the position.</summary>
    public abstract ReadOnlySpan<byte> Span { get; }

    /// <summary>Copies bytes out and moves the position.</summary>
    /// <returns>The number copied: the smaller of <see cref="ChainPart.Length"/> and the destination's length.</returns>
    public abstract int Read(Span<byte> destination);

    /// <summary>Reads a little-endian structure, wherever the driver cut it, and moves the position.</summary>
    /// <typeparam name="T">A structure laid out as in the specification, without padding of its own.</typeparam>
    /// <returns>False, without moving, when less than the whole structure is left.</returns>
    public bool TryRead<T>(out T value)
        where T : unmanaged
    {
        value = default;
        if (Length < Unsafe.SizeOf<T>())
            return false;

        Read(MemoryMarshal.AsBytes(new Span<T>(ref value)));
        return true;
    }

    /// <summary>
    /// Writes from the position on into a file (pwritev), until all is written or an error ends it, and moves the position by
    /// what was written.
    /// </summary>
    /// <param name="file">A seekable file.</param>
    /// <param name="offset">The byte offset in the file.</param>
    /// <param name="count">0 to <see cref="ChainPart.Length"/> bytes.</param>
    public abstract TransferResult DrainTo(SafeHandle file, long offset, long count);

    /// <summary>
    /// Writes what is left into a stream with one call (writev), which may take less, and moves the position by what was taken.
    /// A packet device takes one packet a call.
    /// </summary>
    /// <param name="stream">A pipe, terminal, socket or tap.</param>
    public TransferResult DrainTo(SafeHandle stream) => DrainTo(stream, long.MaxValue);

    /// <summary>As <see cref="DrainTo(SafeHandle)"/>, but at most <paramref name="limit"/> bytes, for a stream that would block on more.</summary>
    /// <param name="stream">A pipe, terminal, socket or tap.</param>
    /// <param name="limit">The largest number of bytes to write.</param>
    public abstract TransferResult DrainTo(SafeHandle stream, long limit);
}

/// <summary>Writes what the driver will read, straight into guest memory.</summary>
public abstract class ChainWriter : ChainPart
{
    /// <summary>The bytes from the position to the end of the piece it is in; empty at the end. Does not move the position.</summary>
    public abstract Span<byte> Span { get; }

    /// <summary>Copies bytes in and moves the position.</summary>
    /// <returns>The number copied: the smaller of <see cref="ChainPart.Length"/> and the source's length.</returns>
    public abstract int Write(ReadOnlySpan<byte> source);

    /// <summary>Writes a little-endian structure, wherever the driver cut its memory, and moves the position.</summary>
    /// <typeparam name="T">A structure laid out as in the specification, without padding of its own.</typeparam>
    /// <returns>False, without writing or moving, when there is no room for the whole structure.</returns>
    public bool TryWrite<T>(in T value)
        where T : unmanaged
    {
        if (Length < Unsafe.SizeOf<T>())
            return false;

        Write(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));
        return true;
    }

    /// <summary>
    /// Reads from a file (preadv) into the position on, until the count, the end of the file or an error ends it, and moves the
    /// position by what was read.
    /// </summary>
    /// <param name="file">A seekable file.</param>
    /// <param name="offset">The byte offset in the file.</param>
    /// <param name="count">0 to <see cref="ChainPart.Length"/> bytes.</param>
    public abstract TransferResult FillFrom(SafeHandle file, long offset, long count);

    /// <summary>
    /// Reads from a stream with one call (readv), which may give less than there is room for, and moves the position by what
    /// came. A packet device gives one packet a call. No bytes and no error means the end of the stream.
    /// </summary>
    /// <param name="stream">A pipe, terminal, socket or tap.</param>
    public abstract TransferResult FillFrom(SafeHandle stream);
}
