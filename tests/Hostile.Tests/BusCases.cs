// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host;
using LguestPlug.Host.Bus;
using LguestPlug.Testing;
using LguestPlug.Virtio;
using static LguestPlug.Hostile.Tests.HostileCase<LguestPlug.Hostile.Tests.BusBench>;

namespace LguestPlug.Hostile.Tests;

/// <summary>A device on the lguest bus, and what is done to its status, its descriptor and its notifications.</summary>
/// <param name="Device">The device's name.</param>
/// <param name="CreateRig">Makes it.</param>
/// <param name="Use">Shows that it serves.</param>
internal sealed record BusSubject(string Device, Func<Rig> CreateRig, Use Use)
{
    public string Name => $"{Device} on the bus";

    /// <summary>Every device.</summary>
    public static IReadOnlyList<BusSubject> All { get; } =
    [
        new("block", () => new BlockRig(), BlockCases.Use),
        new("net", () => new NetRig(), NetCases.TransmitUse),
        new("console", () => new ConsoleRig(), ConsoleCases.TransmitUse),
        new("rng", () => new RngRig(), RngCases.Use),
        new("echo", () => new EchoRig(), EchoCases.Use),
    ];
}

/// <summary>What a guest can do to the bus (virtio 0.9.5, appendix on lguest, and Linux's lguest.c).</summary>
internal static class BusCases
{
    private const byte Acknowledge = BusBench.Acknowledge, Driver = BusBench.Driver, DriverOk = BusBench.DriverOk, Failed = BusBench.Failed;
    private const string Twice = "Device victim features finalized twice";

    public static IReadOnlyList<HostileCase<BusBench>> All { get; } = [.. Statuses(), .. Notifications(), .. Descriptors(), .. Rings()];

    private static IEnumerable<HostileCase<BusBench>> Statuses() =>
    [
        Served("DRIVER_OK before ACKNOWLEDGE", b => StartBy(b, DriverOk)),
        Served("DRIVER before ACKNOWLEDGE", b => StartBy(b, Driver)),
        Served("status bits of modern virtio", b => StartBy(b, Acknowledge | Driver | DriverOk | 0x48)),
        Served("reserved status bits", b => StartBy(b, 0x30)),
        Served("DRIVER and a reserved bit, nothing else", b => StartBy(b, Driver | 0x20)),
        Refused("DRIVER_OK twice", Twice, b => Then(b, Acknowledge | Driver | DriverOk)),
        Refused("ACKNOWLEDGE while the device runs", Twice, b => Then(b, Acknowledge)),
        Refused("NEEDS_RESET written back", Twice, b => Then(b, Acknowledge | Driver | DriverOk | 0x40)),
        Refused(
            "features notified once more",
            Twice,
            b =>
            {
                b.Start();
                b.Accept(0xFF);
                b.Status(Acknowledge | Driver);
            }),
        Served(
            "features rewritten after the start",
            b =>
            {
                b.Start();
                b.Accept(0xFF);
                b.Serve();
                Assert.Equal(0ul, b.Runner.AcceptedFeatures);
            }),
        Served(
            "features that were never offered",
            b =>
            {
                b.Status(0);
                b.Accept(0xFF);
                b.Status(Acknowledge | Driver);
                Assert.Equal(b.Runner.OfferedFeatures, b.Runner.AcceptedFeatures);
                b.Serve();
            }),
        Served(
            "offered features rewritten",
            b =>
            {
                b.Status(0);
                b.Fill(b.Place.OfferedFeatures, b.Place.FeatureLength, 0xFF);
                b.Accept(0xFF);
                b.Status(Acknowledge | Driver);
                Assert.Equal(b.Runner.OfferedFeatures, b.Runner.AcceptedFeatures);
                b.Serve();
            }),
        Served(
            "features accepted before a reset",
            b =>
            {
                b.Status(0);
                b.Accept(0xFF);
                b.Status(Acknowledge | Driver);
                b.Status(0);
                Assert.False(b.Memory.Slice(b.Place.AcceptedFeatures, b.Place.FeatureLength).ContainsAnyExcept((byte)0));
                b.Status(Acknowledge | Driver);
                Assert.Equal(0ul, b.Runner.AcceptedFeatures);
                b.Serve();
            }),
        Served("FAILED before the start", b => b.Status(Failed)),
        Served("FAILED while the device runs", b => AssertStops(b, Failed)),
        Served("FAILED and DRIVER_OK at once", b => AssertStops(b, Acknowledge | Driver | DriverOk | Failed)),
        Served("every bit of the status", b => AssertStops(b, 0xFF)),
        Served(
            "FAILED with a request in flight",
            b =>
            {
                b.Start();
                b.Submit();
                b.Kick();
                b.Status(Failed);
            }),
        Served(
            "status written and not notified",
            b =>
            {
                b.Start();
                for (int status = 0; status < 256; status++)
                    b.Write(b.Place.Status, (byte)status);

                b.Serve();
            }),
        Served("status changed by another thread while the host looks", RaceStatus),
        Served(
            "a kick between ACKNOWLEDGE and DRIVER_OK",
            b =>
            {
                b.Status(0);
                b.Status(Acknowledge);
                DriverRing ring = b.Submit();
                b.Bus.HandleNotify(b.Ring);
                b.WaitForAnswer(ring);
                b.Status(Acknowledge | Driver | DriverOk);
                b.Status(Acknowledge);
                Assert.Equal(DeviceRunState.Running, b.Runner.State);
            }),
        Served(
            "resets one after the other",
            b =>
            {
                for (int i = 0; i < 200; i++)
                    b.Status(0);
            }),
        Served(
            "resets in the middle of requests",
            b =>
            {
                for (int i = 0; i < 200; i++)
                {
                    b.Start();
                    b.Submit();
                    b.Kick();
                    Thread.SpinWait(i * 40);
                    b.Status(0);
                }
            }),
        Served(
            "starts and resets without requests",
            b =>
            {
                for (int i = 0; i < 100; i++)
                    b.Start();
            }),
    ];

