// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using LguestPlug.Testing;

namespace LguestPlug.Hostile.Tests;

/// <summary>
/// One case under way: a started device, the raw ring of the queue under attack, and memory for what is put into it. All of guest
/// memory is watched meanwhile, but for what is opened here.
/// </summary>
internal sealed class Attack
{
    private readonly List<GuestBuffer> _open = [];
    private readonly List<GuestBuffer> _written = [];
    private readonly GuestBuffer _arena;
    private RawRing? _ring;
    private int _taken;

    public Attack(Subject subject, Rig rig, TestDriver driver, GuestBuffer arena)
    {
        Subject = subject;
        Rig = rig;
        Driver = driver;
        Queue = driver.Queue(subject.Queue);
        _arena = arena;
        driver.Write(arena, new byte[arena.Length]);
    }

    public Subject Subject { get; }

    public Rig Rig { get; }

    public TestDriver Driver { get; }

    public TestQueue Queue { get; }

    /// <summary>The ring's own fields. From the first use on what the device returns by itself is the case's affair.</summary>
    public RawRing Ring => _ring ??= Queue.TakeOver(_open);

    /// <summary>How many requests the device was to answer before what it refuses.</summary>
    public int Answered { get; private set; }

    /// <summary>Guest-physical address of the first byte behind guest memory.</summary>
    public ulong Limit => Driver.MemorySize;

    public ushort Size => (ushort)Queue.Size;

    /// <summary>A right descriptor; whether the device would read or write it the ring does not care.</summary>
    public Descriptor Plain => new(Take(16).Address, 16);

    /// <summary>Memory that the device may read.</summary>
    public GuestBuffer Take(int length, params ReadOnlySpan<byte> content)
    {
        GuestBuffer buffer = _arena.Slice(_taken, length);
        _taken += (length + 63) & ~63;
        Driver.Write(buffer, content);
        return buffer;
    }

    /// <summary>The device may write here, too.</summary>
    public GuestBuffer Open(GuestBuffer buffer)
    {
        _open.Add(buffer);
        return buffer;
    }

    /// <summary>The whole arena is the device's.</summary>
    public GuestBuffer OpenAll() => Open(_arena);

    /// <summary>The request that keeps the rules, as descriptors that are linked one behind the other from <paramref name="first"/> on.</summary>
    public Descriptor[] Request(int first = 0) => Link(first, [.. Subject.Use.Segments.Select(Place)]);

    /// <summary>Links descriptors as they would lie from <paramref name="first"/> on.</summary>
    public static Descriptor[] Link(int first, params Descriptor[] descriptors) =>
    [
        .. descriptors.Select((d, i) => i == descriptors.Length - 1 ? d : d with { Flags = (ushort)(d.Flags | Descriptor.HasNext), Next = (ushort)(first + i + 1) }),
    ];

    /// <summary>A descriptor for a segment in memory of its own, or at an address.</summary>
    public Descriptor Place(Segment segment) => Place(segment, Take(segment.Content.Length));

    public Descriptor Place(Segment segment, GuestBuffer buffer)
    {
        Driver.Write(buffer, segment.Content);
        if (segment.IsWritable)
            _written.Add(Open(buffer));

        return new Descriptor(buffer.Address, (uint)buffer.Length, segment.IsWritable ? Descriptor.Write : (ushort)0);
    }

    /// <summary>Puts descriptors into the ring's table, from <paramref name="first"/> on.</summary>
    public void Set(int first, params Descriptor[] descriptors)
    {
        foreach ((int i, Descriptor descriptor) in descriptors.Index())
            Ring.SetDescriptor(first + i, descriptor);
    }

    /// <summary>Puts descriptors into a table of their own, and gives the descriptor that points there.</summary>
    public Descriptor Table(params Descriptor[] descriptors)
    {
        GuestBuffer table = Take(Descriptor.Size * descriptors.Length);
        foreach ((int i, Descriptor descriptor) in descriptors.Index())
            Ring.WriteDescriptor(table.Address + (ulong)(Descriptor.Size * i), descriptor);

        return new Descriptor(table.Address, (uint)table.Length, Descriptor.Indirect);
    }

