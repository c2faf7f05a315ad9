// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Block;
using LguestPlug.Testing;
using static LguestPlug.Hostile.Tests.HostileCase<LguestPlug.Hostile.Tests.Attack>;

namespace LguestPlug.Hostile.Tests;

internal static class BlockCases
{
    private const byte Ok = 0, IoError = 1, Unsupported = 2, Untouched = 0xFF;
    private const int Sectors = BlockRig.Sectors;
    private const uint Read = 0, Write = 1, Flush = 4, GetId = 8;

    public static Use Use { get; } = new(
        "requests", [Segment.Reads(Header(Read, 3)), Segment.Writes(512), new Segment(true, [Untouched])], UsedLength: 513, Last: Ok);

    public static IReadOnlyList<HostileCase<Attack>> All { get; } = [.. Headers(), .. Places(), .. Types(), .. Layouts()];

    private static IEnumerable<HostileCase<Attack>> Headers() =>
    [
        ShortHeader("no header", new Chain().Writable(513), 0),
        ShortHeader("empty header", new Chain().Readable([]).Writable(513), 0),
        ShortHeader("header of 1 byte", new Chain().Readable(Header(Read, 0).AsSpan(0, 1)).Writable(513), 1),
        ShortHeader("header of 15 bytes", new Chain().Readable(Header(Read, 0).AsSpan(0, 15)).Writable(513), 15),
        ShortHeader("writable header", new Chain().Writable(Header(Read, 0)).Writable(513), 0),
        NoStatus("no status", new Chain().Readable(Header(Read, 0))),
        NoStatus("no status behind data", new Chain().Readable(Header(Write, 0)).Readable(new byte[512])),
        NoStatus("readable status", new Chain().Readable(Header(Flush, 0)).Readable([Untouched])),
        NoStatus("status of 0 bytes", new Chain().Readable(Header(Flush, 0)).Writable(0)),
        Served("status of 4 KiB", a => Gives(a, Ok, new Chain().Readable(Header(Flush, 0)).Writable(new byte[4096]))),
        Served("header split byte by byte", a => Reads(a, new Chain().Readable(Header(Read, 3), [.. Enumerable.Repeat(1, 15)]).Writable(512).Writable([Untouched]))),
        Served(
            "header and data in one buffer",
            a =>
            {
                byte[] data = New(a, 20, 512);
                Gives(a, Ok, new Chain().Readable([.. Header(Write, 20), .. data]).Writable([Untouched]));
            }),
        Served("data and status in one buffer", a => Reads(a, new Chain().Readable(Header(Read, 3)).Writable([.. new byte[512], Untouched]))),
        Served("a byte a buffer", a => Reads(a, new Chain().Readable(Header(Read, 3)).Writable(512, [.. Enumerable.Repeat(1, 253)]).Writable([Untouched]))),
        Served("a priority nobody knows", a => Reads(a, new Chain().Readable(Header(Read, 3, priority: uint.MaxValue)).Writable(512).Writable([Untouched]))),
        Served(
            "write of a priority nobody knows",
            a =>
            {
                byte[] data = New(a, 31, 512);
                Gives(a, Ok, new Chain().Readable(Header(Write, 31, priority: uint.MaxValue)).Readable(data).Writable([Untouched]));
            }),
        Served("flush of a priority nobody knows", a => Gives(a, Ok, new Chain().Readable(Header(Flush, 0, priority: uint.MaxValue)).Writable([Untouched]))),
        Served(
            "write with two statuses",
            a =>
            {
                byte[] data = New(a, 32, 512);
                Completion answer = a.Send(new Chain().Readable(Header(Write, 32)).Readable(data).Writable([Untouched]).Writable([Untouched]));
                Assert.Equal([Untouched, Ok], answer.Writable);
            }),
        Refused(
            "table in the layout of a packed ring",
            ", descriptor 0: a request without room for its status",
            a =>
            {
                // Packed descriptors have their number where split ones have flags, and their flags where those have the next one.
                Descriptor[] split = a.Request();
                a.Submit(a.Table([.. split.Select((d, i) => d with { Flags = (ushort)i, Next = d.Flags })]));
            }),
    ];

