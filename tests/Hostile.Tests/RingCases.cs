// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using LguestPlug.Testing;
using static LguestPlug.Hostile.Tests.HostileCase<LguestPlug.Hostile.Tests.Attack>;

namespace LguestPlug.Hostile.Tests;

/// <summary>What a driver can do to the ring of any queue (virtio 1.2, section 2.7).</summary>
internal static class RingCases
{
    private const ushort UnknownFlags = 0xFFF8;
    private const int Resets = 200;

    /// <summary>How often memory is changed for a while under the device; more takes longer.</summary>
    private static readonly int s_rounds =
        int.Parse(Environment.GetEnvironmentVariable("LGUESTPLUG_HOSTILE_ROUNDS") ?? "40", CultureInfo.InvariantCulture);

    public static IReadOnlyList<HostileCase<Attack>> All { get; } = [.. Heads(), .. Buffers(), .. Tables(), .. Harmless(), .. Lives()];

    private static IEnumerable<HostileCase<Attack>> Heads() =>
    [
        Refused("head outside the table", ": available entry 0 names descriptor {size}, but the table has {size}", a => a.Submit(a.Size)),
        Refused("head 65535", ": available entry 0 names descriptor 65535, but the table has {size}", a => a.Submit(65535)),
        Refused(
            "head outside the table behind a good one",
            ": available entry 1 names descriptor {size}, but the table has {size}",
            a =>
            {
                a.SubmitRequest();
                a.Serve();
                a.Submit(a.Size);
            }),
        Refused(
            "next outside the table",
            ", descriptor 0: next is {size}, but the table has {size} descriptors",
            a => a.Submit(a.Plain with { Flags = Descriptor.HasNext, Next = a.Size })),
        Refused(
            "next 65535",
            ", descriptor 0: next is 65535, but the table has {size} descriptors",
            a => a.Submit(a.Plain with { Flags = Descriptor.HasNext, Next = 65535 })),
        Refused(
            "a loop of one",
            ", descriptor 0: a chain longer than its table of {size} descriptors, or a loop",
            a => a.Submit(a.Plain with { Flags = Descriptor.HasNext, Next = 0 })),
        Refused("a loop of two", ", descriptor 0: a chain longer than its table of {size} descriptors, or a loop", a => SubmitLoop(a, 2)),
        Refused("a loop through the whole table", ", descriptor 0: a chain longer than its table of {size} descriptors, or a loop", a => SubmitLoop(a, a.Size)),
        Refused(
            "index too far ahead",
            ": the available index moved from 0 to 257, further than the 256 entries of the ring",
            a => MoveIndex(a, 257)),
        Refused(
            "index half way round",
            ": the available index moved from 0 to 32768, further than the 256 entries of the ring",
            a => MoveIndex(a, 32768)),
        Refused(
            "index moved back",
            ": the available index moved from 0 to 65535, further than the 256 entries of the ring",
            a => MoveIndex(a, -1)),
        Refused(
            "index moved back behind a served request",
            ": the available index moved from 1 to 0, further than the 256 entries of the ring",
            a =>
            {
                a.SubmitRequest();
                a.Serve();
                MoveIndex(a, -1);
            }),
        Refused(
            "readable behind writable",
            ", descriptor 1: a device-readable descriptor after a device-writable one",
            a =>
            {
                a.Set(0, Attack.Link(0, a.Plain with { Flags = Descriptor.Write }, a.Plain));
                a.Submit(0);
            }),
    ];

