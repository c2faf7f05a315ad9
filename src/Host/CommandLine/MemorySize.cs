// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;

namespace LguestPlug.Host.CommandLine;

/// <summary>The size of the guest's RAM as written on the command line.</summary>
internal static class MemorySize
{
    private const ulong MiB = 1 << 20;

    /// <summary>
    /// A guest address has 32 bits, the top 4 MiB belong to lguest itself, and the device pages (1 MiB) lie between
    /// the RAM and those.
    /// </summary>
    public const ulong Largest = (4096 - 4 - 1) * MiB;

    /// <summary>Reads <c>64</c> or <c>64M</c> (megabytes) or <c>1G</c>; the answer is in bytes.</summary>
    public static ulong Parse(string text)
    {
        var (digits, unit) = text switch
        {
            [.. var head, 'M' or 'm'] => (head, MiB),
            [.. var head, 'G' or 'g'] => (head, 1024 * MiB),
            _ => (text, MiB),
        };
        if (digits.Length == 0 || !digits.All(char.IsAsciiDigit))
            throw new UsageException($"memory size '{text}' is not a number of megabytes (examples: 64, 64M, 1G)");
        // More digits than fit are simply too much memory.
        var fits = ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number <= Largest / unit;
        if (!fits)
            throw new UsageException($"memory size '{text}' is larger than a 32-bit guest can have ({Largest / MiB} megabytes)");
        if (number == 0)
            throw new UsageException($"memory size '{text}' leaves the guest no memory (examples: 64, 64M, 1G)");
        return number * unit;
    }
}
