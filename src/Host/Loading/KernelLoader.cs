// SPDX-License-Identifier: GPL-2.0-or-later
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Loading;

/// <summary>Loads a kernel of either format.</summary>
internal static class KernelLoader
{
    /// <returns>Where the guest starts, as a guest-physical address.</returns>
    public static uint Load(ImageFile file, GuestRam ram, ILogger logger)
    {
        Span<byte> start = stackalloc byte[4];
        var isElf = file.Read(0, start) == start.Length && start.SequenceEqual(ElfKernel.Magic);
        var entry = isElf ? ElfKernel.Load(file, ram, logger) : BzImageKernel.Load(file, ram, logger);
        if (entry >= ram.Length)
            throw file.Bad($"starts at 0x{entry:x}, outside the guest's memory (0 to 0x{ram.Length:x})");
        return entry;
    }
}
