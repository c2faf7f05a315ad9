// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Net;

/// <summary>Numbers of linux/if_tun.h and linux/sockios.h that Tmds.LibC does not have; the tests ask a C compiler for them.</summary>
internal static class TunProtocol
{
    internal const int SetInterface = 0x400454CA; // TUNSETIFF
    internal const int SetOffload = 0x400454D0; // TUNSETOFFLOAD
    internal const int SetHeaderSize = 0x400454D8; // TUNSETVNETHDRSZ
    internal const int AddToBridge = 0x89A2; // SIOCBRADDIF

    internal const short Up = 0x0001; // IFF_UP
    internal const short Tap = 0x0002; // IFF_TAP
    internal const short NoPacketInformation = 0x1000; // IFF_NO_PI
    internal const short VirtioNetHeader = 0x4000; // IFF_VNET_HDR
}

/// <summary>What the reader of a tap takes upon itself (TUN_F_*).</summary>
[Flags]
internal enum TunOffload
{
    None = 0,

    /// <summary>Packets without a checksum.</summary>
    Checksum = 1,

    /// <summary>TCP over IPv4 in pieces larger than a packet.</summary>
    Tso4 = 2,

    /// <summary>TCP over IPv6 in pieces larger than a packet.</summary>
    Tso6 = 4,

    /// <summary>Such pieces with congestion notification.</summary>
    TsoEcn = 8,

    All = Checksum | Tso4 | Tso6 | TsoEcn,
}

/// <summary>C's <c>struct ifreq</c>: the interface's name, then what the request is about.</summary>
[StructLayout(LayoutKind.Explicit, Size = 40)]
internal unsafe struct InterfaceRequest
{
    [FieldOffset(0)]
    internal fixed byte Name[InterfaceName.Capacity];

    [FieldOffset(16)]
    internal short Flags;

    [FieldOffset(16)]
    internal int Index;

    /// <summary>C's <c>sin_family</c> of an address, in the host's byte order.</summary>
    [FieldOffset(16)]
    internal ushort AddressFamily;

    /// <summary>C's <c>sin_addr</c> of an address, in network byte order.</summary>
    [FieldOffset(20)]
    internal uint Address;
}