    public void Submit(params ReadOnlySpan<int> heads)
    {
        Ring.Publish(heads);
        Queue.Kick();
    }

    /// <summary>Submits a chain of one descriptor.</summary>
    public void Submit(Descriptor descriptor)
    {
        Set(0, descriptor);
        Submit(0);
    }

    /// <summary>Submits the request that keeps the rules, after a change.</summary>
    public void SubmitRequest(Func<Descriptor, Descriptor>? change = null)
    {
        Set(0, [.. Request().Select(change ?? (d => d))]);
        Submit(0);
    }

    /// <summary>Waits until requests that were submitted by hand are served, and checks that the last was served right.</summary>
    public void Serve(int count = 1)
    {
        int before = Answered;
        Answered += count;
        for (int i = 1; i <= count; i++)
        {
            Rig.Provoke(Queue.Name);
            int least = i;

            // Where nothing has to come from outside the device may be ahead.
            Driver.WaitUntil(() => (ushort)(Ring.UsedIndex - before) is var n && n >= least && n <= count, $"request {least} was not answered");
        }

        CheckAnswer(Ring.UsedEntry(Answered - 1).Length);
    }

    /// <summary>A request was answered that was not waited for.</summary>
    public void NoteAnswer() => Answered++;

    /// <summary>What the device has written into the request's segments.</summary>
    public byte[] Written() => [.. _written.SelectMany(Driver.Read)];

    public void CheckAnswer(uint used)
    {
        if (Subject.Use.UsedLength is { } length)
            Assert.Equal(length, used);

        if (Subject.Use.Last is { } last)
            Assert.Equal(last, Written()[^1]);
    }

    /// <summary>Provokes the outside until the device has stopped: it may have to give back a good request first.</summary>
    public void ProvokeUntilFault()
    {
        int n = 0;
        Driver.WaitUntil(
            () =>
            {
                if (++n % 64 == 0 && Driver.IsRunning)
                    Rig.Provoke(Queue.Name);

                return !Driver.IsRunning;
            },
            "the device did not refuse");
    }

    /// <summary>Sends a request and says what came back.</summary>
    public Completion Send(Chain chain)
    {
        Queue.Submit(chain);
        Rig.Provoke(Queue.Name);
        return Queue.WaitForCompletion(chain);
    }

    /// <summary>A request that keeps all rules is served, by a device that was just started.</summary>
    public static void CheckServes(Subject subject, Rig rig, TestDriver driver)
    {
        TestQueue queue = driver.Queue(subject.Use.Queue);
        Chain chain = subject.Use.Chain;
        queue.Submit(chain);
        rig.Provoke(queue.Name);
        Completion answer = queue.WaitForCompletion(chain);
        if (subject.Use.UsedLength is { } length)
            Assert.Equal(length, answer.Length);

        if (subject.Use.Last is { } last)
            Assert.Equal(last, answer.Writable[^1]);

        // Nothing that was in flight before a reset may come back after it.
        Assert.Equal(0, queue.InFlight);
        Assert.Null(queue.TryGetCompletion());
    }

    /// <summary>The reason with the numbers of this device and case.</summary>
    public string Fill(string reason) => $"queue {Queue.Name}" + reason
        .Replace("{size}", Size.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{limit}", Limit.ToString("x", CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{beyond}", (Limit + 1).ToString("x", CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{below}", (Limit - 15).ToString("x", CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{lasttable}", (Limit - 16).ToString("x", CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{arena}", _arena.Address.ToString("x", CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{high}", (_arena.Address | (1UL << 32)).ToString("x", CultureInfo.InvariantCulture), StringComparison.Ordinal);
}
