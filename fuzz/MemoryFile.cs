// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Fuzz;

/// <summary>A real file, but one that is in memory alone and is gone with the process.</summary>
internal sealed partial class MemoryFile : IDisposable
{
    private const uint CloseOnExec = 1;

    private readonly SafeFileHandle _handle;

    public MemoryFile(string name)
    {
        _handle = new SafeFileHandle(memfd_create(name, CloseOnExec), ownsHandle: true);
        if (_handle.IsInvalid)
            throw new IOException($"cannot create a file in memory: error {Marshal.GetLastPInvokeError()}");
    }

    /// <summary>A name by which it can be opened once more.</summary>
    public string Path => $"/proc/self/fd/{_handle.DangerousGetHandle()}";

    public long Length => RandomAccess.GetLength(_handle);

    /// <summary>All that is in it.</summary>
    public ReadOnlySpan<byte> Content
    {
        set
        {
            RandomAccess.SetLength(_handle, 0);
            RandomAccess.Write(_handle, value, 0);
        }
    }

    public void Dispose() => _handle.Dispose();

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);
}
