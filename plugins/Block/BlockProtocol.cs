// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Block;

/// <summary>Feature bits (virtio 1.2, section 5.2.3).</summary>
internal static class BlockFeatures
{
    /// <summary>The configuration says how many data segments a request may have.</summary>
    internal const ulong SegmentMaximum = 1UL << 2;

    /// <summary>Writes are refused.</summary>
    internal const ulong ReadOnly = 1UL << 5;

    /// <summary>The flush request is there.</summary>
    internal const ulong Flush = 1UL << 9;
}

/// <summary>Request types (virtio 1.2, section 5.2.6). They are values, not bits to be combined.</summary>
internal enum RequestType : uint
{
    /// <summary>Read sectors.</summary>
    In = 0,

    /// <summary>Write sectors.</summary>
    Out = 1,

    /// <summary>Put all written sectors on stable storage.</summary>
    Flush = 4,

    /// <summary>Read the serial number.</summary>
    GetId = 8,

    /// <summary>A flag old drivers add to a write; without the feature that was never offered it has no meaning.</summary>
    Barrier = 0x8000_0000,
}

/// <summary>The last byte of a request.</summary>
internal enum RequestStatus : byte
{
    Ok = 0,
    IoError = 1,
    Unsupported = 2,
}

/// <summary>The head of a request, little-endian.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct RequestHeader
{
    internal RequestType Type;
    internal uint Priority;
    internal ulong Sector;
}

/// <summary>The part of the configuration that every driver knows, little-endian (virtio 1.2, section 5.2.4).</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct BlockConfiguration
{
    /// <summary>The disk's size in sectors of 512 bytes.</summary>
    internal ulong Capacity;

    /// <summary>Bytes in a segment, if that feature were offered.</summary>
    internal uint SegmentSizeMaximum;

    /// <summary>Data segments in a request.</summary>
    internal uint SegmentMaximum;
}
