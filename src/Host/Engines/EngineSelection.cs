// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Inspection;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Host.Engines;

/// <summary>Turns the choice on the command line into an engine.</summary>
internal static class EngineSelection
{
    /// <param name="request">What the command line says.</param>
    /// <param name="kernelExists">Whether this machine's kernel has lguest.</param>
    /// <param name="trace">Where the embedded CPU's instructions are written to; null for nowhere.</param>
    public static (string Name, EngineFactory Create) Select(LaunchRequest request, bool kernelExists, CpuTraceFile? trace = null) => request.Engine switch
    {
        EngineChoice.Soft => Soft(request, trace),
        EngineChoice.Auto when !kernelExists => Soft(request, trace),
        _ when kernelExists && request.Statistics != StatisticsFormat.None => throw OnlyEmbedded("--stats"),
        _ when kernelExists && request.CpuTrace is not null => throw OnlyEmbedded("--trace-cpu"),
        _ when kernelExists => ("kernel", Kernel(NeedsFolder(request))),
        _ => throw new HostException($"--engine kernel: this machine has no {LguestDeviceFile.Path} (--engine soft needs none)"),
    };

    /// <summary>The devices that a reboot opens anew.</summary>
    public static IReadOnlyList<string> Reopened(LaunchRequest request, bool kernelExists) =>
        request.Engine == EngineChoice.Soft || !kernelExists || !request.Reboot ? [] : [LguestDeviceFile.Path, request.ChangeRoot + LguestDeviceFile.Path];

    /// <summary>
    /// An open directory outside the root directory is a way out of it, so it is kept only where nothing else will do: when the
    /// device must be found again, for a reboot, and the new root directory has none.
    /// </summary>
    internal static bool NeedsFolder(LaunchRequest request) =>
        request.Reboot && request.ChangeRoot is { } root && !LguestDeviceFile.ExistsIn(root);

    private static EngineFactory Kernel(bool needsFolder)
    {
        var folder = needsFolder ? new Lazy<SafeFileHandle>(() => LguestDeviceFile.OpenFolder()) : null;
        return (memory, limit, entry) => new KernelEngine(new LguestDeviceFile(folder?.Value), memory, limit, entry);
    }

    private static (string, EngineFactory) Soft(LaunchRequest request, CpuTraceFile? trace) =>
        ("soft", (memory, limit, entry) => new SoftEngine(memory, limit, entry, new LguestMachineOptions
        {
            Execution = request.Cpu,
            MeasureTimes = request.Statistics != StatisticsFormat.None,
            Trace = trace?.Open(),
        }));

    private static HostException OnlyEmbedded(string option) => new($"{option} is about the embedded CPU (--engine soft), not about {LguestDeviceFile.Path}");
}
