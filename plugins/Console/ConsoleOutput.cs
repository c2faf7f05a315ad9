// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Shared;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;

namespace LguestPlug.Console;

/// <summary>Where the guest's output goes, in a form in which a reader that has stopped reading cannot hold the queue's thread.</summary>
/// <param name="Handle">What to write to.</param>
/// <param name="MayBlock">A write of more than <see cref="PipeAtomicSize"/> may block although there is room.</param>
internal sealed record ConsoleOutput(SafeHandle Handle, bool MayBlock) : IDisposable
{
    /// <summary>A pipe said to be writable takes this many bytes without blocking (PIPE_BUF).</summary>
    internal const int PipeAtomicSize = 4096;

    public void Dispose() => Handle.Dispose();

    /// <summary>
    /// Prepares a descriptor. O_NONBLOCK belongs to the open file, which we share with whoever started us, so it is never set
    /// on the descriptor itself: a pipe or terminal is opened a second time, for us alone.
    /// </summary>
    internal static ConsoleOutput From(SafeFileHandle descriptor)
    {
        int number = descriptor.Number();
        if (isatty(number) != 1 && lseek(number, 0, SEEK_CUR) != -1)
            return new ConsoleOutput(descriptor, MayBlock: false);

        SafeFileHandle? own = LinuxFile.TryOpen($"/proc/self/fd/{number}", O_WRONLY | O_NONBLOCK | O_NOCTTY, out _);
        return own is null ? new ConsoleOutput(descriptor, MayBlock: true) : new ConsoleOutput(own, MayBlock: false);
    }
}
