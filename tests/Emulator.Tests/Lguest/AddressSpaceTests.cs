// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Lguest;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Tests.Lguest;

/// <summary>Walks of hand-made page tables in both formats, and of the linear mode before them.</summary>
public sealed unsafe class AddressSpaceTests : IDisposable
{
    private const uint Directory = 0x2000, Middle = 0x3000, Table = 0x4000, Page = 0x5000, Address = 0x00400000;

    private readonly TestGuest _memory = new();
    private readonly CpuState* _state = (CpuState*)NativeMemory.AllocZeroed((nuint)sizeof(CpuState));
    private readonly GuestDeath _death;

    public AddressSpaceTests() => _death = new GuestDeath(_state);

    public void Dispose()
    {
        NativeMemory.Free(_state);
        _memory.Dispose();
    }

    [Theory]
    [InlineData(0x67u, 0x00u, PageAccess.None, 0u)]
    [InlineData(0x67u, 0x06u, PageAccess.Write | PageAccess.User, 6u)]
    [InlineData(0x66u, 0x07u, PageAccess.None, 0u)]
    [InlineData(0x67u, 0x05u, PageAccess.Write, 3u)] // WP: the kernel cannot write either
    [InlineData(0x65u, 0x07u, PageAccess.Write, 3u)]
    [InlineData(0x67u, 0x03u, PageAccess.User, 5u)]
    [InlineData(0x63u, 0x07u, PageAccess.Write | PageAccess.User, 7u)]
    public void Forbidden_accesses_fault_and_leave_no_trace(uint upper, uint lower, PageAccess access, uint error)
    {
        foreach (AddressSpace space in Both(upper, lower))
        {
            Assert.Equal(WalkStatus.Fault, space.Walk(Address + 0x123, access, out PageWalk walk));
            Assert.Equal(error, walk.ErrorCode);
            Assert.Equal(Page | lower, _memory.Read(Table));
        }
    }

    [Fact]
    public void Accessed_and_dirty_are_set_in_the_last_level_only()
    {
        foreach (AddressSpace space in Both(0x07, 0x07))
        {
            Assert.Equal(WalkStatus.Mapped, space.Walk(Address, PageAccess.User, out PageWalk walk));
            Assert.Equal((Page, false), (walk.PhysicalPage, walk.Writable));
            Assert.Equal(Page | 0x27, _memory.Read(Table));
            Assert.Equal(WalkStatus.Mapped, space.Walk(Address, PageAccess.Write, out walk));
            Assert.Equal((Page, true), (walk.PhysicalPage, walk.Writable));
            Assert.Equal(Page | 0x67, _memory.Read(Table));
            Assert.Equal(Table | 7, _memory.Read(space.IsPae ? Middle + 16 : Directory + 4));
        }
    }

    [Theory]
    [InlineData(0xE7u, 0x07u, "bad page directory entry", "bad page middle directory entry")] // large page
    [InlineData(0x0000_0067u + (TestGuest.Pages << 12), 0x07u, "bad page directory entry", "bad page middle directory entry")]
    [InlineData(0x67u, 0x87u, "bad page table entry", "bad page table entry")]
    [InlineData(0x67u, 0x0000_0007u + (TestGuest.Pages << 12), "bad page table entry", "bad page table entry")]
    public void Bad_entries_kill(uint upper, uint lower, string twoLevel, string pae)
    {
        SetTwoLevels(upper, lower);
        AddressSpace space = Switched(PageTableFormat.TwoLevel);
        Assert.Equal(WalkStatus.Abandoned, space.Walk(Address, PageAccess.None, out _));
        Assert.Equal(twoLevel, _death.Reason);

        SetPae(upper, lower);
        GuestDeath death = new(_state);
        space = new AddressSpace(new PhysicalMemory(_memory.Memory, TestGuest.Pages), death, PageTableFormat.Pae);
        space.Switch(Directory);
        Assert.Equal(WalkStatus.Abandoned, space.Walk(Address, PageAccess.None, out _));
        Assert.Equal(pae, death.Reason);
    }

    [Fact]
    public void Format_is_told_from_the_first_directory()
    {
        SetPae(0x67, 0x07);
        Assert.True(Switched(PageTableFormat.Auto).IsPae);
        SetTwoLevels(0x67, 0x07);
        Assert.False(Switched(PageTableFormat.Auto).IsPae);
        Clear();
        Assert.False(Switched(PageTableFormat.Auto).IsPae);
    }

    [Fact]
    public void Linear_mode_maps_memory_for_the_supervisor()
    {
        AddressSpace space = New(PageTableFormat.Auto);
        Assert.Equal(WalkStatus.Mapped, space.Walk(0x12345, PageAccess.Write, out PageWalk walk));
        Assert.Equal((0x12000u, true), (walk.PhysicalPage, walk.Writable));
        Assert.Equal(WalkStatus.Mapped, space.Walk(0xC0012345, PageAccess.Write, out walk));
        Assert.Equal(0x12000u, walk.PhysicalPage);
        space.HasLegacyAlias = false;
        Assert.Equal(WalkStatus.Fault, space.Walk(0x12345, PageAccess.User, out walk));
        Assert.Equal(5u, walk.ErrorCode);
        Assert.Equal(WalkStatus.Abandoned, space.Walk(0xC0012345, PageAccess.None, out _));
        Assert.Equal("bad page table entry", _death.Reason);
    }

    [Fact]
    public void Directory_must_be_in_memory()
    {
        New(PageTableFormat.Auto).Switch(TestGuest.Pages << 12);
        Assert.Equal("bad read address 0x100000 len 4", _death.Reason);
    }

    private IEnumerable<AddressSpace> Both(uint upper, uint lower)
    {
        SetTwoLevels(upper, Page | lower);
        yield return Switched(PageTableFormat.TwoLevel);
        SetPae(upper, Page | lower);
        yield return Switched(PageTableFormat.Pae);
    }

    private AddressSpace Switched(PageTableFormat format)
    {
        AddressSpace space = New(format);
        space.Switch(Directory);
        return space;
    }

    private AddressSpace New(PageTableFormat format) => new(new PhysicalMemory(_memory.Memory, TestGuest.Pages), _death, format);

    private void Clear()
    {
        for (uint address = Directory; address < Page; address += 4)
        {
            _memory.Write(address, 0);
        }
    }

    private void SetTwoLevels(uint upper, uint lower)
    {
        Clear();
        _memory.Write(Directory + (Address >> 22 << 2), Table + upper);
        _memory.Write(Table, lower);
    }

    private void SetPae(uint upper, uint lower)
    {
        Clear();
        _memory.Write(Directory, Middle | 1);
        _memory.Write(Middle + (Address >> 21 << 3), Table + upper);
        _memory.Write(Table, lower);
    }
}
