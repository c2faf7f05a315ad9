// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;

namespace LguestPlug.Bench.Cpu;

/// <summary>Something that runs the workloads.</summary>
/// <param name="Name">Its column's heading.</param>
/// <param name="Missing">What it lacks here, or null.</param>
/// <param name="Start">The process to start for these words of the guest's command line.</param>
internal sealed record Machine(string Name, string? Missing, Func<IReadOnlyList<string>, ProcessStartInfo> Start)
{
    /// <summary>Megabytes of memory in every guest.</summary>
    private const string Memory = "64";

    /// <summary>Names the folder of the npm package v86.</summary>
    public const string V86Variable = "LGUEST_BENCH_V86";

    public const string QemuCommand = "qemu-system-i386";

    public static bool HasQemu => OnPath(QemuCommand);

    /// <summary>Our own launcher with these options of the user's.</summary>
    public static Machine Lguest(string image, IReadOnlyList<string> options) => new(
        "lguest",
        null,
        words => new(Repository.Launcher, [.. options, Memory, image, .. words]));

    /// <summary>No emulation at all.</summary>
    public static Machine Native(string image) => new("native", null, words => new(image, words));

    /// <summary>The PC kernel under QEMU's translator.</summary>
    public static Machine Qemu(string image) => new(
        "QEMU",
        HasQemu ? null : $"{QemuCommand} is missing (Debian: qemu-system-x86)",
        words => new(QemuCommand,
        [
            "-accel", "tcg", "-m", Memory, "-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot",
            "-device", "isa-debug-exit,iobase=0x501,iosize=2", "-kernel", image, "-append", string.Join(' ', words),
        ]));

    /// <summary>The PC kernel under v86 in node.</summary>
    public static Machine V86(string image)
    {
        var package = Environment.GetEnvironmentVariable(V86Variable);
        var missing = string.IsNullOrEmpty(package) ? $"{V86Variable} does not name the folder of the npm package v86"
            : !File.Exists(Path.Combine(package, "build", "libv86.mjs")) ? $"{V86Variable}={package} has no build/libv86.mjs"
            : !OnPath("node") ? "node is missing"
            : null;
        return new("v86", missing, words => new("node", [Path.Combine(Repository.Root, "bench", "Cpu", "v86.mjs"), package!, Memory, image, string.Join(' ', words)]));
    }

    private static bool OnPath(string command) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, command)));
}
