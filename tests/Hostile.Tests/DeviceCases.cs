// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using LguestPlug.Testing;
using static LguestPlug.Hostile.Tests.HostileCase<LguestPlug.Hostile.Tests.Attack>;

namespace LguestPlug.Hostile.Tests;

/// <summary>Of queues that keep a chain until something comes from outside.</summary>
internal static class ReceiveCases
{
    public static IReadOnlyList<HostileCase<Attack>> All { get; } =
    [
        Refused(
            "readable buffer",
            ", descriptor 0: a device-readable descriptor in the receive queue",
            a => a.Queue.Submit(new Chain().Readable([1]))),
        Refused(
            "readable buffer before a writable one",
            ", descriptor 0: a device-readable descriptor in the receive queue",
            a => a.Queue.Submit(new Chain().Readable([1]).Writable(100))),
        Served(
            "descriptors changed while the device has the chain",
            a =>
            {
                Descriptor table = HandOver(a);
                a.Set(0, new Descriptor(ulong.MaxValue, uint.MaxValue, 0xFFFF, 0xFFFF));
                a.Driver.Write(new GuestBuffer(table.Address, (int)table.Length), new byte[table.Length]);
                a.Serve();
                Assert.NotEqual(0xA5, a.Written()[0]);
            }),
        Served(
            "as many chains as the ring holds, and a reset",
            a =>
            {
                a.Queue.Submit([.. Enumerable.Repeat(new Chain().Writable(100), a.Size)]);
                a.Driver.Reset();
                a.Driver.Start();
            }),
    ];

    /// <summary>Gives the device a chain that it keeps: what was left over from before is taken first.</summary>
    private static Descriptor HandOver(Attack a)
    {
        int queue = a.Driver.Queues.ToList().IndexOf(a.Queue);
        Descriptor table = a.Table(a.Request());
        while (true)
        {
            a.Submit(table);
            bool isAnswered = false;
            a.Driver.WaitUntil(
                () => (isAnswered = a.Ring.UsedIndex != a.Answered) || a.Driver.Activity(queue) == "waits in WaitReadable", "the device took nothing");
            if (!isAnswered)
                return table;

            a.NoteAnswer();
        }
    }
}

internal static class ConsoleCases
{
    public static Use ReceiveUse { get; } = new("receive", [Segment.Writes(16)], UsedLength: null);

    public static Use TransmitUse { get; } = new("transmit", [Segment.Reads([.. "hello, world\r\n"u8])], UsedLength: 0);

    public static IReadOnlyList<HostileCase<Attack>> Receive { get; } =
    [
        Answered("room of 0 bytes", a => Assert.Equal(0u, a.Queue.Send(new Chain().Writable(0)).Length)),
        Answered("room of 0 bytes in three buffers", a => Assert.Equal(0u, a.Queue.Send(new Chain().Writable(0).Writable(0).Writable(0)).Length)),
        Served("room of 1 byte", a => Assert.Equal(1u, a.Send(new Chain().Writable(1)).Length)),
        Served("room of 255 buffers of 1 byte", a => Assert.NotEqual(0u, a.Send(new Chain().Writable(255, [.. Enumerable.Repeat(1, 255)])).Length)),
    ];

    public static IReadOnlyList<HostileCase<Attack>> Transmit { get; } =
    [
        Refused("writable buffer", ", descriptor 0: a device-writable descriptor in the transmit queue", a => a.Queue.Submit(new Chain().Writable(1))),
        Refused(
            "writable buffer behind a readable one",
            ", descriptor 0: a device-writable descriptor in the transmit queue",
            a => a.Queue.Submit(new Chain().Readable([1]).Writable(1))),
        Answered("nothing to print", a => Assert.Equal(0u, a.Send(new Chain().Readable([])).Length)),
        Answered("nothing to print in three buffers", a => Assert.Equal(0u, a.Send(new Chain().Readable([]).Readable([]).Readable([])).Length)),
        Served("255 buffers of 1 byte", a => Assert.Equal(0u, a.Send(new Chain().Readable(new byte[255], [.. Enumerable.Repeat(1, 255)])).Length)),
        Served("the descriptor table as what to print", a => OwnRing.Send(a, new Descriptor(a.Ring.Address, 64 * Descriptor.Size))),
        Served("almost 4 GiB over the same pages", a => HugeCases.Submit(a, isWritable: false)),
    ];
}

