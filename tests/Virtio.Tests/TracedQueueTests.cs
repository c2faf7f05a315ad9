// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Testing;
using LguestPlug.Tests;

namespace LguestPlug.Virtio.Tests;

public class TracedQueueTests
{
    /// <summary>Writes down what it is told; the bytes, too.</summary>
    private sealed class NotingTrace : IDeviceTrace
    {
        private readonly List<string> _lines = [];

        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (_lines)
                    return [.. _lines];
            }
        }

        public void Started(VirtioDeviceRunner device) => Note($"started {device.Name} {device.AcceptedFeatures:x}");

        public void ConfigWritten(int offset, ReadOnlySpan<byte> bytes) => Note($"config {offset} {Convert.ToHexString(bytes)}");

        public void Taken(int queue, TracedChain chain)
        {
            byte[] readable = new byte[chain.ReadableLength];
            chain.CopyReadable(readable);
            Note($"q{queue} #{chain.Number} head {chain.Head} r{Text(chain.ReadableSegments)} w{Text(chain.WritableSegments)} {Convert.ToHexString(readable)}");
        }

        public void Completed(int queue, TracedChain chain, long bytesWritten)
        {
            byte[] written = new byte[bytesWritten];
            chain.CopyWritable(written);
            Note($"q{queue} #{chain.Number} used {bytesWritten} {Convert.ToHexString(written)}");
        }

        public void Faulted(int queue, DeviceFault fault, bool ringIsBroken) => Note($"q{queue} fault, ring broken: {ringIsBroken}: {fault.Reason}");

        public void Stopped() => Note("stopped");

        private static string Text(ReadOnlySpan<GuestSegment> segments) =>
            string.Join("", segments.ToArray().Select(s => $" {s.Address:x}+{s.Length}"));

        private void Note(string line)
        {
            lock (_lines)
                _lines.Add(line);
        }
    }

    private static RunnerBench Traced(NotingTrace trace, params QueueService[] services)
    {
        var bench = new RunnerBench(new LambdaDevice(services) { OfferedFeatures = 6 });
        bench.Runner.Trace = trace;
        return bench;
    }

    private static void Echo(IVirtqueue queue)
    {
        if (queue.Take() is not { } chain)
            return;

        // Both positions are moved before the end: a trace tells of the whole chain all the same.
        Span<byte> bytes = stackalloc byte[8];
        int count = chain.Readable.Read(bytes);
        chain.Complete(chain.Writable.Write(bytes[..count]));
    }

    [Fact]
    public void Without_a_trace_a_service_gets_the_queue_itself()
    {
        Type? seen = null;
        using var bench = new RunnerBench(new LambdaDevice(queue =>
        {
            seen = queue.GetType();
            Echo(queue);
        }));
        bench.Start().Request(0);
        Assert.Equal(typeof(Virtqueue), seen);
    }

    [Fact]
    public void Chains_and_completions_are_told_in_order_with_guest_addresses_and_bytes()
    {
        var trace = new NotingTrace();
        using RunnerBench bench = Traced(trace, Echo).Start(2);
        GuestBuffer readable = bench.Allocate(5);
        GuestBuffer writable = bench.Allocate(16);
        new byte[] { 1, 2, 3, 4, 5 }.CopyTo(bench.Memory.Slice(readable.Address, 5));
        for (int i = 0; i < 2; i++)
        {
            int head = bench.Queues[0].Add([readable.Slice(0, 1), readable.Slice(1, 0), readable.Slice(1, 4)], [writable.Slice(0, 3), writable.Slice(8, 8)]);
            bench.Kick(0);
            Assert.Equal((head, 5u), bench.WaitForUsed(0));
        }

        bench.Reset();
        string segments = $"r {readable.Address:x}+1 {readable.Address + 1:x}+4 w {writable.Address:x}+3 {writable.Address + 8:x}+8 0102030405";
        Assert.Equal(["started test0 2", $"q0 #1 head 0 {segments}", "q0 #1 used 5 0102030405", $"q0 #2 head", "q0 #2 used 5 0102030405", "stopped"],
            trace.Lines.Select(line => line.StartsWith("q0 #2 head", StringComparison.Ordinal) ? "q0 #2 head" : line));
        Assert.EndsWith(segments, trace.Lines[3], StringComparison.Ordinal);
    }

    [Fact]
    public void Chains_completed_in_another_order_keep_their_numbers()
    {
        var trace = new NotingTrace();
        using RunnerBench bench = Traced(trace, queue =>
        {
            if (queue.Take() is not { } first || queue.Take() is not { } second)
                return;

            second.Complete(0);
            first.Complete(1);
        }).Start();
        int a = bench.Queues[0].Add([], [bench.Allocate(1)]);
        int b = bench.Queues[0].Add([], [bench.Allocate(1)]);
        bench.Kick(0);
        Assert.Equal((b, 0u), bench.WaitForUsed(0));
        Assert.Equal((a, 1u), bench.WaitForUsed(0));
        Assert.Equal(["#1 head", "#2 head", "#2 used", "#1 used"], trace.Lines.Skip(1).Select(line => string.Join(' ', line.Split(' ')[1..3])));
    }

    [Fact]
    public void What_the_driver_writes_into_the_configuration_is_told_before_the_chain()
    {
        byte[] config = [0, 0, 0, 0, 0, 0];
        var trace = new NotingTrace();
        using var bench = new RunnerBench(new CaringDevice());
        bench.Runner.Trace = trace;
        bench.Runner.PlaceConfig(() => config);
        bench.Start();
        config[1] = 7;
        config[4] = 8;
        config[5] = 9;
        bench.Request(0);
        Assert.Equal(["config 1 07", "config 4 0809", "q0 #1 head"], trace.Lines.Skip(1).Take(3).Select(line => string.Join(' ', line.Split(' ')[..3])));
    }

    private sealed class CaringDevice : VirtioDevice
    {
        public override ushort DeviceId => 42;

        public override ReadOnlyMemory<byte> Config => new byte[6];

        public override IReadOnlyList<QueueDefinition> Queues { get; } = [new("q0", Echo)];

        public override void ConfigWritten(ReadOnlySpan<byte> config)
        {
        }
    }

    [Fact]
    public void Each_start_numbers_from_one_and_each_queue_by_itself()
    {
        var trace = new NotingTrace();
        using RunnerBench bench = Traced(trace, Echo, Echo);
        for (int boot = 0; boot < 2; boot++)
        {
            bench.Start().Request(0);
            bench.Request(1);
            bench.Reset();
        }

        Assert.Equal(4, trace.Lines.Count(line => line.Contains("#1 head", StringComparison.Ordinal)));
        Assert.Equal(2, trace.Lines.Count(line => line.StartsWith("q1 #1 used", StringComparison.Ordinal)));
        Assert.Equal(2, trace.Lines.Count(line => line == "stopped"));
    }

    [Fact]
    public void A_completion_the_queue_refuses_is_none()
    {
        var trace = new NotingTrace();
        var refused = new List<Type>();
        using RunnerBench bench = Traced(trace, queue =>
        {
            if (queue.Take() is not { } chain)
                return;

            refused.Add(Assert.ThrowsAny<ArgumentException>(() => chain.Complete(2)).GetType());
            chain.Complete(1);
            refused.Add(Assert.Throws<InvalidOperationException>(() => chain.Complete(1)).GetType());
            refused.Add(Assert.Throws<InvalidOperationException>(() => chain.Head).GetType());
        }).Start();
        bench.Queues[0].Add([], [bench.Allocate(1)]);
        bench.Kick(0);
        Assert.Equal(1u, bench.WaitForUsed(0).Length);
        bench.Reset();
        Assert.Equal(3, refused.Count);
        Assert.Single(trace.Lines, line => line.Contains(" used ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(true, "q0 fault, ring broken: True: queue q0: available entry 0 names descriptor 999, but the table has 256")]
    [InlineData(false, "q0 fault, ring broken: False: queue q0, descriptor 0: odd")]
    public void A_fault_says_whether_the_ring_was_to_blame(bool ring, string expected)
    {
        var trace = new NotingTrace();
        using RunnerBench bench = Traced(trace, queue =>
        {
            if (queue.Take() is not null)
                throw queue.Fault("odd");
        }).Start();
        if (ring)
            bench.Queues[0].Publish(999);
        else
            bench.Queues[0].Add([bench.Allocate(1)], []);

        bench.Kick(0);
        bench.WaitForFault();
        Assert.Contains(expected, trace.Lines);
    }

    [Fact]
    public void Waits_and_the_rest_are_the_queues_own()
    {
        var trace = new NotingTrace();
        using var file = File.OpenHandle("/dev/null");
        object? seen = null;
        using RunnerBench bench = Traced(trace, queue =>
        {
            seen ??= (queue.Name, queue.Size, queue.AcceptedFeatures, queue.Stopping.CanBeCanceled, queue.WaitReadable(file), queue.WaitWritable(file), queue.Sleep(TimeSpan.Zero));
            if (queue.TryTake() is { } chain)
                chain.Complete(0);

            queue.Interrupt();
            queue.Sleep(TimeSpan.FromMilliseconds(1));
        }).Start();
        bench.Request(0);
        bench.WaitForInterrupt(0);
        bench.Reset();
        Assert.Equal(("q0", 256, 6ul, true, true, true, true), seen);
    }
}
