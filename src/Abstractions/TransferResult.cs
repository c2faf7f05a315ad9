// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace LguestPlug;

/// <summary>What came of moving bytes between guest memory and a file descriptor. Interrupted calls are repeated, never reported.</summary>
/// <param name="Bytes">The number of bytes moved, also when an error ended it; the chain's position moved by as many.</param>
/// <param name="Error">The Linux error number that ended it, or 0.</param>
public readonly record struct TransferResult(long Bytes, int Error)
{
    private const int Eagain = 11;
    private const int Epipe = 32;

    /// <summary>True unless an error ended it.</summary>
    public bool Succeeded => Error == 0;

    /// <summary>The descriptor is non-blocking and not ready (EAGAIN): wait through the queue and try again.</summary>
    public bool WouldBlock => Error == Eagain;

    /// <summary>Nobody will ever read what is written (EPIPE).</summary>
    public bool BrokenPipe => Error == Epipe;

    /// <summary>The system's text for <see cref="Error"/>: "Broken pipe".</summary>
    public string ErrorText => Marshal.GetPInvokeErrorMessage(Error);
}
