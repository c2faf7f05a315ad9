// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using static Tmds.Linux.LibC;

namespace LguestPlug.Virtio;

/// <summary>
/// The guest's physical memory: one zeroed private mapping, guest-physical address 0 at <see cref="BaseAddress"/>, with an
/// inaccessible page on either side so that a stray access of ours ends in a fault instead of in other data.
/// </summary>
/// <remarks>
/// Any thread may use it. The guest and the devices change the same bytes at the same time: read a value once, check the copy.
/// Dispose only when no device, engine or queue uses it any more.
/// </remarks>
public sealed unsafe class GuestMemory : IDisposable
{
    /// <summary>The guest's page size in bytes, whatever the host's is.</summary>
    public const int PageSize = 4096;

    private readonly byte* _base;
    private readonly byte* _mapping;
    private readonly nuint _mappingSize;
    private readonly bool _dumpable;
    private ulong _limit;
    private bool _disposed;

    private GuestMemory(byte* mapping, nuint mappingSize, nuint guard, ulong ramSize, ulong size, bool dumpable)
    {
        _dumpable = dumpable;
        _mapping = mapping;
        _mappingSize = mappingSize;
        _base = mapping + guard;
        RamSize = ramSize;
        Size = size;
        _limit = size;
    }

    /// <summary>The host address of guest-physical address 0.</summary>
    public nint BaseAddress => (nint)_base;

    /// <summary>The bytes of RAM the guest is told of.</summary>
    public ulong RamSize { get; }

    /// <summary>All bytes mapped: RAM and the device pages right above it.</summary>
    public ulong Size { get; }

    /// <summary>
    /// The guest-physical address below which every access must end. Starts as <see cref="Size"/>; a bus lowers it to the end of
    /// the device pages it has really given out.
    /// </summary>
    public ulong Limit
    {
        get => _limit;
        set
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, Size);
            _limit = value;
        }
    }

    /// <summary>
    /// Called on a queue's thread before a chain is returned, with the guest-physical address and length in bytes of each piece
    /// the device may have written, then of the entry of the used ring. For engines that keep decoded instructions; must be quick
    /// and must not throw.
    /// </summary>
    public Action<uint, uint>? DeviceWrote { get; set; }

    /// <summary>Maps the memory of a guest.</summary>
    /// <param name="ramBytes">Bytes of RAM, a multiple of <see cref="PageSize"/>.</param>
    /// <param name="devicePages">Pages of <see cref="PageSize"/> bytes above RAM, for device descriptors and rings.</param>
    /// <param name="dumpable">Whether a core dump of the process holds the memory: a guest's secrets are in it, and it is large.</param>
    /// <exception cref="ArgumentOutOfRangeException">RAM is not whole pages, or nothing would be mapped.</exception>
    /// <exception cref="InsufficientMemoryException">The host has not that much to give.</exception>
    public static GuestMemory Allocate(ulong ramBytes, int devicePages, bool dumpable = false)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(ramBytes % PageSize, 0ul, nameof(ramBytes));
        ArgumentOutOfRangeException.ThrowIfNegative(devicePages);
        ulong size = checked(ramBytes + ((ulong)devicePages * PageSize));
        ArgumentOutOfRangeException.ThrowIfZero(size, nameof(ramBytes));

        // On hosts with pages larger than the guest's, the end of the mapping is rounded up, and the guard follows that.
        nuint guard = (nuint)Environment.SystemPageSize;
        nuint inner = checked((nuint)(size + guard - 1) / guard * guard);
        nuint total = checked(inner + (2 * guard));
        void* mapping = NativeMethods.Map(null, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapping == MAP_FAILED)
            throw new InsufficientMemoryException($"cannot map {size} bytes of guest memory: {NativeMethods.LastErrorText}");

        if (NativeMethods.Protect((byte*)mapping + guard, inner, PROT_READ | PROT_WRITE) != 0)
        {
            string reason = NativeMethods.LastErrorText;
            _ = NativeMethods.Unmap(mapping, total);
            throw new InsufficientMemoryException($"cannot map {size} bytes of guest memory: {reason}");
        }

        Advise((byte*)mapping + guard, inner, dumpable);
        return new GuestMemory((byte*)mapping, total, guard, ramBytes, size, dumpable);
    }

    /// <summary>
    /// Makes all of it zero again, as if freshly mapped, at the same host address. Files mapped over parts of it are gone, and
    /// <see cref="Limit"/> is <see cref="Size"/> again.
    /// </summary>
    public void Clear()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        nuint guard = (nuint)Environment.SystemPageSize;
        void* mapping = NativeMethods.Map(_base, _mappingSize - (2 * guard), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (mapping == MAP_FAILED)
            throw new InsufficientMemoryException($"cannot map {Size} bytes of guest memory: {NativeMethods.LastErrorText}");

        Advise(_base, _mappingSize - (2 * guard), _dumpable);
        _limit = Size;
    }

    /// <summary>Turns a guest-physical range into a host address.</summary>
    /// <param name="address">Guest-physical address of the first byte.</param>
    /// <param name="length">Number of bytes; may be 0.</param>
    /// <param name="pointer">The host address, or 0.</param>
    /// <returns>False when the range does not lie below <see cref="Limit"/>, or wraps around.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryGetPointer(ulong address, ulong length, out nint pointer)
    {
        ulong limit = _limit;
        if (address > limit || length > limit - address)
        {
            pointer = 0;
            return false;
        }

        pointer = (nint)(_base + address);
        return true;
    }

    /// <summary>A view of a guest-physical range. Must not be used after <see cref="Dispose"/>.</summary>
    /// <param name="address">Guest-physical address of the first byte.</param>
    /// <param name="length">Number of bytes.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range does not lie below <see cref="Limit"/>.</exception>
    public Span<byte> Slice(ulong address, int length)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (!TryGetPointer(address, (ulong)length, out nint pointer))
            throw new ArgumentOutOfRangeException(nameof(address), $"{length} bytes at 0x{address:x} do not lie below 0x{_limit:x}");

        return new Span<byte>((void*)pointer, length);
    }

    /// <summary>Releases the mapping. There is no finalizer: an engine holds the bare address, and a leak is better than a crash.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;

        _disposed = true;
        _limit = 0;
        _ = NativeMethods.Unmap(_mapping, _mappingSize);
    }

    /// <summary>Guest memory is used all over: in huge pages it costs fewer walks of the host's page tables.</summary>
    private static void Advise(byte* start, nuint length, bool dumpable)
    {
        _ = NativeMethods.Advise(start, length, MADV_HUGEPAGE);
        if (!dumpable)
            _ = NativeMethods.Advise(start, length, MADV_DONTDUMP);
    }
}
