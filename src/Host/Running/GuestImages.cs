// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Loading;
using LguestPlug.Virtio;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Running;

/// <summary>What is put into the guest's RAM before it starts; read afresh for each boot.</summary>
internal sealed class GuestImages : IDisposable
{
    private readonly ImageFile _kernel;
    private readonly ImageFile? _initrd;
    private readonly ILogger _logger;

    public GuestImages(LaunchRequest request, ILogger logger)
    {
        _kernel = ImageFile.Open("kernel image", request.Kernel);
        try
        {
            _initrd = request.Initrd is null ? null : ImageFile.Open("initrd", request.Initrd);
        }
        catch
        {
            _kernel.Dispose();
            throw;
        }
        _logger = logger;
    }

    /// <param name="guestArguments">The words of the kernel command line.</param>
    /// <returns>Where the guest starts.</returns>
    public uint Load(GuestMemory memory, IReadOnlyList<string> guestArguments)
    {
        var ram = new GuestRam(memory.BaseAddress, memory.RamSize);
        var entry = KernelLoader.Load(_kernel, ram, _logger);
        InitialRamDisk? initrd = _initrd is null ? null : InitialRamDisk.Load(_initrd, ram, _logger);
        BootParameters.Write(ram, guestArguments, initrd, _logger);
        return entry;
    }

    public void Dispose()
    {
        _kernel.Dispose();
        _initrd?.Dispose();
    }
}