    private static IEnumerable<HostileCase<Attack>> Buffers() =>
    [
        Outside("buffer over the limit by a byte", "16 bytes at 0x{below}", a => new Descriptor(a.Limit - 15, 16)),
        Outside("buffer at the limit", "1 bytes at 0x{limit}", a => new Descriptor(a.Limit, 1)),
        Outside("empty buffer behind the limit", "0 bytes at 0x{beyond}", a => new Descriptor(a.Limit + 1, 0)),
        Outside("buffer of 4 GiB", "4294967295 bytes at 0x{arena}", a => a.Plain with { Length = uint.MaxValue }),
        Outside("buffer above 4 GiB", "16 bytes at 0x{high}", a => new Descriptor(a.Plain.Address | (1UL << 32), 16)),
        Outside("buffer in the upper half", "16 bytes at 0x8000000000000000", _ => new Descriptor(1UL << 63, 16)),
        Outside("buffer that wraps around", "16 bytes at 0xfffffffffffffff8", _ => new Descriptor(ulong.MaxValue - 7, 16)),
        Outside("buffer that wraps to address 0", "1 bytes at 0xffffffffffffffff", _ => new Descriptor(ulong.MaxValue, 1)),
        Outside("empty buffer at the last address", "0 bytes at 0xffffffffffffffff", _ => new Descriptor(ulong.MaxValue, 0)),
        Outside("every bit of a descriptor set", "4294967295 bytes at 0xffffffffffffffff", _ => new Descriptor(ulong.MaxValue, uint.MaxValue, 0xFFFF, 0xFFFF)),
        Refused(
            "second buffer outside memory",
            ", descriptor 7: 16 bytes at 0x{limit} lie outside guest memory, which ends at 0x{limit}",
            a =>
            {
                a.Set(0, a.Plain with { Flags = Descriptor.HasNext, Next = 7 });
                a.Set(7, new Descriptor(a.Limit, 16));
                a.Submit(0);
            }),
        Wrapping("good buffer behind one that wraps around", new Descriptor(ulong.MaxValue - 4095, 8192), a => a.Plain),
        Wrapping("buffer that begins where one before it wraps to", new Descriptor(ulong.MaxValue - 255, 512), _ => new Descriptor(256, 512)),
        Refused(
            "every flag of a descriptor set",
            ", descriptor 0: an indirect descriptor with a next one",
            a =>
            {
                Descriptor table = a.Table(a.Plain);
                a.Set(0, table with { Flags = 0xFFFF, Next = 1 });
                a.Set(1, a.Plain);
                a.Submit(0);
            }),
        Refused(
            "4 GiB in all",
            ", descriptor 127: a chain of 4 GiB or more",
            a =>
            {
                // 128 times the same 32 MiB.
                a.Set(0, Attack.Link(0, [.. Enumerable.Repeat(new Descriptor(0, 32 << 20), 256)]));
                a.Submit(0);
            }),
    ];

    private static IEnumerable<HostileCase<Attack>> Tables() =>
    [
        Outside("table outside memory", "16 bytes at 0x{limit}", a => new Descriptor(a.Limit, 16, Descriptor.Indirect)),
        Outside("table over the limit", "32 bytes at 0x{lasttable}", a => new Descriptor(a.Limit - 16, 32, Descriptor.Indirect)),
        Outside("table that wraps around", "32 bytes at 0xfffffffffffffff0", _ => new Descriptor(ulong.MaxValue - 15, 32, Descriptor.Indirect)),
        Outside("table of 4 GiB", "4294967280 bytes at 0x{arena}", a => a.Plain with { Length = 0xFFFFFFF0, Flags = Descriptor.Indirect }),
        OddTable(0),
        OddTable(1),
        OddTable(15),
        OddTable(17),
        Refused(
            "table with a next one",
            ", descriptor 0: an indirect descriptor with a next one",
            a =>
            {
                Descriptor table = a.Table(a.Plain);
                a.Set(0, table with { Flags = Descriptor.Indirect | Descriptor.HasNext, Next = 1 });
                a.Set(1, a.Plain);
                a.Submit(0);
            }),
        Refused(
            "table of 1 byte behind direct descriptors",
            ", descriptor 2: an indirect table of 1 bytes, not a positive multiple of 16",
            a =>
            {
                a.Set(0, Attack.Link(0, a.Plain, a.Plain with { Flags = Descriptor.Write }, a.Plain with { Length = 1, Flags = Descriptor.Write | Descriptor.Indirect }));
                a.Submit(0);
            }),
        Refused("table in a table", ", descriptor 0: an indirect descriptor inside an indirect table", a => a.Submit(a.Table(a.Table(a.Plain)))),
        Refused(
            "table in itself",
            ", descriptor 1: an indirect descriptor inside an indirect table",
            a =>
            {
                Descriptor table = a.Table(Attack.Link(0, a.Plain, a.Plain));
                a.Ring.WriteDescriptor(table.Address + Descriptor.Size, table);
                a.Submit(table);
            }),
        Refused(
            "the ring's own table as an indirect one",
            ", descriptor 0: an indirect descriptor inside an indirect table",
            a => a.Submit(new Descriptor(a.Ring.Address, 16 * Descriptor.Size, Descriptor.Indirect))),
        Refused(
            "next outside its table",
            ", descriptor 0: next is 2, but the table has 2 descriptors",
            a => a.Submit(a.Table(a.Plain with { Flags = Descriptor.HasNext, Next = 2 }, a.Plain))),
        Refused(
            "next of its table in the ring's",
            ", descriptor 0: next is 255, but the table has 1 descriptors",
            a => a.Submit(a.Table(a.Plain with { Flags = Descriptor.HasNext, Next = 255 }))),
        Refused(
            "a loop in a table",
            ", descriptor 1: a chain longer than its table of 2 descriptors, or a loop",
            a => a.Submit(a.Table(a.Plain with { Flags = Descriptor.HasNext, Next = 1 }, a.Plain with { Flags = Descriptor.HasNext, Next = 1 }))),
        Refused(
            "chain in a table longer than the ring",
            ", descriptor 256: a chain longer than its table of {size} descriptors, or a loop",
            a => a.Submit(a.Table(Attack.Link(0, [.. Enumerable.Repeat(a.Plain, 257)])))),
        Refused(
            "buffer of a table outside memory",
            ", descriptor 1: 16 bytes at 0x{limit} lie outside guest memory, which ends at 0x{limit}",
            a => a.Submit(a.Table(Attack.Link(0, a.Plain, new Descriptor(a.Limit, 16))))),
        Refused(
            "buffer of a table that wraps around",
            ", descriptor 1: 8192 bytes at 0xfffffffffffff000 lie outside guest memory, which ends at 0x{limit}",
            a => a.Submit(a.Table(Attack.Link(0, a.Plain, new Descriptor(ulong.MaxValue - 4095, 8192, Descriptor.Write), a.Plain with { Flags = Descriptor.Write })))),
        Refused(
            "readable behind writable in a table",
            ", descriptor 1: a device-readable descriptor after a device-writable one",
            a => a.Submit(a.Table(Attack.Link(0, a.Plain with { Flags = Descriptor.Write }, a.Plain)))),
    ];

