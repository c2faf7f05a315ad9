// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using LguestPlug.Emulator.Memory;

namespace LguestPlug.Emulator.Lguest;

/// <summary>
/// <c>struct lguest_data</c>: the memory that guest and hypervisor share, wherever the guest put it and however aligned. It has two
/// layouts: up to Linux 3.0 a word with the page directory's address sits before the last four.
/// </summary>
internal sealed unsafe class LguestData(PhysicalMemory memory)
{
    /// <summary>Bytes of the layout of 3.1 and later.</summary>
    public const uint Size = 1392;

    /// <summary>Slots of the asynchronous hypercall ring.</summary>
    public const int RingSlots = 64;

    /// <summary>Status byte of a ring slot that holds no call.</summary>
    public const byte SlotFree = 0xFF;

    private const uint LegacySize = 1396;

    private const int InterruptsEnabledOffset = 0, BlockedOffset = 4, Cr2Offset = 8, SecondsOffset = 12, NanosecondsOffset = 16,
        InterruptPendingOffset = 20, StatusOffset = 24, RingOffset = 88, ReservedOffset = 1368, TscKilohertzOffset = 1372,
        PageDirectoryOffset = 1376, LastWordsOffset = 1376, LegacyLastWordsOffset = 1380;

    // Order of the last four words in both layouts.
    private const int NoInterruptStartWord = 0, NoInterruptEndWord = 4, KernelAddressWord = 8, SystemCallVectorWord = 12;

    private byte* _data;

    /// <summary>The guest has made its LGUEST_INIT hypercall.</summary>
    public bool IsInitialized => _data != null;

    /// <summary>The guest is Linux 3.0 or older.</summary>
    public bool IsLegacy { get; private set; }

    /// <summary>First address where no interrupt is delivered. Read once, at INIT, as real lguest does.</summary>
    public uint NoInterruptStart { get; private set; }

    /// <summary>First address behind that range.</summary>
    public uint NoInterruptEnd { get; private set; }

    /// <summary>Start of the kernel's half of the address space.</summary>
    public uint KernelAddress { get; private set; }

    /// <summary>The vector the guest uses for system calls.</summary>
    public uint SystemCallVector { get; private set; }

    /// <summary>The guest's own interrupt flag: bit 9. May hold a whole EFLAGS image.</summary>
    public uint InterruptsEnabled
    {
        get => Read(InterruptsEnabledOffset);
        set => Write(InterruptsEnabledOffset, value);
    }

    /// <summary>One bit for each interrupt that must not be delivered.</summary>
    public uint BlockedInterrupts => Read(BlockedOffset);

    /// <summary>Address of the last page fault.</summary>
    public uint Cr2
    {
        set => Write(Cr2Offset, value);
    }

    /// <summary>0x200 once an interrupt had to wait for the guest's interrupt flag.</summary>
    public uint InterruptPending
    {
        set => Write(InterruptPendingOffset, value);
    }

    /// <summary>Bytes at the top of the address space the guest must not use.</summary>
    public uint ReservedMemory
    {
        set => Write(ReservedOffset, value);
    }

    /// <summary>Frequency of the time-stamp counter; 0 if the guest should not use it.</summary>
    public uint TscKilohertz
    {
        set => Write(TscKilohertzOffset, value);
    }

    /// <summary>Status bytes of the ring: <see cref="SlotFree"/> or a call to make.</summary>
    public byte* RingStatus => _data + StatusOffset;

    /// <summary>Attaches to the guest's structure; the caller has checked that <see cref="Size"/> bytes are there.</summary>
    public void Attach(uint address)
    {
        _data = memory.Base + address;
        int lastWords = LastWordsOffset;
        // The word that is the system call vector in the newer layout is PAGE_OFFSET in the older one.
        if (Read(LastWordsOffset + SystemCallVectorWord) > 0xFF && memory.Contains(address, LegacySize)
            && Read(LegacyLastWordsOffset + SystemCallVectorWord) == 0x80)
        {
            IsLegacy = true;
            lastWords = LegacyLastWordsOffset;
        }

        NoInterruptStart = Read(lastWords + NoInterruptStartWord);
        NoInterruptEnd = Read(lastWords + NoInterruptEndWord);
        KernelAddress = Read(lastWords + KernelAddressWord);
        SystemCallVector = Read(lastWords + SystemCallVectorWord);
    }

    /// <summary>Tells a legacy guest where the page directory it starts on would lie.</summary>
    public void SetPageDirectory(uint address) => Write(PageDirectoryOffset, address);

    /// <summary>Stores the wall clock.</summary>
    public void SetTime(uint seconds, uint nanoseconds)
    {
        Write(SecondsOffset, seconds);
        Write(NanosecondsOffset, nanoseconds);
    }

    /// <summary>Reads a queued hypercall.</summary>
    public HypercallArguments ReadRing(int slot) =>
        Unsafe.ReadUnaligned<HypercallArguments>(_data + RingOffset + (slot * sizeof(HypercallArguments)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint Read(int offset) => Unsafe.ReadUnaligned<uint>(_data + offset);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Write(int offset, uint value) => Unsafe.WriteUnaligned(_data + offset, value);
}
