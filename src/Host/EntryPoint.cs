// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace LguestPlug.Host;

/// <summary>
/// The first code of ours, which says so when too few files may be open for the rest, or too little mapped: .NET keeps two
/// descriptors for every assembly, and whatever first finds none left would fail in a way of its own. So this uses nothing that
/// has to be loaded.
/// </summary>
internal static unsafe partial class EntryPoint
{
    /// <summary>Enough for the assemblies of a launch, confined or not, and for all devices a machine can have.</summary>
    private const ulong FilesNeeded = 768;

    /// <summary>Megabytes of addresses, without the guest's memory: the heap's share and everybody's stacks.</summary>
    private const ulong AddressesNeeded = 2048;

    private const int OpenFiles = 7; // RLIMIT_NOFILE
    private const int Addresses = 9; // RLIMIT_AS
    private const int StandardError = 2;

    private static int Main(string[] args)
    {
        // The runtime has raised the limit as far as it goes.
        ulong* limits = stackalloc ulong[2];
        if (GetLimit(OpenFiles, limits) == 0 && limits[0] < FilesNeeded)
            Refuse(limits[0], " files may be open here (ulimit -n)", FilesNeeded);
        if (GetLimit(Addresses, limits) == 0 && limits[0] >> 20 < AddressesNeeded)
            Refuse(limits[0] >> 20, " MB may be mapped here (ulimit -v)", AddressesNeeded);
        return Run(args);
    }

    private static void Refuse(ulong limit, string what, ulong needed)
    {
        var line = Encoding.ASCII.GetBytes("lguest: only " + limit.ToString(null, null) + what + ", and lguest needs " + needed.ToString(null, null) + "\n");
        fixed (byte* start = line)
            _ = Write(StandardError, start, (nuint)line.Length);
        // An orderly end would need what there is not.
        End(1);
    }

    // Not inlined, or what it refers to would be loaded for the above.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Run(string[] args) => Program.Run(args);

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, ulong* limits);

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void End(int exitCode);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(int descriptor, byte* bytes, nuint count);
}