    private static IEnumerable<HostileCase<Attack>> Harmless() =>
    [
        Served(
            "indirect table not negotiated",
            a =>
            {
                a.Driver.Reset();
                a.Driver.Start(0);
                a.Submit(a.Table(a.Request()));
                a.Serve();
            }),
        Served(
            "indirect table behind direct descriptors",
            a =>
            {
                var empty = new Descriptor(0, 0, a.Subject.Use.Segments[0].IsWritable ? Descriptor.Write : (ushort)0);
                a.Set(0, Attack.Link(0, empty, a.Table(a.Request())));
                a.Submit(0);
                a.Serve();
            }),
        Served(
            "write flag beside the indirect one",
            a =>
            {
                Descriptor table = a.Table(a.Request());
                a.Submit(table with { Flags = Descriptor.Indirect | Descriptor.Write });
                a.Serve();
            }),
        Served(
            "table longer than the ring, its chain not",
            a =>
            {
                a.Submit(a.Table([.. a.Request(), .. new Descriptor[1000]]));
                a.Serve();
            }),
        Served(
            "unknown flags of a descriptor",
            a =>
            {
                a.SubmitRequest(d => d with { Flags = (ushort)(d.Flags | UnknownFlags) });
                a.Serve();
            }),
        Served(
            "next without its flag",
            a =>
            {
                a.SubmitRequest(d => (d.Flags & Descriptor.HasNext) != 0 ? d : d with { Next = 65535 });
                a.Serve();
            }),
        Served(
            "buffer that ends at the limit",
            a =>
            {
                Segment last = a.Subject.Use.Segments[^1];
                int length = last.Content.Length;
                a.Set(
                    0,
                    Attack.Link(0, [.. a.Subject.Use.Segments.SkipLast(1).Select(a.Place), a.Place(last, new GuestBuffer(a.Limit - (ulong)length, length))]));
                a.Submit(0);
                a.Serve();
            }),
        Served(
            "empty buffers in between",
            a =>
            {
                IEnumerable<Descriptor> pieces = a.Request().SelectMany(d => new[] { d with { Address = 0, Length = 0 }, d, d with { Address = a.Limit, Length = 0 } });
                a.Set(0, Attack.Link(0, [.. pieces]));
                a.Submit(0);
                a.Serve();
            }),
        Served(
            "a chain of the whole table",
            a =>
            {
                a.Set(0, Longest(a));
                a.Submit(0);
                a.Serve();
            }),
        Served(
            "a chain in a table as long as the ring",
            a =>
            {
                a.Submit(a.Table(Longest(a)));
                a.Serve();
            }),
        Served(
            "the same head twice",
            a =>
            {
                a.Set(0, a.Request());
                a.Submit(0, 0);
                a.Serve(2);
            }),
        Served(
            "the same head in every entry",
            a =>
            {
                a.Set(0, a.Request());
                a.Submit([.. Enumerable.Repeat(0, a.Size)]);
                a.Serve(a.Size);
            }),
        Served(
            "two chains that share descriptors",
            a =>
            {
                Descriptor[] request = a.Request();
                a.Set(0, request);
                a.Set(100, request[0]);
                a.Submit(0, 100, 0);
                a.Serve(3);
            }),
        Served(
            "the descriptor table as a buffer",
            a => ServeInto(a, new GuestBuffer(a.Ring.Address, 16 * 100), first: 200)),
        Served(
            "the available ring's entries as a buffer",
            a => ServeInto(a, new GuestBuffer(a.Ring.Address + (16UL * a.Size) + 6, 2 * (a.Size - 1)), first: 0)),
        Served(
            "the used ring as a buffer",
            a => ServeInto(a, new GuestBuffer(a.Ring.UsedRing.Address, 6 + (8 * a.Size)), first: 0)),
        Served(
            "used ring written by the driver",
            a =>
            {
                byte[] noise = new byte[a.Ring.UsedRing.Length];
                Array.Fill(noise, (byte)0x5A);
                a.Driver.Write(a.Ring.UsedRing, noise);
                a.SubmitRequest();
                a.Serve();
            }),
        Served(
            "event indices where none are negotiated",
            a =>
            {
                Poke(a, a.Ring.Address + (16UL * a.Size) + 4 + (2UL * a.Size), 0xFFFF);
                a.Open(new GuestBuffer(a.Ring.UsedRing.End, 2));
                Poke(a, a.Ring.UsedRing.End, 0xFFFF);
                a.SubmitRequest();
                a.Serve();
                a.Queue.WaitForInterrupt();
            }),
        Served(
            "unknown flags of the available ring",
            a =>
            {
                a.Ring.AvailableFlags = 0xFFFE;
                a.SubmitRequest();
                a.Serve();
                a.Queue.WaitForInterrupt();
            }),
        Served(
            "all flags of the available ring",
            a =>
            {
                a.Ring.AvailableFlags = 0xFFFF;
                int before = a.Queue.Interrupts;
                a.SubmitRequest();
                a.Serve();
                a.Driver.Reset();
                Assert.Equal(before, a.Queue.Interrupts);
            }),
        Served("suppression flags flipped by another thread", FlipFlags),
        Served(
            "kicks without chains",
            a =>
            {
                for (int i = 0; i < 10_000; i++)
                    a.Queue.Kick();

                a.SubmitRequest();
                a.Serve();
            }),
        Served(
            "entries made available without a kick",
            a =>
            {
                a.Set(0, a.Request());
                a.Ring.Publish(0, 0, 0);
                a.Queue.Kick();
                a.Serve(3);
            }),
        Refused(
            "everything changed by another thread all the while",
            "",
            a => new MemoryRace(a).Run(s_rounds)),
    ];

