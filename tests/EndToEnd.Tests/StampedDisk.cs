// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// What a disk may hold that puppy's <c>disk stamp</c> writes to until it is stopped dead, again and again: the number of the
/// write that each sector must have come from. Every byte of a write follows from its number, so foreign, torn and misplaced
/// data are all noticed.
/// </summary>
/// <param name="sectors">The disk's size; it begins as zeros.</param>
internal sealed class StampedDisk(int sectors)
{
    private const int SectorSize = 512;
    private const uint Mark = 0x504d5453;
    private const uint HotSectors = 32;

    /// <summary>Writes a run may have: later runs' numbers are higher.</summary>
    private const uint NumbersOfARun = 1 << 20;

    /// <summary>By sector, the write last seen there; 0 for none.</summary>
    private readonly uint[] _seen = new uint[sectors];
    private uint _first = 1;

    /// <summary>The number the next run's writes are to begin with.</summary>
    public uint First => _first;

    /// <summary>Writes found on the disk that no flush had promised.</summary>
    public long UnpromisedSeen { get; private set; }

    /// <summary>
    /// Looks at the disk after a run in which writes from <see cref="First"/> to <paramref name="flushed"/> (0: none) were
    /// promised to be durable. What is found becomes what must be found the next time.
    /// </summary>
    /// <param name="inOrder">
    /// Whether also what was not promised must be there in order: all of it up to some write, and of the one after it some
    /// sectors, as when the process ends but the machine goes on. Otherwise any of it may be there or not, sector by sector.
    /// </param>
    public void Check(ReadOnlySpan<byte> disk, uint flushed, bool inOrder)
    {
        Assert.Equal(sectors * SectorSize, disk.Length);
        Assert.True(flushed == 0 || (flushed >= _first && flushed - _first < NumbersOfARun - 1), $"write {flushed} of a run that began with {_first} is told of");
        var found = new uint[sectors];
        for (var sector = 0; sector < sectors; sector++)
            found[sector] = Read(disk.Slice(sector * SectorSize, SectorSize), (uint)sector);

        var last = found.Max();
        // What was promised is as if it had been seen.
        for (var number = _first; number <= flushed; number++)
            Apply(number);
        UnpromisedSeen += found.Count(number => number > flushed && number >= _first);
        if (inOrder)
        {
            for (var number = Math.Max(_first, flushed + 1); number < last; number++)
                Apply(number);
        }
        for (var sector = 0; sector < sectors; sector++)
        {
            var isLater = inOrder ? found[sector] == last && last > flushed : found[sector] >= _first && found[sector] > flushed;
            if (found[sector] != _seen[sector] && !isLater)
            {
                Assert.Fail($"sector {sector} holds write {found[sector]} instead of {_seen[sector]}; "
                    + $"the run began with {_first}, flushed up to {flushed}, and the last write found anywhere is {last}");
            }
        }
        found.CopyTo(_seen, 0);
        _first = (Math.Max(last, _first) / NumbersOfARun + 1) * NumbersOfARun;
    }

    private void Apply(uint number)
    {
        var (sector, count) = Place(number);
        _seen.AsSpan((int)sector, (int)count).Fill(number);
    }

    /// <summary>The number of the write a sector comes from; fails if not every byte is as that write made it.</summary>
    private uint Read(ReadOnlySpan<byte> data, uint sector)
    {
        if (data.IndexOfAnyExcept((byte)0) < 0)
            return 0;
        var words = MemoryMarshal.Cast<byte, uint>(data);
        Assert.True(words[0] == Mark && words[2] == sector, $"sector {sector} holds what was never written there: {Convert.ToHexString(data[..16])}");
        var number = words[1];
        var (start, count) = Place(number);
        Assert.True(sector >= start && sector < start + count, $"sector {sector} holds write {number}, which went to {count} sectors from {start}");
        Assert.True(number < _first + NumbersOfARun, $"sector {sector} holds write {number}, which was never made");
        var state = number * 0x9e3779b1 ^ sector * 0x85ebca6b;
        if (state == 0)
            state = 1;
        for (var i = 3; i < words.Length; i++)
        {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            Assert.True(words[i] == state, $"sector {sector} is torn: word {i} is not of write {number}");
        }
        return number;
    }

    private (uint Sector, uint Count) Place(uint number)
    {
        var hash = Mix(number);
        var count = 1 + (hash % 8);
        var room = hash / 8 % 4 == 0 ? HotSectors : (uint)sectors;
        return (hash / 32 % (room - count + 1), count);
    }

    private static uint Mix(uint hash)
    {
        hash = (hash ^ (hash >> 16)) * 0x85ebca6b;
        hash = (hash ^ (hash >> 13)) * 0xc2b2ae35;
        return hash ^ (hash >> 16);
    }
}
