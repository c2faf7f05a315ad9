// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace Acme.Balloon;

/// <summary>One number the driver tells about the guest's memory, as it lies in a chain: 10 bytes, without a gap.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct Statistic(ushort Tag, ulong Value)
{
    /// <summary>Bytes of memory that nothing is kept in.</summary>
    public const ushort FreeMemory = 4;
}
