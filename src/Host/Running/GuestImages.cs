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
    private readonly IReadOnlyList<string> _guestArguments;
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
        _guestArguments = request.GuestArguments;
        _logger = logger;
    }

    /// <returns>Where the guest starts.</returns>
    public uint Load(GuestMemory memory)
    {
        var ram = new GuestRam(memory.BaseAddress, memory.RamSize);
        var entry = KernelLoader.Load(_kernel, ram, _logger);
        InitialRamDisk? initrd = _initrd is null ? null : InitialRamDisk.Load(_initrd, ram, _logger);
        BootParameters.Write(ram, _guestArguments, initrd, _logger);
        return entry;
    }

    public void Dispose()
    {
        _kernel.Dispose();
        _initrd?.Dispose();
    }
}
