// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator;

namespace LguestPlug.Host.CommandLine;

/// <summary>All that the command line says about a guest to launch.</summary>
internal sealed record LaunchRequest
{
    public required ulong MemoryBytes { get; init; }

    public required string Kernel { get; init; }

    /// <summary>The words after the kernel image, verbatim.</summary>
    public IReadOnlyList<string> GuestArguments { get; init; } = [];

    public string? Initrd { get; init; }

    /// <summary>The devices in bus order: as given, then the one that is always there.</summary>
    public IReadOnlyList<DeviceRequest> Devices { get; init; } = [ShortForms.AlwaysLast];

    public IReadOnlyList<string> PluginDirectories { get; init; } = [];

    public EngineChoice Engine { get; init; }

    /// <summary>How the embedded CPU executes.</summary>
    public CpuExecution Cpu { get; init; }

    /// <summary>Whether a guest that asks for it is started afresh.</summary>
    public bool Reboot { get; init; } = true;

    /// <summary>What becomes of the guest when a device cannot go on.</summary>
    public DeviceFaultPolicy OnDeviceFault { get; init; }

    /// <summary>Whether a core dump of the process holds the guest's memory.</summary>
    public bool DumpGuestCore { get; init; }

    /// <summary>The user to become before the guest runs.</summary>
    public string? UserName { get; init; }

    /// <summary>The directory to make the root directory before the guest runs.</summary>
    public string? ChangeRoot { get; init; }

    /// <summary>Whether rights and files that are needed no longer are given up before the guest runs.</summary>
    public SandboxPolicy Sandbox { get; init; }

    /// <summary>Whether the guest's words are templates over the machine's model.</summary>
    public bool TemplateArguments { get; init; }

    /// <summary>Whether the machine is only laid out and described, not run.</summary>
    public bool DryRun { get; init; }

    /// <summary>The file for guest memory as laid out; for a dry run.</summary>
    public string? Dump { get; init; }

    /// <summary>How a dry run describes the machine; null for a table.</summary>
    public string? Format { get; init; }

    public bool Verbose { get; init; }

    /// <summary>Whether and how the embedded CPU's statistics are told at the end of each boot.</summary>
    public StatisticsFormat Statistics { get; init; }

    /// <summary>Where executed instructions are written to; null for nowhere.</summary>
    public CpuTraceRequest? CpuTrace { get; init; }

    /// <summary>Where the devices' chains are written to; null for nowhere.</summary>
    public DeviceTraceRequest? DeviceTrace { get; init; }
}