internal static class HugeCases
{
    /// <summary>127 times the same 32 MiB: the most that a chain may hold here.</summary>
    public static void Submit(Attack a, bool isWritable)
    {
        var all = new Descriptor(0, 32 << 20, isWritable ? Descriptor.Write : (ushort)0);
        a.Set(0, Attack.Link(0, [.. Enumerable.Repeat(all, 127)]));
        a.Submit(0);
        a.Driver.WaitUntil(() => a.Ring.UsedIndex == 1, "nothing came back");
    }
}

internal static class OwnRing
{
    /// <summary>Sends what lies in the ring itself: to a device that only reads, it is memory like any other.</summary>
    public static void Send(Attack a, params Descriptor[] content)
    {
        a.Set(0, Attack.Link(0, content));
        a.Submit(0);
        a.Serve();
    }
}

internal static class RngCases
{
    public static Use Use { get; } = new("input", [Segment.Writes(64)], UsedLength: 64);

    public static IReadOnlyList<HostileCase<Attack>> All { get; } =
    [
        Refused("readable buffer", ", descriptor 0: a device-readable descriptor in a request for entropy", a => a.Queue.Submit(new Chain().Readable([1]))),
        Refused(
            "readable buffer before a writable one",
            ", descriptor 0: a device-readable descriptor in a request for entropy",
            a => a.Queue.Submit(new Chain().Readable([1]).Writable(1))),
        Answered("room of 0 bytes", a => Assert.Equal(0u, a.Send(new Chain().Writable(0)).Length)),
        Answered("room of 0 bytes in three buffers", a => Assert.Equal(0u, a.Send(new Chain().Writable(0).Writable(0).Writable(0)).Length)),
        Served("room of 1 byte", a => Assert.Equal(1u, a.Send(new Chain().Writable([0])).Length)),
        Served(
            "one buffer for three requests",
            a =>
            {
                GuestBuffer shared = a.Take(64);
                Chain chain = new Chain().Writable(shared);
                a.Queue.Submit(chain, chain, chain);
                Assert.All(a.Queue.WaitForAll(), answer => Assert.Equal(64u, answer.Length));
            }),
        Served(
            "256 MiB over the same pages, and a reset",
            a =>
            {
                GuestBuffer room = a.Driver.Allocate(1 << 20);
                a.Queue.Submit(Enumerable.Repeat(room, 250).Aggregate(new Chain(), (chain, again) => chain.Writable(again)));
                a.Driver.WaitUntil(() => a.Driver.Read(room.Slice(0, 64)).Any(b => b != 0), "nothing was filled");
                a.Driver.Reset();
                a.Driver.Start();
            }),
    ];
}

internal static class EchoCases
{
    public static Use Use { get; } = new("echo", [Segment.Reads([.. "what goes in..."u8, 0x77]), Segment.Writes(16)], UsedLength: 16, Last: 0x77);

    public static IReadOnlyList<HostileCase<Attack>> Echo { get; } =
    [
        Answered("nothing to read", a => Assert.Equal(0u, a.Send(new Chain().Writable(16)).Length)),
        Answered("no room", a => Assert.Equal(0u, a.Send(new Chain().Readable([1, 2, 3])).Length)),
        Answered("nothing at all", a => Assert.Equal(0u, a.Send(new Chain().Readable([])).Length)),
        Served("less room than there is to read", a => Assert.Equal([1, 2], a.Send(new Chain().Readable([1, 2, 3]).Writable(2)).Written)),
        Served(
            "one buffer to read and to write",
            a =>
            {
                GuestBuffer both = a.Take(16, "0123456789abcdef"u8);
                Assert.Equal("0123456789abcdef"u8.ToArray(), a.Send(new Chain().Readable(both).Writable(both)).Written);
            }),
    ];

