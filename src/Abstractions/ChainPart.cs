// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LguestPlug;

/// <summary>
/// What reading and writing a chain have in common: a position that moves forward over scattered guest memory. Nothing is
/// copied until asked for, and nothing is allocated.
/// </summary>
/// <remarks>Belongs to the thread of the queue, until the chain is completed. Hosts derive from it, plugins use it.</remarks>
public abstract class ChainPart
{
    /// <summary>The number of bytes from the position to the end: 0 to 2³² - 1.</summary>
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

    /// <summary>Reads a structure, wherever the driver cut it, and moves the position.</summary>
    /// <typeparam name="T">
    /// A structure laid out as in the specification, without padding of its own. It is taken byte for byte: its fields are
    /// little-endian, as all machines are that lguest runs on.
    /// </typeparam>
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
    /// what was written. Blocks for as long as the file does.
    /// </summary>
    /// <param name="file">A seekable file.</param>
    /// <param name="offset">The byte offset in the file.</param>
    /// <param name="count">0 to <see cref="ChainPart.Length"/> bytes.</param>
    /// <returns>What was written, and the error that ended it, if any: system errors are told here, never thrown.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There are not that many bytes, or the offset is negative.</exception>
    public abstract TransferResult DrainTo(SafeHandle file, long offset, long count);

    /// <summary>
    /// Writes what is left into a stream with one call (writev), which may take less, and moves the position by what was taken.
    /// A packet device takes one packet a call.
    /// </summary>
    /// <param name="stream">
    /// A pipe, terminal, socket or tap, best a non-blocking one: a blocking one that is full blocks the thread where nothing can
    /// wake it.
    /// </param>
    /// <returns>
    /// What was taken. When it <see cref="TransferResult.WouldBlock"/>, wait with <see cref="IVirtqueue.WaitWritable"/> and call
    /// again.
    /// </returns>
    public TransferResult DrainTo(SafeHandle stream) => DrainTo(stream, long.MaxValue);

    /// <summary>As <see cref="DrainTo(SafeHandle)"/>, but at most <paramref name="limit"/> bytes, for a stream that would block on more.</summary>
    /// <param name="stream">A pipe, terminal, socket or tap.</param>
    /// <param name="limit">The largest number of bytes to write; at least 0.</param>
    /// <returns>What was taken.</returns>
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

    /// <summary>Writes a structure, wherever the driver cut its memory, and moves the position.</summary>
    /// <typeparam name="T">A structure as for <see cref="ChainReader.TryRead"/>.</typeparam>
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
    /// position by what was read. Blocks for as long as the file does.
    /// </summary>
    /// <param name="file">A seekable file.</param>
    /// <param name="offset">The byte offset in the file.</param>
    /// <param name="count">0 to <see cref="ChainPart.Length"/> bytes.</param>
    /// <returns>What was read, fewer bytes than asked for without an error at the end of the file.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no room for that many bytes, or the offset is negative.</exception>
    public abstract TransferResult FillFrom(SafeHandle file, long offset, long count);

    /// <summary>
    /// Reads from a stream with one call (readv), which may give less than there is room for, and moves the position by what
    /// came. A packet device gives one packet a call.
    /// </summary>
    /// <param name="stream">
    /// A pipe, terminal, socket or tap, best a non-blocking one: call <see cref="IVirtqueue.WaitReadable"/> before if it blocks,
    /// and after if it <see cref="TransferResult.WouldBlock"/>.
    /// </param>
    /// <returns>What came. No bytes and no error means the end of the stream, or a part without room.</returns>
    public abstract TransferResult FillFrom(SafeHandle stream);
}
