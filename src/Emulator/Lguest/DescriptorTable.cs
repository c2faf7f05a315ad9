// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Memory;

namespace LguestPlug.Emulator.Lguest;

/// <summary>The global descriptor table: the guest's descriptors, made fit for ring 1, and the hypervisor's own.</summary>
internal sealed unsafe class DescriptorTable
{
    /// <summary>Number of entries.</summary>
    public const uint Entries = 32;

    /// <summary>Selector of the guest kernel's code segment.</summary>
    public const ushort KernelCode = 0x61;

    /// <summary>Selector of the guest kernel's data segment.</summary>
    public const ushort KernelData = 0x69;

    /// <summary>Selector of the task register.</summary>
    public const ushort Task = 0x80;

    /// <summary>Bytes LOAD_TLS reads.</summary>
    public const uint TlsSize = 24;

    private const uint FirstTlsEntry = 6;

    // Flat code and data and the task state segment of ring 0, and the double-fault task: what a guest loads there is ignored.
    private const uint OwnEntries = (1u << 10) | (1u << 11) | (1u << 16) | (1u << 31);

    private readonly GuestDeath _death;
    private readonly ulong[] _entries = new ulong[Entries];
    private uint _changed;

    public DescriptorTable(GuestDeath death)
    {
        _death = death;
        _entries[10] = 0x00CF9B00_0000FFFF;
        _entries[11] = 0x00CF9300_0000FFFF;
        _entries[KernelCode >> 3] = 0x00CFBB00_0000FFFF;
        _entries[KernelData >> 3] = 0x00CFB300_0000FFFF;
        _entries[Task >> 3] = 0x00008B00_00000067;
    }

    /// <summary>Entries loaded since the last call, one bit each.</summary>
    public uint TakeChanged()
    {
        uint changed = _changed;
        _changed = 0;
        return changed;
    }

    /// <summary>Some entry was loaded since <see cref="TakeChanged"/>.</summary>
    public bool HasChanged => _changed != 0;

    /// <summary>LOAD_GDT_ENTRY.</summary>
    public void Load(uint index, uint low, uint high)
    {
        if (index >= Entries)
        {
            _death.Kill($"too many gdt entries {(int)index}");
            return;
        }

        if ((OwnEntries >> (int)index & 1) == 0)
        {
            Set(index, low, high);
        }
    }

    /// <summary>LOAD_TLS: three descriptors from guest memory; the caller has checked the range.</summary>
    public void LoadTls(PhysicalMemory memory, uint address)
    {
        for (uint i = 0; i < TlsSize / 8; i++)
        {
            Set(FirstTlsEntry + i, memory.ReadUInt32(address + (i * 8)), memory.ReadUInt32(address + (i * 8) + 4));
        }
    }

    /// <summary>The descriptor a selector names; false outside the table, and always for the local one, which does not exist.</summary>
    public bool TryRead(ushort selector, out ulong descriptor)
    {
        if ((selector & 4) != 0 || selector >> 3 >= Entries)
        {
            descriptor = 0;
            return false;
        }

        descriptor = _entries[selector >> 3];
        return true;
    }

    private void Set(uint index, uint low, uint high)
    {
        // The guest's ring 0 is our ring 1. The accessed bit keeps the processor from writing to the table; the original sets it
        // blindly, so that an emptied entry reads as a 16-bit task state segment, and so does ours.
        if ((high & 0x6000) == 0)
        {
            high |= 0x2000;
        }

        _entries[index] = ((ulong)(high | 0x100) << 32) | low;
        _changed |= 1u << (int)index;
    }
}
