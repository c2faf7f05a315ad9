// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;

namespace LguestPlug.Emulator.Memory;

/// <summary>The guest's memory as the CPU and the hypervisor see it: a base pointer and a length. Nothing outside is ever touched.</summary>
public readonly unsafe struct PhysicalMemory
{
    /// <summary>Describes memory the caller owns and keeps mapped.</summary>
    public PhysicalMemory(nint hostBase, uint pageLimit)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(pageLimit, 0xFFFFFu);
        Base = (byte*)hostBase;
        PageLimit = pageLimit;
    }

    /// <summary>Host address of guest-physical address 0.</summary>
    public byte* Base { get; }

    /// <summary>First page number beyond the guest's memory.</summary>
    public uint PageLimit { get; }

    /// <summary>Bytes of guest memory.</summary>
    public uint Length => PageLimit << 12;

    /// <summary>True if all of the range lies inside.</summary>
    public bool Contains(uint address, uint length) => (ulong)address + length <= Length;

    /// <summary>Reads a little-endian word; the caller has checked the range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public uint ReadUInt32(uint address) => Unsafe.ReadUnaligned<uint>(Base + address);

    /// <summary>Writes a little-endian word; the caller has checked the range.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUInt32(uint address, uint value) => Unsafe.WriteUnaligned(Base + address, value);
}
