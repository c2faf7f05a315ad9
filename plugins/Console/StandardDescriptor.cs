// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Shared;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;

namespace LguestPlug.Console;

/// <summary>
/// Standard input and output, if whoever started us gave us any. When a process starts with one closed, the runtime's next
/// file gets its number, and reading or writing that would break the runtime.
/// </summary>
internal static class StandardDescriptor
{
    internal const int Input = 0;
    internal const int Output = 1;

    /// <summary>The descriptor, which is never closed; or <c>/dev/null</c>.</summary>
    internal static SafeFileHandle Open(int number)
    {
        if (IsInherited(number))
            return new SafeFileHandle(number, ownsHandle: false);

        return LinuxFile.TryOpen("/dev/null", O_RDWR, out int error)
            ?? throw new DeviceSetupException($"standard {(number == Input ? "input" : "output")} is closed, and /dev/null: {LinuxFile.TextOf(error)}");
    }

    /// <summary>What came through execve is not close-on-exec; what the runtime opens always is.</summary>
    private static bool IsInherited(int number)
    {
        int flags = fcntl(number, F_GETFD);
        return flags >= 0 && (flags & FD_CLOEXEC) == 0;
    }
}
