// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace LguestPlug.Shared;

/// <summary>Opening files by the system's own call: .NET's adds a lock and refuses what is not a regular file.</summary>
internal static unsafe class LinuxFile
{
    /// <summary>Opens a file; it is closed in child processes.</summary>
    /// <param name="path">The path.</param>
    /// <param name="flags">O_ flags.</param>
    /// <param name="error">The error number, or 0.</param>
    /// <returns>The descriptor, or null.</returns>
    internal static SafeFileHandle? TryOpen(string path, int flags, out int error)
    {
        byte[] name = Encoding.UTF8.GetBytes(path + '\0');
        fixed (byte* start = name)
        {
            while (true)
            {
                int descriptor = LibC.open(start, flags | LibC.O_CLOEXEC, default(mode_t));
                error = descriptor < 0 ? LibC.errno : 0;
                if (descriptor >= 0)
                    return new SafeFileHandle(descriptor, ownsHandle: true);

                if (error != LibC.EINTR)
                    return null;
            }
        }
    }

    /// <summary>The descriptor's number, for calls that take one while the handle is known to be open.</summary>
    internal static int Number(this SafeHandle handle) => (int)handle.DangerousGetHandle();

    /// <summary>The system's text for an error number.</summary>
    internal static string TextOf(int error) => Marshal.GetPInvokeErrorMessage(error);
}
