// SPDX-License-Identifier: MIT
namespace LguestPlug.Testing;

/// <summary>A range of the test's guest memory: see <see cref="TestDriver.Allocate(int, int)"/>.</summary>
/// <param name="Address">Guest-physical address of the first byte.</param>
/// <param name="Length">Number of bytes.</param>
public readonly record struct GuestBuffer(ulong Address, int Length)
{
    /// <summary>A part of it.</summary>
    /// <param name="offset">The first byte, from the start of this one.</param>
    /// <param name="length">Number of bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The part does not lie inside.</exception>
    public GuestBuffer Slice(int offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)offset, (uint)Length, nameof(offset));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)length, (uint)(Length - offset), nameof(length));
        return new GuestBuffer(Address + (ulong)offset, length);
    }

    internal ulong End => Address + (ulong)Length;
}