    private static IEnumerable<HostileCase<BusBench>> Notifications() =>
    [
        Refused("a kick before set-up", "Notification on victim before setup!", b => b.Bus.HandleNotify(b.Ring)),
        Refused(
            "a kick behind a reset, before set-up",
            "Notification on victim before setup!",
            b =>
            {
                b.Status(0);
                b.Bus.HandleNotify(b.Ring);
            }),
        Served(
            "kicks of a device that was reset",
            b =>
            {
                b.Start();
                b.Status(0);
                for (int i = 0; i < 1000; i++)
                    b.Kick();
            }),
        Served(
            "kicks of an empty ring",
            b =>
            {
                b.Start();
                for (int i = 0; i < 10_000; i++)
                    b.Kick();

                b.Serve();
            }),
        Refused("notification of the first address behind memory", "Bad NOTIFY 0x{limit}", b => b.Bus.HandleNotify((uint)b.Bus.Limit)),
        Refused("notification of a ring behind the last one", "Bad NOTIFY 0x{next}", b => b.Bus.HandleNotify((uint)b.Bus.Limit + 0x3000)),
        Refused("notification of 0x80000000", "Bad NOTIFY 0x80000000", b => b.Bus.HandleNotify(0x8000_0000)),
        Refused("notification of 0xffffffff", "Bad NOTIFY 0xffffffff", b => b.Bus.HandleNotify(uint.MaxValue)),
        Served("notification of addresses inside a descriptor", b => NotifyAll(b, b.Place.Descriptor + 1, 16)),
        Served("notification of addresses inside a ring", b => NotifyAll(b, b.Ring + 1, 64)),
        Served("notification of the last byte of memory", b => NotifyAll(b, b.Bus.Limit - 1, 1)),
        Served(
            "notification of text that never ends",
            b =>
            {
                b.Fill(0, 2 << 20, (byte)'x');
                int before = b.EarlyOutput;
                b.Bus.HandleNotify(0);
                Assert.InRange(b.EarlyOutput - before, 2 << 20, (int)b.Bus.Limit);
            }),
    ];

