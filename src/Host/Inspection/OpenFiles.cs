// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace LguestPlug.Host.Inspection;

/// <summary>Finds out whether this process has a file open a second time, under whatever name and by whichever plugin.</summary>
internal static unsafe class OpenFiles
{
    private const string Descriptors = "/proc/self/fd";
    private const int StandardOutput = 1;
    private const int StandardError = 2;

    /// <summary>Whether another descriptor leads to the same regular file or block device. What we print into does not count.</summary>
    public static bool IsOpenElsewhere(SafeFileHandle file)
    {
        var own = (int)file.DangerousGetHandle();
        // Without /proc there is no list; what .NET opened is still protected by its own locks.
        if (Identity(own) is not { } identity || identity == Identity(StandardOutput) || identity == Identity(StandardError) || !Directory.Exists(Descriptors))
            return false;
        return Directory.EnumerateFileSystemEntries(Descriptors)
            .Select(entry => int.Parse(Path.GetFileName(entry), CultureInfo.InvariantCulture))
            .Any(descriptor => descriptor != own && Identity(descriptor) == identity);
    }

    private static (ulong Device, ulong Number)? Identity(int descriptor)
    {
        stat status;
        if (LibC.fstat(descriptor, &status) != 0)
            return null;
        var kind = status.st_mode & LibC.S_IFMT;
        if (kind == LibC.S_IFBLK)
            return (0, (ulong)status.st_rdev);
        return kind == LibC.S_IFREG ? ((ulong)status.st_dev, (ulong)status.st_ino) : null;
    }
}
