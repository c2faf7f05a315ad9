// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator;

/// <summary>How a guest's page tables are laid out. Guest and hypervisor must agree, and the guest cannot say.</summary>
public enum PageTableFormat
{
    /// <summary>Told from the first page directory the guest uses.</summary>
    Auto,

    /// <summary>Two levels of 4-byte entries.</summary>
    TwoLevel,

    /// <summary>Three levels of 8-byte entries (physical address extension).</summary>
    Pae,
}