    private static IEnumerable<HostileCase<BusBench>> Descriptors() =>
    [
        Served("descriptor written over before the start", b => ScribbleHeader(b, 0xFF)),
        Served("descriptor made zero before the start", b => ScribbleHeader(b, 0)),
        Served("queues of the descriptor written over", b => ScribbleQueues(b, 0xFF)),
        Served("queues of the descriptor made zero", b => ScribbleQueues(b, 0)),
        Served(
            "the descriptor written over while the device runs",
            b =>
            {
                b.Start();
                b.Fill(b.Place.Descriptor, (int)(b.Place.Config - b.Place.Descriptor), 0xEE);
                b.Serve();
            }),
        Served(
            "the whole device page written over while devices run",
            b =>
            {
                b.Start();
                b.Fill(2 << 20, 4096, 0xEE);
                b.Serve();
            }),
        Served("the descriptor of the device beside written over", b => b.Fill(b.NeighbourPlace.Descriptor, 40, 0xFF)),
        Served(
            "the descriptor of the device beside as a buffer",
            b =>
            {
                b.Start();
                b.Serve(b.NeighbourPlace.Descriptor);
            }),
        Served(
            "configuration written over before the start",
            b =>
            {
                ScribbleConfig(b, 0xFF);
                b.Start();
                b.Serve();
            }),
        Served(
            "configuration written over while the device runs",
            b =>
            {
                b.Start();
                ScribbleConfig(b, 0x5A);
                b.Serve();
                ScribbleConfig(b, 0);
            }),
    ];

    private static IEnumerable<HostileCase<BusBench>> Rings() =>
    [
        Served(
            "a chain in the ring before the start",
            b =>
            {
                b.Status(0);
                DriverRing ring = b.Submit();
                b.Status(Acknowledge | Driver);
                b.WaitForAnswer(ring);
            }),
        Refused(
            "a ring of ones at the start",
            "queue {queue}: the available index moved from 0 to 65535, further than the {size} entries of the ring",
            b =>
            {
                b.Status(0);
                b.Fill(b.Ring, Vring.ByteSize(b.Queue.Size), 0xFF);
                b.Status(Acknowledge | Driver);
                b.AwaitFault();
            }),
        Served(
            "a used ring that is not empty at the start",
            b =>
            {
                b.Status(0);
                Vring ring = new(b.Memory, b.Ring, b.Queue.Size);
                b.Fill(b.Ring + (ulong)(Vring.ByteSize(ring.Size) - 6 - (8 * ring.Size)), 6 + (8 * ring.Size), 0x33);
                b.Status(Acknowledge | Driver);
                b.Serve();
            }),
        Refused(
            "a broken ring while the device beside works",
            "queue {queue}: available entry 0 names descriptor 65535, but the table has {size}",
            b =>
            {
                b.Start();
                DriverRing ring = b.Submit();
                ring.SetAvailableEntry(0, 65535);
                b.Kick();
                b.AwaitFault();
            }),
        // More is mapped than the rings need, and is nobody's.
        Refused("a buffer behind the last ring", "queue {queue}, descriptor 0: 1 bytes at 0x{limit} lie outside guest memory, which ends at 0x{limit}", b => Name(b, new Descriptor(b.Bus.Limit, 1))),
        Refused("a buffer that ends behind the last ring", "queue {queue}, descriptor 0: 2 bytes at 0x{last} lie outside guest memory, which ends at 0x{limit}", b => Name(b, new Descriptor(b.Bus.Limit - 1, 2))),
        Refused("a table behind the last ring", "queue {queue}, descriptor 0: 16 bytes at 0x{limit} lie outside guest memory, which ends at 0x{limit}", b => Name(b, new Descriptor(b.Bus.Limit, 16, Descriptor.Indirect))),
        Served(
            "entries of the rings of the device beside as buffers",
            b =>
            {
                (ulong available, ulong used) = EntriesBeside(b);
                ServeInto(b, available);
                ServeInto(b, used);
            }),
        Served(
            "a table in the ring of the device beside",
            b =>
            {
                ulong beside = b.NeighbourPlace.Queues[0].RingAddress;
                int length = Descriptor.Size * b.Use.Segments.Count;
                byte[] before = b.Memory.Slice(beside, length).ToArray();
                b.Start();
                DriverRing ring = b.Submit();
                b.Write(beside, b.Memory.Slice(b.Ring, length).ToArray());
                ring.SetDescriptor(0, new Descriptor(beside, (uint)length, Descriptor.Indirect));
                b.Kick();
                b.WaitForAnswer(ring);
                b.Write(beside, before);
            }),
        Refused(
            "DRIVER_OK once more after a refusal",
            Twice,
            b =>
            {
                b.Start();
                b.Submit().SetAvailableEntry(0, 65535);
                b.Kick();
                b.AwaitFault();
                b.Status(Acknowledge | Driver | DriverOk);
            }),
    ];

