// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Bus;
using LguestPlug.Host.Engines;
using LguestPlug.Host.Tests;
using LguestPlug.Testing;
using LguestPlug.Virtio;
using Microsoft.Extensions.Logging.Abstractions;

namespace LguestPlug.Hostile.Tests;

/// <summary>
/// A machine without a CPU: guest memory and the lguest bus with two devices, one that is attacked and one beside it that must not
/// notice. What a guest would do, a case does to memory and by notifications.
/// </summary>
internal sealed class BusBench : IDisposable
{
    public const byte Acknowledge = 1, Driver = 2, DriverOk = 4, Failed = 0x80;

    private const ulong Ram = 2 << 20;
    private const ulong Buffers = 0x10000;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly EchoRig _neighbourRig = new();
    private readonly VirtioDeviceRunner _neighbour;
    private readonly MemoryStream _early = new();
    private readonly List<(ulong From, ulong To)> _open = [];
    private byte[] _before = [];
    private volatile DeviceFault? _fault;

    public BusBench(Rig rig, Use use)
    {
        Rig = rig;
        Use = use;
        Runner = new VirtioDeviceRunner(rig.Context.Name, rig.Device, NullLogger.Instance, fault => _fault = fault);
        _neighbour = new VirtioDeviceRunner("neighbour0", _neighbourRig.Device, NullLogger.Instance, fault => _fault = fault);
        Memory = GuestMemory.Allocate(Ram, DevicePageLayout.DevicePages);
        Bus = new LguestBus(Memory, [new("victim", Runner), new("neighbour", _neighbour)], new EarlyConsole(_early), NullLogger.Instance);
        Place = Bus.Devices.First().Place;
        NeighbourPlace = Bus.Devices.Last().Place;
        Boot();
    }

    public Rig Rig { get; }

    public Use Use { get; }

    public GuestMemory Memory { get; }

    public LguestBus Bus { get; }

    public FakeEngine Engine { get; } = new([]);

    public VirtioDeviceRunner Runner { get; }

    /// <summary>Where the attacked device lies.</summary>
    public DevicePlace Place { get; }

    public DevicePlace NeighbourPlace { get; }

    public int EarlyOutput => (int)_early.Length;

    /// <summary>What a device's own thread has refused, or null.</summary>
    public string? Fault => _fault?.Reason;

    public QueuePlace Queue => Place.Queues[Runner.Queues.ToList().FindIndex(q => q.Name == Use.Queue)];

    public uint Ring => (uint)Queue.RingAddress;

    /// <summary>What the guest writes, anywhere.</summary>
    public void Write(ulong address, params ReadOnlySpan<byte> content)
    {
        content.CopyTo(Memory.Slice(address, content.Length));
        if (_before.Length > 0)
            content.CopyTo(_before.AsSpan((int)address));
    }

    /// <summary>Fills memory with one byte.</summary>
    public void Fill(ulong address, int length, byte with) => Write(address, [.. Enumerable.Repeat(with, length)]);

    /// <summary>The devices may write here.</summary>
    public void Open(ulong address, int length) => _open.Add((address, address + (ulong)length));

    /// <summary>Writes the status and tells the host.</summary>
    public void Status(byte status)
    {
        Write(Place.Status, status);
        Bus.HandleNotify((uint)Place.Descriptor);
    }

    public void Accept(byte features)
    {
        if (Place.FeatureLength > 0)
            Fill(Place.AcceptedFeatures, Place.FeatureLength, features);
    }

    /// <summary>Starts the device as guests since Linux 3.1 do.</summary>
    public void Start()
    {
        Status(0);
        Write(Place.Status, Acknowledge | Driver);
        Accept(0);
        Status(Acknowledge | Driver);
        Write(Place.Status, Acknowledge | Driver | DriverOk);
    }

    /// <summary>Puts the request that keeps the rules into an empty ring.</summary>
    /// <param name="buffers">Where its buffers are to lie.</param>
    public DriverRing Submit(ulong buffers = Buffers) => Submit(Queue, Use, buffers);

    /// <summary>Shows that a device that runs serves.</summary>
    /// <param name="buffers">Where the request's buffers are to lie.</param>
    public void Serve(ulong buffers = Buffers)
    {
        DriverRing ring = Submit(buffers);
        Kick();
        WaitForAnswer(ring);
    }

    public void Kick() => Engine.Kick(Ring);

