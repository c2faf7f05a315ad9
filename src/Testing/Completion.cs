// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace LguestPlug.Testing;

/// <summary>A chain the device has handed back, with a copy of what it wrote.</summary>
public sealed class Completion
{
    internal Completion(Chain chain, int head, uint length, byte[] writable)
    {
        Chain = chain;
        Head = head;
        Length = length;
        Writable = writable;
    }

    /// <summary>The chain as it was submitted.</summary>
    public Chain Chain { get; }

    /// <summary>The index of its first descriptor in the ring.</summary>
    public int Head { get; }

    /// <summary>The used length: the bytes the device says it wrote, from the first writable one on.</summary>
    public uint Length { get; }

    /// <summary>The bytes the device says it wrote: the first <see cref="Length"/> of <see cref="Writable"/>.</summary>
    public byte[] Written => Writable[..(int)Length];

    /// <summary>All writable bytes, whatever their segments; what the device left alone is as it was before.</summary>
    public byte[] Writable { get; }

    /// <summary>Reads a structure out of <see cref="Writable"/>.</summary>
    /// <typeparam name="T">A structure laid out as in the specification, without padding of its own.</typeparam>
    /// <param name="offset">Its first byte.</param>
    /// <exception cref="ArgumentOutOfRangeException">The structure does not lie inside.</exception>
    public T Read<T>(int offset = 0)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)offset, (uint)Math.Max(Writable.Length - Unsafe.SizeOf<T>(), -1), nameof(offset));
        return MemoryMarshal.Read<T>(Writable.AsSpan(offset));
    }
}
