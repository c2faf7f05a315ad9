// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Memory;

namespace LguestPlug.Emulator.Lguest;

/// <summary>The rule by which lguest accepts the guest-physical addresses that guests pass in hypercalls.</summary>
internal static class HostAccess
{
    /// <summary>
    /// True if the hypervisor may read or write there. The original compares page numbers of the end, so that the last byte of
    /// memory is out of its reach, and guests get to know it by being killed; hence so do we.
    /// </summary>
    public static bool IsAccessible(this PhysicalMemory memory, uint address, uint length)
    {
        uint end = address + length;
        return end >= address && end >> 12 < memory.PageLimit;
    }
}
