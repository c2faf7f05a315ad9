// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using LguestPlug.Virtio;

namespace LguestPlug.Testing;

/// <summary>
/// Guest memory with a second copy of what the driver knows to be in it: where the two differ outside of what the device may
/// write, it wrote astray. Around every buffer lies a margin of a pattern, so that zeros written there show, too.
/// </summary>
internal sealed class WatchedMemory : IDisposable
{
    private const int Margin = 64;
    private readonly GuestMemory _copy;
    private readonly List<Allocation> _allocations = [];
    private readonly List<Allocation> _released = [];
    private readonly List<GuestBuffer> _holes = [];
    private ulong _top;
    private ulong _salt;

    internal WatchedMemory(ulong ramBytes, int ringPages)
    {
        Memory = GuestMemory.Allocate(ramBytes, ringPages);
        _copy = GuestMemory.Allocate(ramBytes, ringPages);
        _top = Margin;
        FillWithPattern(new GuestBuffer(0, Margin));
    }

    internal GuestMemory Memory { get; }

    public void Dispose()
    {
        Memory.Dispose();
        _copy.Dispose();
    }

    /// <summary>Sets memory aside, surrounded by margins.</summary>
    /// <param name="length">Bytes.</param>
    /// <param name="alignment">A power of two.</param>
    /// <param name="what">What it is for, in messages.</param>
    /// <param name="makeRoom">Asked when there is none left: whatever was released is checked and used again.</param>
    internal GuestBuffer Allocate(int length, int alignment, string what, Action makeRoom)
    {
        if (TryAllocate(length, alignment, what) is { } first)
            return first;

        makeRoom();
        Reclaim();
        return TryAllocate(length, alignment, what) ?? throw new InvalidOperationException(
            $"no room for {length} bytes in the {Memory.RamSize} bytes of guest memory: allocate less, or more at the driver's creation");
    }

    /// <summary>The driver needs a buffer no more. Its place stays watched until room runs out.</summary>
    internal void Release(GuestBuffer buffer)
    {
        if (_allocations.FindLast(a => a.Buffer == buffer) is { } found)
            _released.Add(found);
    }

    internal void Write(GuestBuffer buffer, ReadOnlySpan<byte> content)
    {
        content.CopyTo(Memory.Slice(buffer.Address, buffer.Length));
        content.CopyTo(_copy.Slice(buffer.Address, buffer.Length));
    }

    /// <summary>Fills a buffer with bytes that nobody else writes there.</summary>
    internal void FillWithPattern(GuestBuffer buffer)
    {
        Span<byte> to = _copy.Slice(buffer.Address, buffer.Length);
        Span<byte> word = stackalloc byte[8];
        for (int i = 0; i < to.Length; i += 8)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(word, Mix(++_salt));
            word[..Math.Min(8, to.Length - i)].CopyTo(to[i..]);
        }