    public static IReadOnlyList<HostileCase<Attack>> Hoard { get; } =
    [
        Refused(
            "more chains than the ring holds",
            ", descriptor 0: another chain made available while all 16 of the ring are in the device's hand",
            a =>
            {
                a.Set(0, a.Plain);
                a.Submit([.. Enumerable.Repeat(0, a.Size)]);
                a.Driver.WaitUntil(() => a.Queue.WantsKicks && a.Driver.Activity(1) == "waits in Take" && a.Ring.AvailableIndex == 16, "the device did not take them");
                Thread.Sleep(1);
                a.Submit(0);
            }),
        Refused(
            "an index more than a small ring holds",
            ": the available index moved from 0 to 17, further than the 16 entries of the ring",
            a =>
            {
                a.Set(0, a.Plain);
                a.Submit([.. Enumerable.Repeat(0, a.Size + 1)]);
            }),
        Served(
            "a ring of chains in the device's hand, and a reset",
            a =>
            {
                for (int i = 0; i < 100; i++)
                {
                    a.Queue.Submit([.. Enumerable.Repeat(new Chain().Readable([1]), a.Size)]);
                    a.Driver.Reset();
                    a.Driver.Start();
                }
            }),
    ];
}

internal static class NetCases
{
    private const int HeaderSize = 10;

