// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Emulator.Memory;

/// <summary>
/// One page of the software TLB. A tag is the linear page address where that kind of access needs no further check, or
/// <see cref="NoTag"/>.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct TlbEntry
{
    /// <summary>Matches no page address: its low bits are not 0.</summary>
    public const uint NoTag = 1;

    /// <summary>Linear page address readable without a walk.</summary>
    public uint ReadTag;

    /// <summary>Linear page address writable without a walk; withheld while the page is clean or holds decoded code.</summary>
    public uint WriteTag;

    /// <summary>Host address minus linear address.</summary>
    public nint Addend;
}