    public void WaitForAnswer(DriverRing ring)
    {
        Rig.Provoke(Use.Queue);
        Await(() => ring.UsedIndex == 1);
        if (Use.UsedLength is { } length)
            Assert.Equal(length, ring.UsedEntry(0).Length);

        Assert.True(Engine.Interrupts.TryTake(out int irq, s_patience));
        Assert.Equal(Queue.Irq, irq);
    }

    /// <summary>Waits until a device's own thread has refused something.</summary>
    public void AwaitFault() => Assert.True(SpinWait.SpinUntil(() => _fault is not null, s_patience), "nothing was refused");

    /// <summary>Whatever came before, a reset makes the device serve again, and the one beside it serves, too.</summary>
    public void CheckServes()
    {
        _fault = null;
        while (Engine.Interrupts.TryTake(out _))
        {
        }

        Start();
        Serve();
        CheckNeighbour();
        Assert.Null(_fault);
    }

    /// <summary>What a reboot does: every device stopped, memory made anew.</summary>
    public void Reboot()
    {
        Bus.Detach();
        Memory.Clear();
        Engine.Notifies.Clear();
        Boot();
    }

    /// <summary>Nothing has changed but what the guest wrote, what it opened, and what is the host's to write: rings and accepted features.</summary>
    public void CheckMemory()
    {
        foreach (DevicePlace place in new[] { Place, NeighbourPlace })
        {
            Open(place.AcceptedFeatures, place.FeatureLength);
            foreach (QueuePlace queue in place.Queues)
                Open(queue.RingAddress, Vring.ByteSize(queue.Size));
        }

        byte[] now = Memory.Slice(0, (int)Bus.Limit).ToArray();
        ulong at = 0;
        foreach ((ulong from, ulong to) in _open.Order().Append((Bus.Limit, Bus.Limit)))
        {
            if (from > at)
            {
                int length = (int)(from - at);
                int same = now.AsSpan((int)at, length).CommonPrefixLength(_before.AsSpan((int)at, length));
                Assert.True(same == length, $"guest memory has changed at 0x{at + (ulong)same:x}");
            }

            at = Math.Max(at, to);
        }
    }

    public void Dispose()
    {
        Bus.Detach();
        Runner.Dispose();
        _neighbour.Dispose();
        Rig.Device.Dispose();
        _neighbourRig.Device.Dispose();
        _neighbourRig.Dispose();
        Engine.Dispose();
        Memory.Dispose();
    }

    private static void Await(Func<bool> condition) => Assert.True(SpinWait.SpinUntil(condition, s_patience), "the device did not answer");

    private void Boot()
    {
        Bus.LayOut();
        Bus.Attach(Engine);
        _open.Clear();
        _before = [];
        for (ulong at = 0; at < Ram; at += 8)
            Write(at, BitConverter.GetBytes(at * 0x9E3779B97F4A7C15));

        _before = Memory.Slice(0, (int)Bus.Limit).ToArray();
        Write(NeighbourPlace.Status, Acknowledge | Driver);
        Bus.HandleNotify((uint)NeighbourPlace.Descriptor);
    }

    private DriverRing Submit(QueuePlace queue, Use use, ulong at)
    {
        var ring = new DriverRing(Memory, new Vring(Memory, queue.RingAddress, queue.Size));
        var readable = new List<GuestBuffer>();
        var writable = new List<GuestBuffer>();
        foreach (Segment segment in use.Segments)
        {
            Write(at, segment.Content);
            var buffer = new GuestBuffer(at, segment.Content.Length);
            (segment.IsWritable ? writable : readable).Add(buffer);
            if (segment.IsWritable)
                Open(buffer.Address, buffer.Length);

            at += ((ulong)segment.Content.Length + 63) & ~63ul;
        }

        ring.Add(readable, writable);
        return ring;
    }

    private void CheckNeighbour()
    {
        // Its ring goes on where the last check left it.
        QueuePlace queue = NeighbourPlace.Queues[0];
        var ring = new DriverRing(Memory, new Vring(Memory, queue.RingAddress, queue.Size));
        ushort before = ring.UsedIndex;
        Submit(queue, EchoCases.Use, 2 * Buffers);
        Engine.Kick((uint)queue.RingAddress);
        Await(() => ring.UsedIndex == (ushort)(before + 1));
        Assert.Equal(16u, ring.UsedEntry(before).Length);
        Assert.True(Engine.Interrupts.TryTake(out int irq, s_patience));
        Assert.Equal(queue.Irq, irq);
    }
}
