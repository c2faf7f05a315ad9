// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using LguestPlug.Host.Tests.Loading;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// A guest of a few instructions for a machine of 64 MB with nothing but a console: it starts the console, claims 300 chains
/// in the ring of 256 entries that leads out, and waits.
/// </summary>
internal static class BrokenRingGuest
{
    private const uint Code = 0x100000;
    private const uint Data = 0x101000;
    private const uint Descriptor = 64 << 20;
    private const uint Status = Descriptor + 4;
    private const uint TransmitRing = Descriptor + 0x4000;
    private const uint AvailableIndex = TransmitRing + (256 * 16) + 2;

    private const byte Initialize = 1;
    private const byte Notify = 17;

    public static byte[] Image()
    {
        byte[] code =
        [
            .. Call(Initialize, Data),
            .. Call(Notify, Descriptor),
            .. StoreByte(Status, 3),
            .. Call(Notify, Descriptor),
            .. StoreWord(AvailableIndex, 300),
            .. Call(Notify, TransmitRing),
            0xeb, 0xfe, // jmp to itself
        ];
        // struct lguest_data: no interrupts wanted, the ring of calls free, the kernel above 3 GB.
        var data = new byte[1392];
        data.AsSpan(4, 4).Fill(0xff);
        data.AsSpan(24, 64).Fill(0xff);
        BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(1384), 0xc0000000);
        BinaryPrimitives.WriteUInt32LittleEndian(data.AsSpan(1388), 0x80);

        var image = new ElfImage { Entry = Code };
        image.Segments.Add(new(0x1000, Code, 0x2000, 0x2000));
        image.Content.Add((0x1000, code));
        image.Content.Add((0x2000, data));
        image.Content.Add((0x2fff, [0]));
        return image.ToBytes();
    }

    // mov $number, %eax; mov $argument, %ebx; int $0x1f
    private static byte[] Call(byte number, uint argument) => [0xb8, number, 0, 0, 0, 0xbb, .. BitConverter.GetBytes(argument), 0xcd, 0x1f];

    private static byte[] StoreByte(uint address, byte value) => [0xc6, 0x05, .. BitConverter.GetBytes(address), value];

    private static byte[] StoreWord(uint address, ushort value) => [0x66, 0xc7, 0x05, .. BitConverter.GetBytes(address), .. BitConverter.GetBytes(value)];
}
