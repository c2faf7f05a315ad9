// SPDX-License-Identifier: GPL-2.0-or-later
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Loading;

/// <summary>Where the initrd lies in guest memory.</summary>
/// <param name="Address">Its first byte, aligned to a page.</param>
/// <param name="Size">Its size, rounded up to whole pages.</param>
internal readonly record struct InitialRamDisk(uint Address, uint Size)
{
    private const ulong PageSize = 4096;

    /// <summary>Puts the file at the very top of the guest's RAM.</summary>
    public static InitialRamDisk Load(ImageFile file, GuestRam ram, ILogger logger)
    {
        var length = file.Length;
        if (length > ram.Length)
            throw file.Bad($"does not fit: it has {length} bytes, the guest's memory {ram.Length} ({ram.Length >> 20} MB)");
        var size = (length + PageSize - 1) & ~(PageSize - 1);
        var address = ram.Length - size;
        ram.Claim(address, size, $"initrd '{file.Path}'");
        ram.Place(file, 0, address, length);
        logger.LogInformation("mapped initrd {Path} size={Size} @ 0x{Address:x}", file.Path, size, address);
        return new((uint)address, (uint)size);
    }
}
