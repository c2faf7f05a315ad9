// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host;
using LguestPlug.Host.Loading;
using Microsoft.Extensions.Logging.Abstractions;

namespace LguestPlug.Fuzz.Targets;

/// <summary>
/// The input is a file: kernel, or from bit 0 of its first byte on, kernel and initial RAM disk, which the second word divides. Bit 1
/// offers memory that ends inside the loaded image.
/// </summary>
internal sealed class ImagesTarget : FuzzTarget
{
    private const int Large = 8 << 20, Small = 0x110000;

    private readonly SurroundedMemory _memory = new(Large);
    private readonly MemoryFile _kernel = new("kernel"), _initrd = new("initrd");

    public override void Run(ReadOnlySpan<byte> input)
    {
        var reader = new InputReader(input);
        int flags = reader.Byte();
        int initrdLength = (flags & 1) != 0 ? reader.UInt16() : 0;
        _initrd.Content = reader.Bytes(initrdLength);
        _kernel.Content = reader.Rest();
        int length = (flags & 2) != 0 ? Small : Large;
        try
        {
            using ImageFile kernel = ImageFile.Open("kernel image", _kernel.Path);
            using ImageFile? initrd = (flags & 1) != 0 ? ImageFile.Open("initrd", _initrd.Path) : null;
            var ram = new GuestRam(_memory.Address, (ulong)length);
            uint entry = KernelLoader.Load(kernel, ram, NullLogger.Instance);
            InitialRamDisk? disk = initrd is null ? null : InitialRamDisk.Load(initrd, ram, NullLogger.Instance);
            BootParameters.Write(ram, ["console=hvc0"], disk, NullLogger.Instance);
            if (entry >= length)
                throw new FuzzDefectException($"the guest would start at 0x{entry:x}, outside its memory");
        }
        catch (HostException e)
        {
            if (e.Message.Length == 0 || e.Message.Contains('\n', StringComparison.Ordinal))
                throw new FuzzDefectException($"the message is not one line: {e.Message}");
        }

        _memory.CheckSurroundings();
        if (_memory.Bytes[length..].ContainsAnyExcept((byte)0))
            throw new FuzzDefectException("a byte behind the guest's memory was written");

        _memory.Clear();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _memory.Dispose();
            _kernel.Dispose();
            _initrd.Dispose();
        }

        base.Dispose(disposing);
    }
}
