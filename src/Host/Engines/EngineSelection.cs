// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.CommandLine;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Host.Engines;

/// <summary>Turns the choice on the command line into an engine.</summary>
internal static class EngineSelection
{
    /// <param name="choice">What the command line says.</param>
    /// <param name="kernelExists">Whether this machine's kernel has lguest.</param>
    public static (string Name, EngineFactory Create) Select(EngineChoice choice, bool kernelExists) => choice switch
    {
        EngineChoice.Soft => Soft,
        EngineChoice.Auto when !kernelExists => Soft,
        _ when kernelExists => Kernel,
        _ => throw new HostException($"--engine kernel: this machine has no {LguestDeviceFile.Path} (--engine soft needs none)"),
    };

    private static (string, EngineFactory) Kernel
    {
        get
        {
            var folder = new Lazy<SafeFileHandle>(() => LguestDeviceFile.OpenFolder());
            return ("kernel", (memory, limit, entry) => new KernelEngine(new LguestDeviceFile(folder.Value), memory, limit, entry));
        }
    }

    private static (string, EngineFactory) Soft => ("soft", (memory, limit, entry) => new SoftEngine(memory, limit, entry));
}