    private static IEnumerable<HostileCase<Attack>> Places() =>
    [
        .. Beyond("at the end", Sectors, 512),
        .. Beyond("over the end", Sectors - 1, 1024),
        .. Beyond("of more than the disk", 0, (Sectors + 1) * 512),
        .. Beyond("behind the end", Sectors + 1, 512),
        .. Beyond("of sector 2^32", 1UL << 32, 512),
        .. Beyond("whose offset is 2^63", 1UL << 54, 512),
        .. Beyond("whose offset wraps to 0", 1UL << 55, 512),
        .. Beyond("whose end wraps to 0", ulong.MaxValue / 512, 512),
        .. Beyond("of sector 2^64 - 1", ulong.MaxValue, 512),
        .. Beyond("of 1 byte", 0, 1),
        .. Beyond("of 511 bytes", 0, 511),
        .. Beyond("of 513 bytes", 0, 513),
        Answered("nothing behind the end", a => Gives(a, IoError, Request(Read, Sectors + 1))),
        Served("nothing at the end", a => Gives(a, Ok, Request(Read, Sectors))),
        Served("read of nothing", a => Gives(a, Ok, Request(Read, 0))),
        Served("write of nothing", a => Gives(a, Ok, Request(Write, 0))),
        Served(
            "the whole disk at once",
            a => Assert.Equal((byte[])[.. World(a).Content, Ok], a.Send(Request(Read, 0, read: Sectors * 512)).Written)),
        Served(
            "the whole disk written at once, a page a buffer",
            a =>
            {
                byte[] data = New(a, 0, Sectors * 512);
                Gives(a, Ok, new Chain().Readable(Header(Write, 0)).Readable(data, [.. Enumerable.Repeat(4096, 7)]).Writable([Untouched]));
            }),
    ];

    private static IEnumerable<HostileCase<Attack>> Types() =>
    [
        Unknown("type 2 (SCSI command)", 2),
        Unknown("type 3", 3),
        Unknown("type 5 (flush of old)", 5),
        Unknown("type 10 (lifetime)", 10),
        Unknown("type 11 (discard, never offered)", 11),
        Unknown("type 13 (write zeroes, never offered)", 13),
        Unknown("type 14 (secure erase, never offered)", 14),
        Unknown("type 15 (zone append, never offered)", 15),
        Unknown("type 16 (zone report, never offered)", 16),
        Unknown("type 18 (zone open, never offered)", 18),
        Unknown("type 20 (zone close, never offered)", 20),
        Unknown("type 22 (zone finish, never offered)", 22),
        Unknown("type 24 (zone reset, never offered)", 24),
        Unknown("type 26 (reset of all zones, never offered)", 26),
        Unknown("type 2^31 - 1", 0x7FFF_FFFF),
        Unknown("type 2^32 - 1", uint.MaxValue),
        Served("barrier, never offered", a => Reads(a, Request(Read | 0x8000_0000, 3, read: 512))),
        Served("flush with a payload to read", a => Gives(a, Ok, new Chain().Readable(Header(Flush, 0)).Readable(new byte[512]).Writable([Untouched]))),
        Served("flush with a payload to write", a => Gives(a, Ok, Request(Flush, 0, read: 512))),
        Served("flush of sector 2^64 - 1", a => Gives(a, Ok, Request(Flush, ulong.MaxValue))),
        Served("three flushes at once", a => ThreeAtOnce(a, Request(Flush, 0))),
        Served("serial number, 3 bytes of it", a => Assert.Equal("blo\0"u8.ToArray(), a.Send(Request(GetId, 0, read: 3)).Written)),
        Served("serial number without room", a => Gives(a, Ok, Request(GetId, 0))),
        Served("serial number with 4 KiB of room", a => Assert.Equal(21u, a.Send(Request(GetId, 0, read: 4096)).Length)),
        Served(
            "serial number into a readable buffer",
            a => Gives(a, Ok, new Chain().Readable(Header(GetId, 0)).Readable(new byte[20]).Writable([Untouched]))),
    ];