    private static IEnumerable<HostileCase<Attack>> Lives() =>
    [
        Served("resets in the middle of requests", ResetInFlight),
        Served(
            "resets without a start",
            a =>
            {
                for (int i = 0; i < 100; i++)
                    a.Driver.Reset();

                a.Driver.Start();
                a.SubmitRequest();
                a.Serve();
            }),
        Served(
            "kicks before the start",
            a =>
            {
                a.Driver.Reset();
                for (int i = 0; i < 100; i++)
                    a.Queue.Kick();

                a.Driver.Start();
                a.SubmitRequest();
                a.Serve();
            }),
        Served(
            "chains made available before the start",
            a =>
            {
                a.Driver.Reset();
                a.SubmitRequest();
                a.Driver.Start();
                a.Serve();
            }),
        Served(
            "features that were never offered",
            a =>
            {
                a.Driver.Reset();
                a.Driver.Start(ulong.MaxValue);
                Assert.Equal(a.Driver.OfferedFeatures, a.Driver.AcceptedFeatures);
                a.SubmitRequest();
                a.Serve();
            }),
        Served(
            "configuration written over",
            a =>
            {
                for (int i = 0; i < a.Driver.Config.Length; i++)
                    a.Driver.WriteConfig(i, (byte)0xFF);

                a.SubmitRequest();
                a.Serve();
            }),
    ];

    private static HostileCase<Attack> Outside(string name, string what, Func<Attack, Descriptor> descriptor) =>
        Refused(name, $", descriptor 0: {what} lie outside guest memory, which ends at 0x{{limit}}", a => a.Submit(descriptor(a)));

