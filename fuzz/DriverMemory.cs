// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Virtio;

namespace LguestPlug.Fuzz;

/// <summary>Guest memory as a driver writes it: what lies above the limit has a known content that must stay.</summary>
/// <param name="pages">All pages there are.</param>
/// <param name="limitPages">Those below the limit.</param>
internal sealed class DriverMemory(int pages, int limitPages) : IDisposable
{
    private const byte Untouched = 0xA5;

    /// <summary>The memory as devices see it.</summary>
    public GuestMemory Guest { get; } = GuestMemory.Allocate((ulong)pages * GuestMemory.PageSize, 0);

    /// <summary>Bytes below the limit.</summary>
    public int Length => limitPages * GuestMemory.PageSize;

    /// <summary>All of them.</summary>
    public Span<byte> Bytes => Guest.Slice(0, Length);

    /// <summary>Makes everything zero.</summary>
    public void Clear()
    {
        Guest.Limit = Guest.Size;
        Guest.Slice(0, Length).Clear();
        Beyond.Fill(Untouched);
        Guest.Limit = (ulong)Length;
    }

    /// <exception cref="FuzzDefectException">A byte above the limit has changed.</exception>
    public void CheckBeyond()
    {
        Guest.Limit = Guest.Size;
        if (Beyond.ContainsAnyExcept(Untouched))
            throw new FuzzDefectException("a byte above the limit was written");
    }

    public void SetDescriptor(int at, ulong address, uint length, ushort flags, ushort next)
    {
        Span<byte> bytes = Bytes[at..];
        BitConverter.TryWriteBytes(bytes, address);
        BitConverter.TryWriteBytes(bytes[8..], length);
        BitConverter.TryWriteBytes(bytes[12..], flags);
        BitConverter.TryWriteBytes(bytes[14..], next);
    }

    public void Dispose() => Guest.Dispose();

    private Span<byte> Beyond => Guest.Slice((ulong)Length, (int)Guest.Size - Length);
}
