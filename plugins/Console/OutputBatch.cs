// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Console;

/// <summary>
/// What the guest has printed, in however many pieces, written with one call: for small pieces the call costs more than the
/// bytes. A chain is handed back only when all of it is written, so a guest that hears of it may rely on it.
/// </summary>
/// <param name="size">The most bytes in a call.</param>
internal sealed partial class OutputBatch(int size)
{
    private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(size, pinned: true);
    private readonly List<DescriptorChain> _chains = [];
    private int _written;
    private int _end;

    /// <summary>All of its bytes.</summary>
    internal ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _end);

    internal bool IsFull => _end == _bytes.Length;

    internal bool IsWritten => _written == _end;

    /// <summary>Takes as many of the chain's bytes as there is room for; what is left goes into the next batch.</summary>
    /// <returns>True if that was all of it.</returns>
    internal bool Add(DescriptorChain chain)
    {
        _end += chain.Readable.Read(_bytes.AsSpan(_end));
        if (chain.Readable.Length > 0)
            return false;

        _chains.Add(chain);
        return true;
    }

    /// <summary>Writes some of what is left.</summary>
    internal TransferResult WriteTo(SafeHandle output)
    {
        while (true)
        {
            nint count = write(output, ref _bytes[_written], (nuint)(_end - _written));
            if (count >= 0)
            {
                _written += (int)count;
                return new TransferResult(count, 0);
            }

            int error = Marshal.GetLastPInvokeError();
            if (error != Tmds.Linux.LibC.EINTR)
                return new TransferResult(0, error);
        }
    }

    /// <summary>Hands back the chains it holds all of, and is empty again.</summary>
    internal void Complete()
    {
        foreach (DescriptorChain chain in _chains)
            chain.Complete(0);

        Clear();
    }

    /// <summary>Forgets everything, for a device that starts afresh.</summary>
    internal void Clear()
    {
        _chains.Clear();
        _written = _end = 0;
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(SafeHandle output, ref byte bytes, nuint count);
}