    /// <summary>Whoever adds up a chain's buffers has an end behind the first that is none.</summary>
    private static HostileCase<Attack> Wrapping(string name, Descriptor wraps, Func<Attack, Descriptor> next) => Refused(
        name,
        $", descriptor 1: {wraps.Length} bytes at 0x{wraps.Address:x} lie outside guest memory, which ends at 0x{{limit}}",
        a =>
        {
            a.Set(0, Attack.Link(0, a.Plain, wraps with { Flags = Descriptor.Write }, next(a) with { Flags = Descriptor.Write }));
            a.Submit(0);
        });

    private static HostileCase<Attack> OddTable(uint length) => Refused(
        $"table of {length} bytes",
        $", descriptor 0: an indirect table of {length} bytes, not a positive multiple of 16",
        a => a.Submit(a.Table(a.Plain, a.Plain) with { Length = length }));

    /// <summary>The request, and empty buffers behind it: as many descriptors as a chain may have.</summary>
    private static Descriptor[] Longest(Attack a)
    {
        Descriptor[] request = a.Request();
        return Attack.Link(0, [.. request, .. Enumerable.Repeat(request[^1] with { Address = 0, Length = 0 }, a.Size - request.Length)]);
    }

    private static void SubmitLoop(Attack a, int length)
    {
        Descriptor plain = a.Plain;
        for (int i = 0; i < length; i++)
            a.Set(i, plain with { Flags = Descriptor.HasNext, Next = (ushort)((i + 1) % length) });

        a.Submit(0);
    }

    private static void MoveIndex(Attack a, int by)
    {
        a.Ring.AvailableIndex += (ushort)by;
        a.Queue.Kick();
    }

    /// <summary>Serves a request all of whose segments lie in the ring itself. What is left of the ring then is the driver's affair.</summary>
    private static void ServeInto(Attack a, GuestBuffer ring, int first)
    {
        a.Open(ring);
        int at = 0;
        var pieces = new List<Descriptor>();
        foreach (Segment segment in a.Subject.Use.Segments)
        {
            int length = Math.Min(segment.Content.Length, ring.Length);
            if (segment.IsWritable)
            {
                pieces.Add(new Descriptor(ring.Address + (ulong)at, (uint)length, Descriptor.Write));
                at = (at + length) % Math.Max(1, ring.Length - length);
            }
            else
            {
                pieces.Add(a.Place(segment));
            }
        }

        // The chain is in a table of its own: the device must have read all of it before it writes.
        Descriptor table = a.Table(Attack.Link(0, [.. pieces]));
        a.Set(first, table);
        a.Submit(first);
        a.Rig.Provoke(a.Queue.Name);
        a.Queue.WaitForInterrupt();
    }

    private static void Poke(Attack a, ulong address, ushort value) => a.Driver.Write(new GuestBuffer(address, 2), BitConverter.GetBytes(value));

    private static void FlipFlags(Attack a)
    {
        // Straight into memory: only the test's own thread may tell the kit what it writes.
        var flags = new GuestBuffer(a.Ring.Address + (16UL * a.Size), 2);
        a.Open(flags);
        using var stop = new CancellationTokenSource();
        var other = new Thread(() =>
        {
            for (ushort n = 0; !stop.IsCancellationRequested; n++)
                BitConverter.TryWriteBytes(a.Driver.Memory.Memory.Slice(flags.Address, flags.Length), n);
        });
        other.Start();
        try
        {
            a.Set(0, a.Request());
            for (int i = 0; i < 500; i++)
            {
                a.Submit(0);
                a.Serve();
            }
        }
        finally
        {
            stop.Cancel();
            other.Join();
        }
    }

    /// <summary>At any moment of a request: before it is taken, in the device's hand, when it is just handed back.</summary>
    private static void ResetInFlight(Attack a)
    {
        long before = 0;
        for (int i = 0; i < Resets; i++)
        {
            a.Queue.Submit(a.Subject.Use.Chain, a.Subject.Use.Chain.Indirect());
            if (i % 3 != 0)
                a.Rig.Provoke(a.Queue.Name);

            for (int spin = 0; spin < i * 40; spin++)
                Thread.SpinWait(1);

            a.Driver.Reset();
            a.Driver.Start();
            if (i == Resets / 2)
                before = GC.GetTotalMemory(forceFullCollection: true);
        }

        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 1 << 20);
    }
}
