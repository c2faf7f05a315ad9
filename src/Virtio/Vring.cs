// SPDX-License-Identifier: GPL-2.0-or-later
using System.Numerics;
using System.Runtime.CompilerServices;

namespace LguestPlug.Virtio;

/// <summary>
/// Where the parts of a split ring lie in guest memory (legacy layout: virtio 0.9.5, section 2.3; virtio 1.2, section 2.7.2):
/// descriptor table, available ring, and, on the next boundary of <see cref="Alignment"/>, used ring.
/// </summary>
public sealed unsafe class Vring
{
    /// <summary>The legacy alignment of the used ring, in bytes.</summary>
    public const int Alignment = 4096;

    /// <summary>The bytes of one descriptor: address (8), length (4), flags (2), next (2), little-endian.</summary>
    public const int DescriptorSize = 16;

    /// <summary>The largest number of entries.</summary>
    public const int MaximumSize = 32768;

    private readonly GuestMemory _memory;

    /// <summary>A ring at an address of guest memory.</summary>
    /// <param name="memory">The memory; must outlive the ring.</param>
    /// <param name="address">Guest-physical address, a multiple of <see cref="Alignment"/>.</param>
    /// <param name="size">Number of entries: a power of two, at most <see cref="MaximumSize"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The ring is misaligned, ill-sized, or not all below the memory's limit.</exception>
    public Vring(GuestMemory memory, ulong address, int size)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentOutOfRangeException.ThrowIfNotEqual(address % Alignment, 0ul, nameof(address));
        long bytes = ByteSize(size);
        if (!memory.TryGetPointer(address, (ulong)bytes, out nint pointer))
            throw new ArgumentOutOfRangeException(nameof(address), $"a ring of {bytes} bytes at 0x{address:x} does not lie below 0x{memory.Limit:x}");

        _memory = memory;
        Address = address;
        Size = size;
        Descriptors = (byte*)pointer;
        Available = (ushort*)(Descriptors + (DescriptorSize * size));
        Used = (ushort*)(Descriptors + UsedOffset(size));
    }

    /// <summary>Guest-physical address of the descriptor table.</summary>
    public ulong Address { get; }

    /// <summary>Number of entries.</summary>
    public int Size { get; }

    internal byte* Descriptors { get; }

    /// <summary>Gets the available ring: flags, index, then <see cref="Size"/> heads.</summary>
    internal ushort* Available { get; }

    /// <summary>Gets the used ring: flags, index, then <see cref="Size"/> pairs of 32-bit id and length.</summary>
    internal ushort* Used { get; }

    /// <summary>The bytes a ring of <paramref name="size"/> entries takes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Not a power of two, or too many.</exception>
    public static int ByteSize(int size)
    {
        if (size is < 1 or > MaximumSize || !BitOperations.IsPow2(size))
            throw new ArgumentOutOfRangeException(nameof(size), $"a ring has a power of two of entries, at most {MaximumSize}; not {size}");

        return UsedOffset(size) + (3 * sizeof(ushort)) + (8 * size);
    }

    /// <summary>The pages of 4096 bytes a ring of <paramref name="size"/> entries takes.</summary>
    public static int PageCount(int size) => (ByteSize(size) + GuestMemory.PageSize - 1) / GuestMemory.PageSize;

    /// <summary>Makes the whole ring zero. The queue must not be running.</summary>
    public void Clear()
    {
        if (_memory.TryGetPointer(Address, (ulong)ByteSize(Size), out nint pointer))
            Unsafe.InitBlockUnaligned((void*)pointer, 0, (uint)ByteSize(Size));
    }

    private static int UsedOffset(int size)
    {
        // The three words beside the heads are flags, index and used_event, which is laid out even when not negotiated.
        int end = (DescriptorSize * size) + (sizeof(ushort) * (3 + size));
        return (end + Alignment - 1) / Alignment * Alignment;
    }
}

/// <summary>Flags of a descriptor (virtio 1.2, section 2.7.5).</summary>
[Flags]
public enum DescriptorFlags : ushort
{
    /// <summary>The chain ends here and the device reads.</summary>
    None = 0,

    /// <summary>The chain goes on with the descriptor named by the next field.</summary>
    Next = 1,

    /// <summary>The device writes; without it, it reads.</summary>
    Write = 2,

    /// <summary>The buffer holds a table of descriptors.</summary>
    Indirect = 4,
}

/// <summary>Bits of a device's status (virtio 1.2, section 2.1, and virtio 0.9.5, section 2.2.2.1).</summary>
[Flags]
public enum DeviceStatus : byte
{
    /// <summary>Reset.</summary>
    None = 0,

    /// <summary>The guest has noticed the device.</summary>
    Acknowledge = 1,

    /// <summary>The guest has a driver for it.</summary>
    Driver = 2,

    /// <summary>The driver is ready.</summary>
    DriverOk = 4,

    /// <summary>The guest has given up on it.</summary>
    Failed = 0x80,
}