    /// <summary>To everybody, from nobody.</summary>
    private static readonly byte[] s_addresses = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2, 0, 0, 0, 0, 1];

    public static Use ReceiveUse { get; } = new("receive", [Segment.Writes(1600)], UsedLength: null);

    public static Use TransmitUse { get; } = new("transmit", [Segment.Reads(new byte[HeaderSize]), Segment.Reads(new byte[60])], UsedLength: 0);

    public static IReadOnlyList<HostileCase<Attack>> Receive { get; } =
    [
        ShortRoom(0),
        ShortRoom(1),
        ShortRoom(HeaderSize - 1),
        Served("room for the header alone", a => Assert.Equal(HeaderSize, (int)a.Send(new Chain().Writable(HeaderSize)).Length)),
        Served("room for less than a packet", a => Assert.Equal(20, (int)a.Send(new Chain().Writable(20)).Length)),
        Served("room in 255 buffers", a => Assert.NotEqual(0u, a.Send(new Chain().Writable(2000, [.. Enumerable.Repeat(1, 254)])).Length)),
    ];

    public static IReadOnlyList<HostileCase<Attack>> Transmit { get; } =
    [
        Refused("writable buffer", ", descriptor 0: a device-writable descriptor in the transmit queue", a => a.Queue.Submit(new Chain().Writable(1))),
        Refused(
            "writable buffer behind a readable one",
            ", descriptor 0: a device-writable descriptor in the transmit queue",
            a => a.Queue.Submit(new Chain().Readable(new byte[70]).Writable(1))),
        Lost("nothing to send", new Chain().Readable([])),
        Lost("header of 1 byte", new Chain().Readable([0])),
        Lost("header of 9 bytes", new Chain().Readable(new byte[HeaderSize - 1])),
        Lost("header without a frame", new Chain().Readable(new byte[HeaderSize])),
        Lost("header and an empty buffer", new Chain().Readable(new byte[HeaderSize]).Readable([])),
        Answered("the descriptor table as a frame", a => OwnRing.Send(a, new Descriptor(a.Ring.Address, 64 * Descriptor.Size))),
        Lost("frame shorter than its addresses", new Chain().Readable(new byte[HeaderSize + 13])),
        Lost("frame of 64 KiB", new Chain().Readable(new byte[HeaderSize + 65536])),
        Lost("frame of 1 MiB", new Chain().Readable(new byte[1 << 20])),
        Answered("frame of almost 4 GiB", a => HugeCases.Submit(a, isWritable: false)),
        Lost("unknown kind of segments", Frame(type: 0x7F, size: 100)),
        Lost("unknown flags", Frame(flags: 0xFF)),
        Lost("segments of 0 bytes", Frame(type: 1, size: 0)),
        Lost("segments of 65535 bytes", Frame(type: 1, size: 0xFFFF)),
        Lost("segments of no agreed kind", Frame(type: 3, size: 100)),
        Lost("congestion flag alone", Frame(type: 0x80, size: 100)),
        Lost("headers longer than the frame", Frame(type: 1, size: 100, headers: 0xFFFF)),
        Lost("headers of 0 bytes", Frame(type: 1, size: 100, headers: 0)),
        Lost("segments without a checksum", Frame(type: 1, size: 100, headers: 54)),
        Lost("checksum from behind the frame", Frame(flags: 1, start: 0xFFFF)),
        Lost("checksum to behind the frame", Frame(flags: 1, start: 14, offset: 0xFFFF)),
        Lost("checksum over the frame's end", Frame(flags: 1, start: 59, offset: 0)),
        Served(
            "header split byte by byte",
            a => Assert.Equal(0u, a.Send(new Chain().Readable(new byte[HeaderSize + 60], [.. Enumerable.Repeat(1, HeaderSize)])).Length)),
        Served("a byte a buffer", a => Assert.Equal(0u, a.Send(new Chain().Readable(new byte[HeaderSize + 60], [.. Enumerable.Repeat(1, 69)])).Length)),
        Served(
            "the available ring as a header",
            a => OwnRing.Send(a, new Descriptor(a.Ring.Address + ((ulong)Descriptor.Size * a.Size), HeaderSize), a.Place(Segment.Reads(new byte[60])))),
        Sent("frame of 1514 bytes", Header(), [.. s_addresses, 8, 0, .. new byte[1500]]),
        Sent("frame of two VLAN tags", Header(), [.. s_addresses, 0x88, 0xA8, 0, 100, 0x81, 0, 0, 200, 8, 0, .. new byte[46]]),
        Sent("checksum left to the host", Header(flags: 1, start: 34, offset: 16), Tcp4(100)),
        Sent("segments of TCP over IPv4", Header(flags: 1, type: 1, headers: 54, size: 536, start: 34, offset: 16), Tcp4(1072)),
        Sent("segments of TCP over IPv6", Header(flags: 1, type: 4, headers: 74, size: 536, start: 54, offset: 16), Tcp6(1072)),
    ];

    /// <summary>What the host's end must get.</summary>
    private static HostileCase<Attack> Sent(string name, Chain header, byte[] frame) => Served(
        name,
        a =>
        {
            var card = (NetRig)a.Rig;
            long before = card.FramesFromGuest;
            Assert.Equal(0u, a.Send(header.Readable(frame)).Length);
            Assert.Equal(before + 1, card.FramesFromGuest);
        });

    private static byte[] Tcp4(int payload) => [.. s_addresses, 8, 0, 0x45, 0, .. BigEndian(40 + payload), 0, 0, 0, 0, 64, 6, .. new byte[10], .. Tcp(payload)];

    private static byte[] Tcp6(int payload) => [.. s_addresses, 0x86, 0xDD, 0x60, 0, 0, 0, .. BigEndian(20 + payload), 6, 64, .. new byte[32], .. Tcp(payload)];

    private static byte[] Tcp(int payload) => [.. new byte[12], 5 << 4, .. new byte[7 + payload]];

    private static byte[] BigEndian(int length) => [(byte)(length >> 8), (byte)length];

    private static HostileCase<Attack> ShortRoom(int length) => Refused(
        $"room of {length} byte{(length == 1 ? "" : "s")}, less than a header",
        $", descriptor 0: room of {length} bytes for a packet; its header alone has 10",
        a =>
        {
            a.Queue.Submit(new Chain().Writable(length));
            a.Rig.Provoke(a.Queue.Name);
        });

    /// <summary>Networks lose packets: the device says that it is done, and sends the next.</summary>
    private static HostileCase<Attack> Lost(string name, Chain chain) => Answered(name, a => Assert.Equal(0u, a.Send(chain).Length));

    private static Chain Frame(byte flags = 0, byte type = 0, ushort headers = 0, ushort size = 0, ushort start = 0, ushort offset = 0) =>
        Header(flags, type, headers, size, start, offset).Readable(new byte[60]);

    private static Chain Header(byte flags = 0, byte type = 0, ushort headers = 0, ushort size = 0, ushort start = 0, ushort offset = 0)
    {
        byte[] header = new byte[HeaderSize];
        header[0] = flags;
        header[1] = type;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(2), headers);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(4), size);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(6), start);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), offset);
        return new Chain().Readable(header);
    }
}
