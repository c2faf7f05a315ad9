// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;

namespace LguestPlug.Virtio.Tests;

public class GuestMemoryTests
{
    private const ulong Ram = 64 * 4096;

    [Fact]
    public void IsZeroAndWritableFromEndToEnd()
    {
        using var memory = GuestMemory.Allocate(Ram, 3);
        Assert.Equal(Ram, memory.RamSize);
        Assert.Equal(Ram + (3 * 4096), memory.Size);
        Assert.Equal(memory.Size, memory.Limit);
        Assert.Equal(-1, memory.Slice(0, (int)memory.Size).IndexOfAnyExcept((byte)0));
        memory.Slice(0, 1)[0] = 1;
        memory.Slice(memory.Size - 1, 1)[0] = 2;
    }

    [Fact]
    public void HasAnInaccessiblePageOnEitherSide()
    {
        using var memory = GuestMemory.Allocate(Ram, 3);
        var maps = File.ReadLines("/proc/self/maps").Select(line =>
        {
            string[] range = line.Split(' ')[0].Split('-');
            return (Start: ParseHex(range[0]), End: ParseHex(range[1]), Access: line.Split(' ')[1]);
        }).ToList();
        var own = maps.Single(m => m.Start <= memory.BaseAddress && m.End > memory.BaseAddress);
        Assert.Equal(memory.BaseAddress, own.Start);
        Assert.Equal(memory.BaseAddress + (long)memory.Size, own.End);
        Assert.Equal("rw-p", own.Access);
        Assert.Contains(maps, m => m.End == own.Start && m.Access == "---p");
        Assert.Contains(maps, m => m.Start == own.End && m.Access == "---p");
    }

    [Fact]
    public void ClearGivesZerosAtTheSameAddress()
    {
        using var memory = GuestMemory.Allocate(Ram, 1);
        nint before = memory.BaseAddress;
        memory.Slice(0, (int)memory.Size).Fill(0xA5);
        memory.Limit = 5;
        memory.Clear();
        Assert.Equal(before, memory.BaseAddress);
        Assert.Equal(memory.Size, memory.Limit);
        Assert.Equal(-1, memory.Slice(0, (int)memory.Size).IndexOfAnyExcept((byte)0));
    }

    [Theory]
    [InlineData(0ul, 0ul, true)]
    [InlineData(0ul, 0x2000ul, true)]
    [InlineData(0x2000ul, 0ul, true)]
    [InlineData(0x2001ul, 0ul, false)]
    [InlineData(0x1FFFul, 1ul, true)]
    [InlineData(0x1FFFul, 2ul, false)]
    [InlineData(0x2000ul, 1ul, false)]
    [InlineData(ulong.MaxValue, 1ul, false)]
    [InlineData(ulong.MaxValue, 2ul, false)]
    [InlineData(1ul, ulong.MaxValue, false)]
    [InlineData(0xFFFF_FFFF_FFFF_F000ul, 0x1000ul, false)]
    public void KnowsWhatLiesBelowTheLimit(ulong address, ulong length, bool expected)
    {
        using var memory = GuestMemory.Allocate(Ram, 0);
        memory.Limit = 0x2000;
        Assert.Equal(expected, memory.TryGetPointer(address, length, out nint pointer));
        Assert.Equal(expected ? memory.BaseAddress + (nint)address : 0, pointer);
    }

    [Fact]
    public void RefusesWhatItCannotBe()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => GuestMemory.Allocate(4097, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => GuestMemory.Allocate(0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => GuestMemory.Allocate(4096, -1));
        Assert.Throws<InsufficientMemoryException>(() => GuestMemory.Allocate(1UL << 60, 0));
        using var memory = GuestMemory.Allocate(Ram, 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Limit = Ram + 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Slice(Ram - 1, 2));
    }

    [Fact]
    public void IsGoneAfterDispose()
    {
        var memory = GuestMemory.Allocate(Ram, 0);
        memory.Dispose();
        memory.Dispose();
        Assert.False(memory.TryGetPointer(0, 1, out _));
        Assert.Throws<ObjectDisposedException>(() => memory.Slice(0, 1));
    }

    private static long ParseHex(string text) => long.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
