// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Emulator.Translation;

/// <summary>
/// Memory for generated code, mapped twice: writable here, executable there, so that no page is ever both (W^X). The kernel
/// commits pages as they are written.
/// </summary>
internal sealed unsafe partial class ExecutableMemory : IDisposable
{
    private const int ProtRead = 1, ProtWrite = 2, ProtExec = 4, MapShared = 1;
    private const uint CloseOnExec = 1;
    private const nint MapFailed = -1;

    private readonly nuint _length;

    private ExecutableMemory(byte* writable, byte* executable, nuint length)
    {
        Writable = writable;
        ToExecutable = (nint)(executable - writable);
        _length = length;
    }

    /// <summary>Where code is written.</summary>
    public byte* Writable { get; }

    /// <summary>Distance from where code is written to where it runs.</summary>
    public nint ToExecutable { get; }

    /// <summary>Maps <paramref name="length"/> bytes; null if this system does not let a process make code.</summary>
    public static ExecutableMemory? TryCreate(nuint length)
    {
        int file = CreateMemoryFile("lguest-code", CloseOnExec);
        if (file < 0)
        {
            return null;
        }

        try
        {
            if (Truncate(file, (long)length) != 0)
            {
                return null;
            }

            nint writable = Map(0, length, ProtRead | ProtWrite, MapShared, file, 0);
            if (writable == MapFailed)
            {
                return null;
            }

            nint executable = Map(0, length, ProtRead | ProtExec, MapShared, file, 0);
            if (executable == MapFailed)
            {
                _ = Unmap(writable, length);
                return null;
            }

            return new ExecutableMemory((byte*)writable, (byte*)executable, length);
        }
        finally
        {
            _ = Close(file);
        }
    }

    public void Dispose()
    {
        _ = Unmap((nint)(Writable + ToExecutable), _length);
        _ = Unmap((nint)Writable, _length);
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateMemoryFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate")]
    private static partial int Truncate(int file, long length);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, long offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
