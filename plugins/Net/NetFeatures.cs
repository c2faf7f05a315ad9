// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Net;

/// <summary>Feature bits (virtio 1.2, section 5.1.3). "Guest" is what the guest can receive, "host" what it may send.</summary>
[Flags]
internal enum NetFeatures : ulong
{
    /// <summary>The guest may send packets without a checksum.</summary>
    HostChecksum = 1UL << 0,

    /// <summary>The guest takes packets without a checksum.</summary>
    GuestChecksum = 1UL << 1,

    /// <summary>The configuration has the guest's address.</summary>
    Mac = 1UL << 5,

    /// <summary>The guest takes TCP over IPv4 in large pieces.</summary>
    GuestTso4 = 1UL << 7,

    /// <summary>The guest takes TCP over IPv6 in large pieces.</summary>
    GuestTso6 = 1UL << 8,

    /// <summary>The guest takes large pieces with congestion notification.</summary>
    GuestEcn = 1UL << 9,

    /// <summary>The guest may send TCP over IPv4 in large pieces.</summary>
    HostTso4 = 1UL << 11,

    /// <summary>The guest may send TCP over IPv6 in large pieces.</summary>
    HostTso6 = 1UL << 12,

    /// <summary>The guest may send large pieces with congestion notification.</summary>
    HostEcn = 1UL << 13,

    /// <summary>Everything the tun driver can do for us.</summary>
    Offloads = HostChecksum | GuestChecksum | GuestTso4 | GuestTso6 | GuestEcn | HostTso4 | HostTso6 | HostEcn,
}
