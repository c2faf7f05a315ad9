// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LguestPlug.Virtio;

/// <summary>
/// A position that moves forward over pieces of guest memory. The pieces live in pinned memory, so that system calls need no
/// pinning of their own, and the one the position is in is cut from the front as it moves.
/// </summary>
internal sealed unsafe class ScatteredBytes
{
    /// <summary>Enough for most requests; more are made room for when they come, once.</summary>
    private const int UsualPieces = 4;

    private const int Eintr = 4;

    /// <summary>The kernel takes no more pieces in one call (IOV_MAX).</summary>
    private const int MaximumPiecesPerCall = 1024;

    /// <summary>In the place of a file's offset: a stream has none.</summary>
    private const long NoOffset = -1;

    private IoVector[] _array;
    private IoVector* _pieces;
    private int _first;
    private int _end;

    /// <summary>How many bytes are cut off the first piece.</summary>
    private nuint _cut;

    internal ScatteredBytes() => MakeRoom(UsualPieces);

    internal long Length { get; private set; }

    internal ReadOnlySpan<IoVector> Pieces => new(_pieces + _first, _end - _first);

    internal Span<byte> Front => _first == _end
        ? default
        : new Span<byte>((void*)_pieces[_first].Address, (int)Math.Min(_pieces[_first].Length, int.MaxValue));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Clear()
    {
        _first = _end = 0;
        _cut = 0;
        Length = 0;
    }

    /// <summary>Appends a piece that was checked to lie in guest memory. Empty ones are left out.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Append(nint address, uint length)
    {
        if (length == 0)
            return;

        int end = _end;
        if (end == _array.Length)
            MakeRoom(2 * end);

        _pieces[end] = new IoVector(address, length);
        _end = end + 1;
        Length += length;
    }

    internal void Advance(long count)
    {
        if ((ulong)count > (ulong)Length)
            throw NotThatMany(count, "move by");

        Length -= count;
        while (count > 0)
        {
            IoVector* piece = _pieces + _first;
            if ((nuint)count < piece->Length)
            {
                Cut(piece, (nuint)count);
                return;
            }

            count -= (long)piece->Length;
            Restore(piece);
            _first++;
        }
    }

    /// <summary>Moves the position back to the start.</summary>
    /// <returns>All pieces as they were appended.</returns>
    internal ReadOnlySpan<IoVector> Rewind()
    {
        if (_cut != 0)
            Restore(_pieces + _first);

        _first = 0;
        return new(_pieces, _end);
    }

    internal int CopyTo(Span<byte> destination)
    {
        int done = 0;
        while (done < destination.Length && _first < _end)
        {
            Span<byte> from = Front;
            int count = Math.Min(from.Length, destination.Length - done);
            from[..count].CopyTo(destination[done..]);
            Advance(count);
            done += count;
        }

        return done;
    }

    internal int CopyFrom(ReadOnlySpan<byte> source)
    {
        int done = 0;
        while (done < source.Length && _first < _end)
        {
            Span<byte> to = Front;
            int count = Math.Min(to.Length, source.Length - done);
            source.Slice(done, count).CopyTo(to);
            Advance(count);
            done += count;
        }

        return done;
    }

    /// <summary>One readv or writev over what is left, or over its first <paramref name="limit"/> bytes.</summary>
    internal TransferResult TransferOnce(SafeHandle stream, long limit, bool intoGuest)
    {
        bool referenced = false;
        try
        {
            stream.DangerousAddRef(ref referenced);
            int descriptor = (int)stream.DangerousGetHandle();
            while (true)
            {
                nint moved = Call(descriptor, NoOffset, Math.Min(limit, Length), intoGuest);
                if (moved >= 0)
                {
                    Advance(moved);
                    return new TransferResult(moved, 0);
                }

                int error = Marshal.GetLastPInvokeError();
                if (error != Eintr)
                    return new TransferResult(0, error);
            }
        }
        finally
        {
            if (referenced)
                stream.DangerousRelease();
        }
    }

    /// <summary>preadv or pwritev, again and again until the count, the end of the file or an error.</summary>
    internal TransferResult TransferAll(SafeHandle file, long offset, long total, bool intoGuest)
    {
        if ((ulong)total > (ulong)Length)
            throw NotThatMany(total, "transfer");

        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        if (total == 0)
            return default;

        bool referenced = false;
        try
        {
            file.DangerousAddRef(ref referenced);
            int descriptor = (int)file.DangerousGetHandle();
            long done = 0;
            while (done < total)
            {
                nint moved = Call(descriptor, offset + done, total - done, intoGuest);
                if (moved > 0)
                {
                    Advance(moved);
                    done += moved;
                }
                else if (moved == 0)
                {
                    break;
                }
                else
                {
                    int error = Marshal.GetLastPInvokeError();
                    if (error != Eintr)
                        return new TransferResult(done, error);
                }
            }

            return new TransferResult(done, 0);
        }
        finally
        {
            if (referenced)
                file.DangerousRelease();
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Cut(IoVector* piece, nuint count)
    {
        *piece = new IoVector(piece->Address + (nint)count, piece->Length - count);
        _cut += count;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Restore(IoVector* piece)
    {
        *piece = new IoVector(piece->Address - (nint)_cut, piece->Length + _cut);
        _cut = 0;
    }

    private nint Call(int descriptor, long offset, long count, bool intoGuest)
    {
        if (_first == _end)
            return CallKernel(descriptor, offset, 0, intoGuest);

        // What lies behind the count must stay untouched: for this one call the last piece is cut short.
        int last = FindLast(count, out nuint lengthOfLast);
        IoVector whole = _pieces[last];
        _pieces[last] = new IoVector(whole.Address, lengthOfLast);
        nint moved = CallKernel(descriptor, offset, last - _first + 1, intoGuest);
        _pieces[last] = whole;
        return moved;
    }

    private nint CallKernel(int descriptor, long offset, int count, bool intoGuest)
    {
        IoVector* pieces = _pieces + _first;
        if (offset == NoOffset)
            return intoGuest ? VectorCalls.Read(descriptor, pieces, count) : VectorCalls.Write(descriptor, pieces, count);

        return intoGuest
            ? VectorCalls.ReadAt(descriptor, pieces, count, offset)
            : VectorCalls.WriteAt(descriptor, pieces, count, offset);
    }

    /// <summary>The piece in which the next <paramref name="count"/> bytes end, or the last one that fits in a call.</summary>
    private int FindLast(long count, out nuint lengthOfLast)
    {
        int limit = Math.Min(_end, _first + MaximumPiecesPerCall) - 1;
        int i = _first;
        while (i < limit && (nuint)count > _pieces[i].Length)
            count -= (long)_pieces[i++].Length;

        lengthOfLast = Math.Min((nuint)count, _pieces[i].Length);
        return i;
    }

    [MemberNotNull(nameof(_array))]
    private void MakeRoom(int capacity)
    {
        IoVector[] larger = GC.AllocateUninitializedArray<IoVector>(capacity, pinned: true);
        _array?.CopyTo(larger, 0);
        _array = larger;
        _pieces = (IoVector*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(larger));
    }

    private ArgumentOutOfRangeException NotThatMany(long count, string doing) => new(nameof(count), $"cannot {doing} {count} bytes: {Length} are left");
}
