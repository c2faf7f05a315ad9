// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Host.Engines;

namespace LguestPlug.Bench.Throughput;

/// <summary>
/// The stand-in for <c>/dev/lguest</c>: plays the kernel, and a guest whose driver works through the operations in the
/// environment's <c>GD_BENCH</c>. It keeps its state in the library, so there is one in a process.
/// </summary>
internal sealed unsafe partial class GuestDriver : ILguestDevice
{
    private const string Library = "guestdrv";

    static GuestDriver() =>
        NativeLibrary.SetDllImportResolver(typeof(GuestDriver).Assembly, (name, _, _) => name == Library ? NativeLibrary.Load(LibraryPath) : 0);

    public GuestDriver(string libraryPath)
    {
        LibraryPath = libraryPath;
        if (fh_open() < 0)
            throw new IOException($"{libraryPath}: cannot open the guest: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");
    }

    private static string LibraryPath { get; set; } = "";

    public nint Write(ReadOnlySpan<nint> words)
    {
        fixed (nint* start = words)
            return ResultOf(fh_write(start, (nuint)(words.Length * sizeof(nint))));
    }

    public nint Read(Span<byte> buffer)
    {
        fixed (byte* start = buffer)
            return ResultOf(fh_pread(start, (nuint)buffer.Length, 0));
    }

    public void Dispose()
    {
    }

    private static nint ResultOf(nint result) => result < 0 ? -Marshal.GetLastPInvokeError() : result;

    [LibraryImport(Library, SetLastError = true)]
    private static partial int fh_open();

    [LibraryImport(Library, SetLastError = true)]
    private static partial nint fh_write(nint* words, nuint count);

    [LibraryImport(Library, SetLastError = true)]
    private static partial nint fh_pread(void* buffer, nuint count, nint offset);
}
