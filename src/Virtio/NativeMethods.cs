// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using Tmds.Linux;

namespace LguestPlug.Virtio;

/// <summary>
/// The system calls that memory and queues need. They are declared here because their error numbers must be saved in the
/// same breath: anything the runtime does in between may overwrite them. IoVector is C's struct iovec; off_t is 64 bits.
/// </summary>
internal static unsafe partial class NativeMethods
{
    /// <summary>The error number of the last failed call here that can fail, on this thread.</summary>
    internal static int LastError => Marshal.GetLastPInvokeError();

    /// <summary>The system's text for <see cref="LastError"/>.</summary>
    internal static string LastErrorText => Marshal.GetPInvokeErrorMessage(LastError);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    internal static partial int NewEventDescriptor(uint count, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    internal static partial nint Read(int descriptor, void* bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    internal static partial nint Write(int descriptor, void* bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    internal static partial int Poll(pollfd* waits, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "mmap64", SetLastError = true)]
    internal static partial void* Map(void* address, nuint size, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    internal static partial int Protect(void* address, nuint size, int protection);

    [LibraryImport("libc", EntryPoint = "madvise")]
    internal static partial int Advise(void* address, nuint size, int advice);

    [LibraryImport("libc", EntryPoint = "munmap")]
    internal static partial int Unmap(void* address, nuint size);
}
