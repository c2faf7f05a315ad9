// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Lguest;

/// <summary>
/// The guest's current address space: linear until it names its first page directory, then whatever its own tables say. The
/// tables are walked in place; nothing about them is kept.
/// </summary>
internal sealed unsafe class AddressSpace
{
    /// <summary>Bytes reserved for the hypervisor at the top of every address space.</summary>
    public const uint ReservedBytes = unchecked(0u - ReservedStart);

    /// <summary>Where they start. We have nothing there, but guests are told to keep out, and killed if they do not.</summary>
    public const uint ReservedStart = 0xFFC00000;

    /// <summary>Where kernels up to 3.0 expect memory a second time before they have tables of their own.</summary>
    private const uint LegacyAlias = 0xC0000000;

    private const string AccessToReserved = "attempt to access switcher pages";

    private const uint Present = 1, Writable = 2, User = 4, Accessed = 0x20, Dirty = 0x40, LargePage = 0x80;
    private const uint DirectoryFlags = Present | Writable | User | Accessed | Dirty;
    private const uint FlagsMask = 0xFFF;
    private const ulong PaePageMask = 0x000F_FFFF_FFFF_F000;

    private readonly PhysicalMemory _memory;
    private readonly GuestDeath _death;
    private readonly PageTableFormat _format;
    private uint _directory;
    private bool _isProbe, _probeHasEffect;

    public AddressSpace(PhysicalMemory memory, GuestDeath death, PageTableFormat format)
    {
        _memory = memory;
        _death = death;
        _format = format;
        IsPae = format == PageTableFormat.Pae;
    }

    /// <summary>No page directory has been named yet.</summary>
    public bool IsLinear { get; private set; } = true;

    /// <summary>Tables are in the three-level format. Not known before <see cref="Switch"/> unless it was given.</summary>
    public bool IsPae { get; private set; }

    /// <summary>
    /// Memory also appears at PAGE_OFFSET while the space is linear. True until the guest turns out to be 3.1 or later; the real
    /// thing writes page tables into an older guest's memory for the same effect.
    /// </summary>
    public bool HasLegacyAlias { get; set; } = true;

    /// <summary>Where the present tables are; null while the space is linear.</summary>
    public PageTables? Tables => IsLinear ? null : new PageTables(_directory, IsPae, ReservedStart);

    /// <summary>NEW_PGTABLE: the address space of a page directory. The TLB is the caller's.</summary>
    public void Switch(uint directory)
    {
        uint entrySize = IsPae ? 8u : 4u;
        if (!_memory.IsAccessible(directory, entrySize))
        {
            _death.Kill($"bad read address 0x{directory:x} len {entrySize}");
            return;
        }

        if (IsLinear)
        {
            IsLinear = false;
            if (_format == PageTableFormat.Auto)
            {
                IsPae = LooksLikePae(directory);
            }
        }

        // The original would add low bits to the index; as hardware does, we have none.
        _directory = directory & (IsPae ? ~0x1Fu : ~FlagsMask);
    }

    /// <summary>Translates an address for one kind of access, setting accessed and dirty bits in the last level as real lguest does.</summary>
    public WalkStatus Walk(uint address, PageAccess access, out PageWalk walk)
    {
        walk = default;
        if (IsLinear)
        {
            return WalkLinear(address, access, ref walk);
        }

        return IsPae ? WalkPae(address, access, ref walk) : WalkTwoLevels(address, access, ref walk);
    }

    /// <summary>As <see cref="Walk"/>, but leaves the tables and the guest as they are and tells whether it would have changed them.</summary>
    public WalkStatus Probe(uint address, PageAccess access, out PageWalk walk, out bool hasEffect)
    {
        _isProbe = true;
        _probeHasEffect = false;
        WalkStatus status = Walk(address, access, out walk);
        _isProbe = false;
        hasEffect = _probeHasEffect;
        return status;
    }

    /// <summary>
    /// Translates an address as the hypervisor does for its own accesses: whatever the rights, leaving no trace in the tables.
    /// In linear mode the result may lie outside memory.
    /// </summary>
    public bool TryTranslate(uint address, out uint physical)
    {
        physical = address;
        if (IsLinear)
        {
            if (HasLegacyAlias && address - LegacyAlias < _memory.Length)
            {
                physical = address - LegacyAlias;
            }

            return true;
        }

        ulong entry = IsPae ? FindPaeEntry(address) : FindEntry(address);
        if ((entry & Present) == 0 || (entry & PaePageMask) >= _memory.Length)
        {
            return false;
        }

        physical = (uint)(entry & PaePageMask) | (address & FlagsMask);
        return true;
    }

    private WalkStatus WalkLinear(uint address, PageAccess access, ref PageWalk walk)
    {
        if (!_memory.Contains(address, 1))
        {
            if (address >= ReservedStart)
            {
                return Kill(AccessToReserved);
            }

            if (!HasLegacyAlias || address - LegacyAlias >= _memory.Length)
            {
                return Kill("bad page table entry");
            }

            address -= LegacyAlias;
        }

        if ((access & PageAccess.User) != 0)
        {
            return Fault(access, Present, ref walk);
        }

        walk.PhysicalPage = address & ~FlagsMask;
        walk.Writable = true;
        return WalkStatus.Mapped;
    }

