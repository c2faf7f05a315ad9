// SPDX-License-Identifier: GPL-2.0-or-later
using Tmds.Linux;

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
    /// Puts part of a file at an address: mapped privately where both are aligned, so that untouched pages are shared
    /// between guests, else read. A mapping covers whole pages: bytes of the file that follow the part in its last page
    /// are there too, as with the C launcher.
    /// </summary>
    public void Place(ImageFile file, ulong offset, ulong address, ulong length)
    {
        Check(address, length);
        if (length == 0 || TryMap(file, offset, address, length))
            return;
        const int Chunk = 1 << 20;
        for (ulong done = 0; done < length;)
        {
            var part = (int)Math.Min(Chunk, length - done);
            file.ReadExactly(offset + done, Slice(address + done, (ulong)part));
            done += (ulong)part;
        }
    }

    private bool TryMap(ImageFile file, ulong offset, ulong address, ulong length)
    {
        if (address % PageSize != 0 || offset % PageSize != 0)
            return false;
        var pinned = false;
        try
        {
            file.Handle.DangerousAddRef(ref pinned);
            // Writable even where the image says read-only: a kernel patches its own instructions.
            var mapped = LibC.mmap(
                _start + address, (size_t)length, LibC.PROT_READ | LibC.PROT_WRITE, LibC.MAP_FIXED | LibC.MAP_PRIVATE,
                (int)file.Handle.DangerousGetHandle(), (off_t)(long)offset);
            return mapped == _start + address;
        }
        finally
        {
            if (pinned)
                file.Handle.DangerousRelease();
        }
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
