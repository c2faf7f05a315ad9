// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Emulator.Translation;

/// <summary>
/// One reservation that generated code reaches by constant displacements from the CPU state: the state itself, the jump cache and
/// the flat TLBs. The kernel commits what is used.
/// </summary>
internal sealed unsafe partial class TranslatorMemory : IDisposable
{
    /// <summary>Entries of one flat TLB: one for each page of the linear address space.</summary>
    public const int FlatEntries = 1 << 20;

    /// <summary>Pages that a view of the flat TLB may hold before it is emptied.</summary>
    public const int MaxFilled = 32768;

    /// <summary>Offsets from the CPU state.</summary>
    public const int FpuImageOffset = 0x1000, WalkerOffset = 0x1400, RingCrossingOffset = 0x1500, ShortCallOffset = 0x1700, JumpOffset = 0x2000, FlatOffset = JumpOffset + JumpCache.Bytes;

    private const int FlatBytes = FlatEntries * 8;
    private const int FilledOffset = FlatOffset + (4 * FlatBytes);
    private const int FilledBytes = MaxFilled * sizeof(uint);
    private const int StateOffset = 0x1000;
    private const long Length = StateOffset + FilledOffset + (2L * FilledBytes);
    private const int ProtRead = 1, ProtWrite = 2, MapPrivate = 2, MapAnonymous = 0x20, MapNoReserve = 0x4000;

    private readonly byte* _memory;

    public TranslatorMemory()
    {
        nint memory = Map(0, (nuint)Length, ProtRead | ProtWrite, MapPrivate | MapAnonymous | MapNoReserve, -1, 0);
        if (memory == -1)
        {
            throw new InsufficientMemoryException($"cannot reserve {Length} bytes for the translator's tables");
        }

        _memory = (byte*)memory;
        Cpu = (CpuState*)(_memory + StateOffset);
        State = (TranslatorState*)(_memory + StateOffset - sizeof(TranslatorState));
    }

    public CpuState* Cpu { get; }

    public TranslatorState* State { get; }

    /// <summary>What generated code needs to walk page tables.</summary>
    public PageWalkerState* Walker => (PageWalkerState*)((byte*)Cpu + WalkerOffset);

    /// <summary>What generated code needs for system calls.</summary>
    public RingCrossingState* RingCrossing => (RingCrossingState*)((byte*)Cpu + RingCrossingOffset);

    /// <summary>What generated code needs for calls without the system.</summary>
    public ShortCallState* ShortCalls => (ShortCallState*)((byte*)Cpu + ShortCallOffset);

    public TranslatedJump* Jumps => (TranslatedJump*)((byte*)Cpu + JumpOffset);

    /// <summary>Offset from the CPU state of the flat TLB for reads; the one for writes follows.</summary>
    public static int FlatTlbOffset(bool user, bool write) => FlatOffset + (((user ? 2 : 0) + (write ? 1 : 0)) * FlatBytes);

    /// <summary>A flat TLB: for each page what to add to a linear address, or 0.</summary>
    public nint* FlatTlb(bool user, bool write) => (nint*)((byte*)Cpu + FlatTlbOffset(user, write));

    /// <summary>Offset from the CPU state of the numbers of the pages that a view of the flat TLB holds.</summary>
    public static int FilledListOffset(bool user) => FilledOffset + (user ? FilledBytes : 0);

    /// <summary>The numbers of the pages that a view of the flat TLB holds.</summary>
    public uint* FilledList(bool user) => (uint*)((byte*)Cpu + FilledListOffset(user));

    public void Dispose() => _ = Unmap((nint)_memory, (nuint)Length);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