    /// <summary>
    /// Addresses of the first entry of the available and of the used ring of the device beside. It has nothing to do, and looks
    /// at the flags and the index before them alone.
    /// </summary>
    private static (ulong Available, ulong Used) EntriesBeside(BusBench b)
    {
        QueuePlace beside = b.NeighbourPlace.Queues[0];
        int entries = 6 + (8 * beside.Size);
        return (beside.RingAddress + (ulong)(Descriptor.Size * beside.Size) + 4, beside.RingAddress + (ulong)(Vring.ByteSize(beside.Size) - entries) + 4);
    }

    /// <summary>Has a request served whose buffers lie in somebody else's memory, and puts that right again.</summary>
    private static void ServeInto(BusBench b, ulong buffers)
    {
        byte[] before = b.Memory.Slice(buffers, 1024).ToArray();
        b.Start();
        b.Serve(buffers);
        b.Write(buffers, before);
    }

    /// <summary>Makes a descriptor available that is to be refused.</summary>
    private static void Name(BusBench b, Descriptor descriptor)
    {
        b.Start();
        DriverRing ring = b.Submit();
        ring.SetDescriptor(0, descriptor);
        ring.SetAvailableEntry(0, 0);
        b.Kick();
        b.AwaitFault();
    }

    private static void StartBy(BusBench b, byte status)
    {
        b.Status(status);
        Assert.Equal(DeviceRunState.Running, b.Runner.State);
        b.Serve();
    }

    private static void Then(BusBench b, byte status)
    {
        b.Start();
        b.Serve();
        b.Status(status);
    }

    private static void AssertStops(BusBench b, byte status)
    {
        b.Start();
        b.Serve();
        b.Status(status);
        Assert.Equal(DeviceRunState.Stopped, b.Runner.State);
        b.Submit();
        b.Kick();
    }

    /// <summary>Whatever the host happens to see, it sees it once.</summary>
    private static void RaceStatus(BusBench b)
    {
        using var stop = new CancellationTokenSource();
        var other = new Thread(() =>
        {
            for (byte n = 0; !stop.IsCancellationRequested; n++)
                b.Memory.Slice(b.Place.Status, 1)[0] = n;
        });
        b.Open(b.Place.Status, 1);
        other.Start();
        try
        {
            for (int i = 0; i < 2000; i++)
            {
                try
                {
                    b.Bus.HandleNotify((uint)b.Place.Descriptor);
                }
                catch (HostException e)
                {
                    Assert.Equal(Twice, e.Message);
                }
            }
        }
        finally
        {
            stop.Cancel();
            other.Join();
        }
    }

    private static void NotifyAll(BusBench b, ulong from, int count)
    {
        b.Start();
        for (int i = 0; i < count; i++)
        {
            // Of a packed page the next descriptor is no such address.
            if (from + (ulong)i != b.NeighbourPlace.Descriptor)
                b.Bus.HandleNotify((uint)from + (uint)i);
        }

        b.Serve();
    }

    private static void ScribbleHeader(BusBench b, byte with)
    {
        b.Status(0);
        b.Fill(b.Place.Descriptor, 4, with);
        StartBy(b, Acknowledge | Driver);
    }

    private static void ScribbleQueues(BusBench b, byte with)
    {
        b.Status(0);
        b.Fill(b.Place.Descriptor + DevicePlace.HeaderSize, DevicePlace.QueueEntrySize * b.Place.Queues.Count, with);
        StartBy(b, Acknowledge | Driver);
    }

    private static void ScribbleConfig(BusBench b, byte with)
    {
        int length = b.Rig.Device.Config.Length;
        if (length > 0)
            b.Fill(b.Place.Config, length, with);
    }
}
