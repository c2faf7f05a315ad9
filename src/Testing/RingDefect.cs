// SPDX-License-Identifier: MIT
namespace LguestPlug.Testing;

/// <summary>
/// What a hostile driver can do to a ring: see <see cref="TestQueue.Inject"/>. Each makes Take or TryTake of the queue throw a
/// <see cref="DeviceFaultException"/>, which must leave the device's service.
/// </summary>
public enum RingDefect
{
    /// <summary>An available entry names a descriptor behind the end of the table.</summary>
    HeadOutsideTable,

    /// <summary>A descriptor's next one lies behind the end of the table.</summary>
    NextOutsideTable,

    /// <summary>The next of a chain's descriptors leads back into the chain.</summary>
    Loop,

    /// <summary>A buffer lies behind the end of guest memory.</summary>
    BufferOutsideMemory,

    /// <summary>Address and length of a buffer, added, go beyond 64 bits.</summary>
    BufferWrapsAround,

    /// <summary>A descriptor the device reads follows one it writes.</summary>
    ReadableBehindWritable,

    /// <summary>The available index is further ahead than the ring has entries.</summary>
    IndexTooFarAhead,

    /// <summary>An indirect table lies behind the end of guest memory.</summary>
    IndirectTableOutsideMemory,

    /// <summary>An indirect table's length is not a multiple of a descriptor's.</summary>
    IndirectTableOfOddLength,

    /// <summary>An indirect table has no descriptors.</summary>
    IndirectTableEmpty,

    /// <summary>A descriptor in an indirect table points to another table.</summary>
    IndirectTableInTable,

    /// <summary>A descriptor that points to an indirect table has a next one.</summary>
    IndirectTableWithNext,

    /// <summary>The next of an indirect table's descriptors leads back.</summary>
    IndirectTableLoop,
}