    private static IEnumerable<HostileCase<Attack>> Layouts() =>
    [
        Served(
            "read with a readable payload beside",
            a => Reads(a, new Chain().Readable(Header(Read, 3)).Readable(new byte[512]).Writable(512).Writable([Untouched]))),
        Served("read into a readable buffer", a => Gives(a, Ok, new Chain().Readable(Header(Read, 3)).Readable(new byte[512]).Writable([Untouched]))),
        Served("write from a writable buffer", a => Gives(a, Ok, Request(Write, 3, read: 512))),
        Served(
            "header and data in the same memory",
            a =>
            {
                GuestBuffer both = a.Take(512, Header(Read, 3));
                Assert.Equal((byte[])[.. World(a).Content[1536..2048], Ok], a.Send(new Chain().Readable(both.Slice(0, 16)).Writable(both).Writable([Untouched])).Written);
            }),
        Served(
            "header and status in the same memory",
            a =>
            {
                GuestBuffer header = a.Take(16, Header(Flush, 0));
                Assert.Equal(Ok, a.Send(new Chain().Readable(header).Writable(header.Slice(0, 1))).Writable[0]);
            }),
        Served(
            "two writes of the same sector at once",
            a =>
            {
                Chain write = new Chain().Readable(Header(Write, 30)).Readable(New(a, 30, 512)).Writable([Untouched]);
                a.Queue.Submit(write, write);
                Assert.All(a.Queue.WaitForAll(), answer => Assert.Equal(Ok, answer.Writable[0]));
            }),
        Served(
            "write and read of a sector at once",
            a =>
            {
                byte[] data = New(a, 33, 512);
                a.Queue.Submit(Request(Write, 33, write: data), Request(Read, 33, read: 512));
                Assert.Equal((byte[])[.. data, Ok], a.Queue.WaitForAll()[1].Written);
            }),
        Served(
            "writes, flushes and a read of them at once",
            a =>
            {
                byte[] data = New(a, 40, 3 * 512);
                Chain flush = Request(Flush, 0);
                Chain[] writes = [.. Enumerable.Range(0, 3).Select(i => Request(Write, 40 + (ulong)i, write: data.AsSpan(i * 512, 512).ToArray()))];
                a.Queue.Submit(writes[0], flush, writes[1], flush, writes[2], flush, Request(Read, 40, read: 3 * 512));
                IReadOnlyList<Completion> answers = a.Queue.WaitForAll();
                Assert.All(answers, answer => Assert.Equal(Ok, answer.Writable[^1]));
                Assert.Equal((byte[])[.. data, Ok], answers[^1].Written);
            }),
        Served("three requests of one buffer", a => ThreeAtOnce(a, new Chain().Readable(Header(GetId, 0)).Writable(a.Take(20)).Writable([Untouched]))),
        Answered(
            "write to a read-only disk",
            a =>
            {
                using var rig = new BlockRig(readOnly: true);
                using (TestDriver driver = new TestDriver(rig.Device, rig.Context).Start())
                    Assert.Equal(IoError, driver.Queues[0].Send(Request(Write, 0, write: new byte[512])).Writable[^1]);

                rig.CheckWorld();
            }),
    ];

    private static byte[] Header(uint type, ulong sector, uint priority = 0) =>
        [.. BitConverter.GetBytes(type), .. BitConverter.GetBytes(priority), .. BitConverter.GetBytes(sector)];

    private static Chain Request(uint type, ulong sector, byte[]? write = null, int read = 0)
    {
        Chain chain = new Chain().Readable(Header(type, sector));
        if (write is not null)
            chain = chain.Readable(write);

        return (read > 0 ? chain.Writable(read) : chain).Writable([Untouched]);
    }

    private static BlockRig World(Attack a) => (BlockRig)a.Rig;

    /// <summary>Data that is to be on the disk once it is written.</summary>
    private static byte[] New(Attack a, int sector, int length)
    {
        byte[] data = new byte[length];
        new Random(sector).NextBytes(data);
        data.CopyTo(World(a).Content.AsSpan(sector * 512));
        return data;
    }

    private static void Gives(Attack a, byte status, Chain chain)
    {
        Completion answer = a.Send(chain);
        Assert.Equal((status, 1u), (answer.Writable[^1], answer.Length));
    }

    private static void Reads(Attack a, Chain chain) =>
        Assert.Equal((byte[])[.. World(a).Content[1536..2048], Ok], a.Send(chain).Written);

    private static void ThreeAtOnce(Attack a, Chain chain)
    {
        a.Queue.Submit(chain, chain, chain);
        Assert.All(a.Queue.WaitForAll(), answer => Assert.Equal(Ok, answer.Writable[^1]));
    }

    private static HostileCase<Attack> ShortHeader(string name, Chain chain, int length) =>
        Refused(name, $", descriptor 0: a request head of {length} bytes; expected 16", a => a.Queue.Submit(chain));

    private static HostileCase<Attack> NoStatus(string name, Chain chain) =>
        Refused(name, ", descriptor 0: a request without room for its status", a => a.Queue.Submit(chain));

    private static IEnumerable<HostileCase<Attack>> Beyond(string what, ulong sector, int bytes) =>
    [
        Answered($"read {what}", a => Gives(a, IoError, Request(Read, sector, read: bytes))),
        Answered($"write {what}", a => Gives(a, IoError, Request(Write, sector, write: new byte[bytes]))),
    ];

    private static HostileCase<Attack> Unknown(string name, uint type) => Answered(
        name,
        a =>
        {
            Gives(a, Unsupported, Request(type, 0, read: 512));
            Gives(a, Unsupported, Request(type, 0, write: new byte[512]));
        });
}
