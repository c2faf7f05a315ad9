// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using Tmds.Linux;

namespace LguestPlug.Fuzz;

/// <summary>Looks whether a descriptor is ready.</summary>
internal static unsafe class Poll
{
    public static readonly short Readable = LibC.POLLIN, Writable = LibC.POLLOUT;

    public static bool IsReady(SafeHandle descriptor, short events)
    {
        pollfd poll = new() { fd = (int)descriptor.DangerousGetHandle(), events = events };
        return LibC.poll(&poll, 1, 0) > 0;
    }
}
