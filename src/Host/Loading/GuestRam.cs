// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Loading;

/// <summary>
/// The guest's RAM as the loaders see it: every write is checked against its end, and no two parts of an image may
/// overlap. The one unsafe place of the loaders.
/// </summary>
internal sealed unsafe class GuestRam
{
    private const int PageSize = 4096;
    private readonly byte* _start;
    private readonly List<(ulong Start, ulong End, string What)> _claims = [];

    /// <param name="start">Host address of guest-physical address 0, aligned to a page.</param>
    /// <param name="length">Bytes of RAM, a multiple of the page size; device pages are not part of it.</param>
    public GuestRam(nint start, ulong length)
    {
        _start = (byte*)start;
        Length = length;
    }

    /// <summary>Bytes of RAM.</summary>
    public ulong Length { get; }

    /// <summary>Sets a range aside for one use; an image that does not fit, or hits another, says so with the sizes.</summary>
    public void Claim(ulong address, ulong length, string what)
    {
        var end = address + length;
        if (end < address || end > Length)
        {
            throw new HostException(
                $"{what} does not fit: it needs 0x{address:x} to 0x{end:x}, the guest's memory ends at 0x{Length:x} ({Megabytes(Length)})");
        }
        foreach (var other in _claims)
        {
            if (address < other.End && other.Start < end)
            {
                throw new HostException(
                    $"{what} (0x{address:x} to 0x{end:x}) overlaps {other.What} (0x{other.Start:x} to 0x{other.End:x}) in {Megabytes(Length)} of guest memory");
            }
        }
        if (length > 0)
            _claims.Add((address, end, what));
    }

    public void Write(ulong address, ReadOnlySpan<byte> bytes) => bytes.CopyTo(Slice(address, (ulong)bytes.Length));

    /// <summary>
    /// Puts part of a file at an address. It is read, never mapped: of a mapped file a page that cannot be read any more, since
    /// the file was cut off or its disk fails, would end the process and not the guest alone. Where both are aligned, whole pages
    /// are read: bytes of the file that follow the part in its last page are there too, as with the C launcher, which maps them.
    /// </summary>
    public void Place(ImageFile file, ulong offset, ulong address, ulong length)
    {
        Check(address, length);
        const int Chunk = 1 << 20;
        for (ulong done = 0; done < length;)
        {
            var part = (int)Math.Min(Chunk, length - done);
            file.ReadExactly(offset + done, Slice(address + done, (ulong)part));
            done += (ulong)part;
        }
        var rest = (PageSize - (length % PageSize)) % PageSize;
        if (length > 0 && address % PageSize == 0 && offset % PageSize == 0)
            _ = file.Read(offset + length, Slice(address + length, rest));
    }

    private Span<byte> Slice(ulong address, ulong length)
    {
        Check(address, length);
        return new Span<byte>(_start + address, checked((int)length));
    }

    private void Check(ulong address, ulong length)
    {
        if (address + length < address || address + length > Length)
            throw new ArgumentOutOfRangeException(nameof(address), $"0x{address:x} + 0x{length:x} is outside the guest's memory");
    }

    private static string Megabytes(ulong bytes) => $"{bytes >> 20} MB";
}
