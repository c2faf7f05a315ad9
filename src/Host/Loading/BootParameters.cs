// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using System.Text;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Loading;

/// <summary>
/// What the kernel finds at guest-physical address 0: the "zero page" of the Linux boot protocol with the few fields an
/// lguest guest needs, and behind it the kernel command line. Everything else in the page stays as it is: zero.
/// </summary>
internal static class BootParameters
{
    private const int PageSize = 4096;
    private const uint CommandLineAddress = PageSize;
    private const int LongestLinuxReads = 2047;

    private const int E820Entries = 0x1e8;
    private const int Version = 0x206;
    private const int TypeOfLoader = 0x210;
    private const int LoadFlags = 0x211;
    private const int RamDiskImage = 0x218;
    private const int RamDiskSize = 0x21c;
    private const int CommandLinePointer = 0x228;
    private const int KernelAlignment = 0x230;
    private const int HardwareSubarch = 0x23c;
    private const int E820Map = 0x2d0;

    private const byte UnknownLoader = 0xff;
    private const byte KeepSegments = 0x40;
    private const ushort ProtocolWithSubarch = 0x0207;
    private const uint SixteenMegabytes = 0x01000000;
    private const uint SubarchLguest = 1;
    private const uint E820Ram = 1;

    public static void Write(GuestRam ram, IReadOnlyList<string> guestArguments, InitialRamDisk? initrd, ILogger logger)
    {
        var commandLine = Encoding.UTF8.GetBytes(string.Join(' ', guestArguments) + '\0');
        if (commandLine.Length - 1 > LongestLinuxReads)
            logger.LogWarning("the kernel command line has {Length} bytes; Linux reads the first {Longest}", commandLine.Length - 1, LongestLinuxReads);
        ram.Claim(0, PageSize, "the boot parameter page");
        ram.Claim(CommandLineAddress, (ulong)commandLine.Length, $"the kernel command line of {commandLine.Length - 1} bytes");

        void Write8(int offset, byte value) => ram.Write((ulong)offset, [value]);
        void Write16(int offset, ushort value)
        {
            Span<byte> bytes = stackalloc byte[2];
            BinaryPrimitives.WriteUInt16LittleEndian(bytes, value);
            ram.Write((ulong)offset, bytes);
        }
        void Write32(int offset, uint value)
        {
            Span<byte> bytes = stackalloc byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
            ram.Write((ulong)offset, bytes);
        }
        void Write64(int offset, ulong value)
        {
            Write32(offset, (uint)value);
            Write32(offset + 4, (uint)(value >> 32));
        }

        if (initrd is { } disk)
        {
            Write32(RamDiskImage, disk.Address);
            Write32(RamDiskSize, disk.Size);
            Write8(TypeOfLoader, UnknownLoader);
        }
        Write8(E820Entries, 1);
        Write64(E820Map, 0);
        Write64(E820Map + 8, ram.Length);
        Write32(E820Map + 16, E820Ram);
        Write32(CommandLinePointer, CommandLineAddress);
        ram.Write(CommandLineAddress, commandLine);
        Write32(KernelAlignment, SixteenMegabytes);
        Write16(Version, ProtocolWithSubarch);
        Write32(HardwareSubarch, SubarchLguest);
        Write8(LoadFlags, KeepSegments);
    }
}
