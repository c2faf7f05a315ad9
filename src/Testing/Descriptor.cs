// SPDX-License-Identifier: MIT
namespace LguestPlug.Testing;

/// <summary>One descriptor as it lies in a table (virtio 1.2, section 2.7.5), right or wrong.</summary>
/// <param name="Address">Guest-physical address of the buffer.</param>
/// <param name="Length">Bytes in the buffer.</param>
/// <param name="Flags">Any of <see cref="HasNext"/>, <see cref="Write"/> and <see cref="Indirect"/>.</param>
/// <param name="Next">The index of the next descriptor, with <see cref="HasNext"/>.</param>
public readonly record struct Descriptor(ulong Address, uint Length, ushort Flags = 0, ushort Next = 0)
{
    /// <summary>The chain goes on with the descriptor <see cref="Next"/>.</summary>
    public const ushort HasNext = 1;

    /// <summary>The device writes; without it, it reads.</summary>
    public const ushort Write = 2;

    /// <summary>The buffer holds a table of descriptors.</summary>
    public const ushort Indirect = 4;

    /// <summary>The bytes of a descriptor in a table.</summary>
    public const int Size = 16;
}