    private WalkStatus WalkTwoLevels(uint address, PageAccess access, ref PageWalk walk)
    {
        uint directoryEntry = _memory.ReadUInt32(_directory + (address >> 22 << 2));
        if ((directoryEntry & Present) == 0)
        {
            return Fault(access, 0, ref walk);
        }

        if (address >= ReservedStart)
        {
            return Kill(AccessToReserved);
        }

        if ((directoryEntry & FlagsMask & ~DirectoryFlags) != 0 || directoryEntry >> 12 >= _memory.PageLimit)
        {
            return Kill("bad page directory entry");
        }

        uint entryAddress = (directoryEntry & ~FlagsMask) + (((address >> 12) & 0x3FF) << 2);
        uint entry = _memory.ReadUInt32(entryAddress);
        return UseEntry(entryAddress, entry, entry & ~FlagsMask, directoryEntry, access, ref walk);
    }

    private WalkStatus WalkPae(uint address, PageAccess access, ref PageWalk walk)
    {
        // Processors keep these four entries from when CR3 was loaded; lguest looks them up each time.
        ulong directoryEntry = ReadUInt64(_directory + (address >> 30 << 3));
        if ((directoryEntry & Present) == 0)
        {
            return Fault(access, 0, ref walk);
        }

        if ((directoryEntry & FlagsMask & ~(ulong)Present) != 0 || (directoryEntry & PaePageMask) >= _memory.Length)
        {
            return Kill("bad page directory entry");
        }

        ulong middleEntry = ReadUInt64((uint)(directoryEntry & PaePageMask) + (((address >> 21) & 0x1FF) << 3));
        if ((middleEntry & Present) == 0)
        {
            return Fault(access, 0, ref walk);
        }

        if (address >= ReservedStart)
        {
            return Kill(AccessToReserved);
        }

        if ((middleEntry & FlagsMask & ~(ulong)DirectoryFlags) != 0 || (middleEntry & PaePageMask) >= _memory.Length)
        {
            return Kill("bad page middle directory entry");
        }

        uint entryAddress = (uint)(middleEntry & PaePageMask) + (((address >> 12) & 0x1FF) << 3);
        ulong entry = ReadUInt64(entryAddress);
        return UseEntry(entryAddress, (uint)entry, entry & PaePageMask, (uint)middleEntry, access, ref walk);
    }

    // Rights are those of both levels together. WP is always 1, so the supervisor needs RW to write, too.
    private WalkStatus UseEntry(uint entryAddress, uint entry, ulong page, uint upperEntry, PageAccess access, ref PageWalk walk)
    {
        if ((entry & Present) == 0)
        {
            return Fault(access, 0, ref walk);
        }

        uint rights = entry & upperEntry;
        uint needed = (uint)access & (Writable | User); // same bits
        if ((rights & needed) != needed)
        {
            return Fault(access, Present, ref walk);
        }

        if ((entry & LargePage) != 0 || page >= _memory.Length)
        {
            return Kill("bad page table entry");
        }

        uint used = entry | Accessed | ((access & PageAccess.Write) != 0 ? Dirty : 0);
        if (used != entry)
        {
            if (_isProbe)
            {
                _probeHasEffect = true;
            }
            else
            {
                _memory.WriteUInt32(entryAddress, used);
            }
        }

        walk.PhysicalPage = (uint)page;
        walk.Writable = (rights & Writable) != 0 && (used & Dirty) != 0;
        return WalkStatus.Mapped;
    }

    private static WalkStatus Fault(PageAccess access, uint protection, ref PageWalk walk)
    {
        walk.ErrorCode = protection | (uint)access;
        return WalkStatus.Fault;
    }

    private WalkStatus Kill(string reason)
    {
        if (!_isProbe)
        {
            _death.Kill(reason);
        }

        return WalkStatus.Abandoned;
    }

    private uint FindEntry(uint address)
    {
        uint directoryEntry = _memory.ReadUInt32(_directory + (address >> 22 << 2));
        return (directoryEntry & Present) == 0 || directoryEntry >> 12 >= _memory.PageLimit
            ? 0
            : _memory.ReadUInt32((directoryEntry & ~FlagsMask) + (((address >> 12) & 0x3FF) << 2));
    }

    private ulong FindPaeEntry(uint address)
    {
        ulong entry = ReadUInt64(_directory + (address >> 30 << 3));
        for (int shift = 21; shift >= 12; shift -= 9)
        {
            if ((entry & Present) == 0 || (entry & PaePageMask) >= _memory.Length)
            {
                return 0;
            }

            entry = ReadUInt64((uint)(entry & PaePageMask) + (((address >> shift) & 0x1FF) << 3));
        }

        return entry;
    }

    // A PAE kernel's first directory has four entries of 8 bytes with no flag but P; a two-level one has 4-byte entries with
    // RW and more.
    private bool LooksLikePae(uint directory)
    {
        directory &= ~0x1Fu;
        bool any = false;
        for (uint i = 0; i < 4; i++)
        {
            ulong entry = ReadUInt64(directory + (i * 8));
            if (entry == 0)
            {
                continue;
            }

            if ((entry & ~0xFFFF_F000ul) != Present)
            {
                return false;
            }

            any = true;
        }

        return any;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong ReadUInt64(uint address) => Unsafe.ReadUnaligned<ulong>(_memory.Base + address);
}
