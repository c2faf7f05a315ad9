// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Virtio;

/// <summary>
/// readv, writev, preadv and pwritev by their numbers. The C library's functions of these names are cancellation points:
/// in a process of several threads each call pays two atomic operations more for a cancellation nobody here asks for, a
/// quarter of what a short call costs.
/// </summary>
internal static unsafe partial class VectorCalls
{
    // The tables of x86-64, and of all 64-bit machines Linux came to later.
    private static readonly bool s_isX64 = RuntimeInformation.ProcessArchitecture == Architecture.X64;
    private static readonly bool s_isLater =
        RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.RiscV64 or Architecture.LoongArch64;

    private static readonly nint s_read = s_isX64 ? 19 : 65;
    private static readonly nint s_write = s_isX64 ? 20 : 66;
    private static readonly nint s_readAt = s_isX64 ? 295 : 69;
    private static readonly nint s_writeAt = s_isX64 ? 296 : 70;

    private static bool IsNumberKnown => s_isX64 || s_isLater;

    internal static nint Read(int descriptor, IoVector* pieces, int count) =>
        IsNumberKnown ? syscall(s_read, descriptor, pieces, count, 0, 0) : readv(descriptor, pieces, count);

    internal static nint Write(int descriptor, IoVector* pieces, int count) =>
        IsNumberKnown ? syscall(s_write, descriptor, pieces, count, 0, 0) : writev(descriptor, pieces, count);

    internal static nint ReadAt(int descriptor, IoVector* pieces, int count, long offset) =>
        IsNumberKnown ? syscall(s_readAt, descriptor, pieces, count, (nint)offset, 0) : preadv64(descriptor, pieces, count, offset);

    internal static nint WriteAt(int descriptor, IoVector* pieces, int count, long offset) =>
        IsNumberKnown ? syscall(s_writeAt, descriptor, pieces, count, (nint)offset, 0) : pwritev64(descriptor, pieces, count, offset);

    /// <summary>The last word is the upper half of an offset where words have 32 bits.</summary>
    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint descriptor, IoVector* pieces, nint count, nint offset, nint unused);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint readv(int descriptor, IoVector* pieces, int count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint writev(int descriptor, IoVector* pieces, int count);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint preadv64(int descriptor, IoVector* pieces, int count, long offset);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint pwritev64(int descriptor, IoVector* pieces, int count, long offset);
}
