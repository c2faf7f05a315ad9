// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Virtio;

/// <summary>The scatter-gather calls that Tmds.LibC does not have. IoVector is C's struct iovec; off_t is 64 bits.</summary>
internal static unsafe partial class NativeMethods
{
    [LibraryImport("libc", EntryPoint = "readv", SetLastError = true)]
    internal static partial nint ReadVector(int descriptor, IoVector* pieces, int count);

    [LibraryImport("libc", EntryPoint = "writev", SetLastError = true)]
    internal static partial nint WriteVector(int descriptor, IoVector* pieces, int count);

    [LibraryImport("libc", EntryPoint = "preadv64", SetLastError = true)]
    internal static partial nint ReadVectorAt(int descriptor, IoVector* pieces, int count, long offset);

    [LibraryImport("libc", EntryPoint = "pwritev64", SetLastError = true)]
    internal static partial nint WriteVectorAt(int descriptor, IoVector* pieces, int count, long offset);
}