        to.CopyTo(Memory.Slice(buffer.Address, buffer.Length));
    }

    /// <summary>What is in memory now is what belongs there.</summary>
    internal void Accept(GuestBuffer buffer) =>
        Memory.Slice(buffer.Address, buffer.Length).CopyTo(_copy.Slice(buffer.Address, buffer.Length));

    /// <summary>Everything in memory now is what belongs there.</summary>
    internal void AcceptAll()
    {
        Accept(new GuestBuffer(0, (int)_top));
        Accept(new GuestBuffer(Memory.RamSize, (int)(Memory.Size - Memory.RamSize)));
    }

    /// <summary>What the driver put into a buffer.</summary>
    internal ReadOnlySpan<byte> Known(GuestBuffer buffer) => _copy.Slice(buffer.Address, buffer.Length);

    /// <summary>Looks for bytes that are not as they should be, in all that was ever used.</summary>
    /// <param name="open">Where the device may write now.</param>
    /// <param name="rings">Describes an address above RAM.</param>
    /// <returns>Where the first such byte is, in words, or null.</returns>
    internal string? FindStray(IEnumerable<GuestBuffer> open, Func<ulong, string> rings)
    {
        GuestBuffer[] sorted = [.. open.Where(b => b.Length > 0).OrderBy(b => b.Address)];
        return FindStray(0, _top, sorted, rings) ?? FindStray(Memory.RamSize, Memory.Size, sorted, rings);
    }

    /// <summary>Looks at buffers and their margins only.</summary>
    internal string? FindStray(IEnumerable<GuestBuffer> buffers, IEnumerable<GuestBuffer> open, Func<ulong, string> rings)
    {
        GuestBuffer[] sorted = [.. open.Where(b => b.Length > 0).OrderBy(b => b.Address)];
        foreach (GuestBuffer buffer in buffers)
        {
            bool isRam = buffer.Address < Memory.RamSize;
            ulong from = isRam && buffer.Address >= Margin ? buffer.Address - Margin : buffer.Address;
            ulong to = isRam ? Math.Min(buffer.End + Margin, _top) : buffer.End;
            if (FindStray(from, to, sorted, rings) is { } stray)
                return stray;
        }

        return null;
    }

    /// <summary>Looks for bytes where nothing was ever put.</summary>
    internal string? FindStrayInUnused() => FindStray(_top, Memory.RamSize, [], _ => "");

    private static ulong Mix(ulong x)
    {
        x *= 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }

    private string? FindStray(ulong from, ulong to, GuestBuffer[] open, Func<ulong, string> rings)
    {
        ulong at = from;
        foreach (GuestBuffer buffer in open)
        {
            if (buffer.End <= at)
                continue;

            if (buffer.Address >= to)
                break;

            if (buffer.Address > at && FindDifference(at, buffer.Address) is { } before)
                return Tell(before, rings);

            at = buffer.End;
        }

        return at < to && FindDifference(at, to) is { } stray ? Tell(stray, rings) : null;
    }

    private ulong? FindDifference(ulong from, ulong to)
    {
        int length = (int)(to - from);
        ReadOnlySpan<byte> there = Memory.Slice(from, length);
        int same = there.CommonPrefixLength(_copy.Slice(from, length));
        return same == length ? null : from + (ulong)same;
    }

    private string Tell(ulong address, Func<ulong, string> rings)
    {
        string where = address >= Memory.RamSize ? rings(address) : Describe(address);

        // Told of once: from here on it belongs there.
        for (ulong at = address; at < Memory.Size && FindDifference(at, at + 1) is not null; at++)
            Accept(new GuestBuffer(at, 1));

        return $"at guest-physical 0x{address:x}, {where}";
    }

    private string Describe(ulong address)
    {
        string best = "in memory that belongs to nothing";
        ulong distance = Margin;
        foreach (Allocation allocation in _allocations)
        {
            GuestBuffer buffer = allocation.Buffer;
            if (address >= buffer.Address && address < buffer.End)
                return $"byte {address - buffer.Address} of {allocation.What}";

            ulong away = address < buffer.Address ? buffer.Address - address : address - buffer.End + 1;
            if (away <= distance)
            {
                distance = away;
                best = $"{away} byte{(away == 1 ? "" : "s")} {(address < buffer.Address ? "before" : "behind")} {allocation.What}";
            }
        }

        return best;
    }

    private GuestBuffer? TryAllocate(int length, int alignment, string what)
    {
        ulong mask = (ulong)alignment - 1;
        ulong address = (_top + mask) & ~mask;
        ulong end = address + (ulong)length + Margin;
        if (end <= Memory.RamSize)
        {
            FillWithPattern(new GuestBuffer(_top, (int)(address - _top)));
            _top = end;
            return Note(new GuestBuffer(address, length), new GuestBuffer(address, length + Margin), what);
        }

        for (int i = 0; i < _holes.Count; i++)
        {
            GuestBuffer hole = _holes[i];
            address = (hole.Address + mask) & ~mask;
            end = address + (ulong)length + Margin;
            if (end > hole.End)
                continue;

            _holes[i] = new GuestBuffer(end, (int)(hole.End - end));
            return Note(new GuestBuffer(address, length), new GuestBuffer(address, length + Margin), what);
        }

        return null;
    }

    private GuestBuffer Note(GuestBuffer buffer, GuestBuffer block, string what)
    {
        FillWithPattern(new GuestBuffer(buffer.End, Margin));
        _allocations.Add(new Allocation(buffer, block, what));
        return buffer;
    }

    private void Reclaim()
    {
        var gone = _released.ToHashSet();
        _released.Clear();
        _allocations.RemoveAll(gone.Contains);
        _holes.AddRange(gone.Select(a => a.Block));
        _holes.Sort((a, b) => a.Address.CompareTo(b.Address));
        for (int i = _holes.Count - 1; i > 0; i--)
        {
            if (_holes[i - 1].End == _holes[i].Address)
            {
                _holes[i - 1] = new GuestBuffer(_holes[i - 1].Address, _holes[i - 1].Length + _holes[i].Length);
                _holes.RemoveAt(i);
            }
        }
    }

    private sealed record Allocation(GuestBuffer Buffer, GuestBuffer Block, string What);
}
