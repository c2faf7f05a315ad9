// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Tracing;
using Microsoft.Extensions.Logging.Abstractions;

namespace LguestPlug.Host.Tests.Tracing;

/// <summary>Recorded requests on a device that is, or is not, what was recorded.</summary>
public sealed class ReplayTests : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly string _path = Path.GetTempFileName();
    private readonly List<string> _served = [];
    private FakeDevice? _device;

    public void Dispose() => File.Delete(_path);

    public sealed class NoOptions;

    private sealed class FakePlugin(Func<VirtioDevice> create) : DevicePlugin<NoOptions>
    {
        public override VirtioDevice Create(NoOptions options, IDeviceContext context) => create();
    }

    /// <summary>Answers with the bytes it reads, each plus one.</summary>
    private void Increment(IVirtqueue queue)
    {
        if (queue.Take() is not { } chain)
            return;
        var bytes = new byte[chain.Readable.Length];
        chain.Readable.Read(bytes);
        lock (_served)
            _served.Add(Convert.ToHexString(bytes));
        if (bytes is [0xff, ..])
            throw queue.Fault("a request of kind 255");
        chain.Complete(chain.Writable.Write([.. bytes.Select(b => (byte)(b + 1))]));
    }

    private (int Code, string Output) Replay(string[] lines, QueueService? service = null, TimeSpan? timeout = null, string? from = null, bool compareData = true, string plugin = "fake")
    {
        File.WriteAllText(_path, string.Join('\n', lines) + "\n");
        using var output = new StringWriter();
        var request = new ReplayRequest(_path, DeviceRequest.Parse(plugin), from, compareData, timeout ?? s_patience, []);
        var code = Host.Tracing.Replay.Run(
            request, _ => new FakePlugin(() => _device = new FakeDevice(2, 1, service ?? Increment) { FeatureBits = 0x204, ConfigBytes = [1, 2] }), NullLoggerFactory.Instance, output);
        return (code, output.ToString().Replace(_path, "F", StringComparison.Ordinal));
    }

    private string Refused(params string[] lines) => Assert.Throws<HostException>(() => Replay(lines)).Message.Replace(_path, "F", StringComparison.Ordinal);

    [Fact]
    public void The_same_device_gives_the_same_answers()
    {
        Assert.Equal((0, "replayed fake0: 3 chains, 2 completed, 1 not waited for, 0 differences\n"), Replay(
        [
            Lines.Header, Lines.Start("fake0", "fake"), Lines.Start("other0", "other"),
            Lines.Chain("fake0", 1, [1, 2], 8), Lines.Chain("other0", 1, [9], 8), Lines.Chain("fake0", 2, [3], 1),
            Lines.Completion("fake0", 1, 2, [2, 3]), Lines.Completion("fake0", 2, 1, [4]), Lines.Completion("other0", 1, 0),
            Lines.Chain("fake0", 3, [], 1), Lines.Reset("fake0"), Lines.Reset("other0"),
        ]));
        Assert.Equal(["0102", "03"], _served.Take(2));
    }

    [Fact]
    public void Each_start_is_replayed()
    {
        string[] boot = [Lines.Start("fake0", "fake"), Lines.Chain("fake0", 1, [1], 1), Lines.Completion("fake0", 1, 1, [2]), Lines.Reset("fake0")];
        Assert.Equal((0, "replayed fake0: 2 chains, 2 completed, 0 not waited for, 0 differences\n"), Replay([Lines.Header, .. boot, .. boot]));
    }

    [Fact]
    public void What_the_driver_wrote_into_the_configuration_is_written_again()
    {
        Assert.Equal(0, Replay([Lines.Header, Lines.Start("fake0", "fake"), Lines.Config("fake0", 1, "2a"), Lines.Chain("fake0", 1, [1], 1), Lines.Completion("fake0", 1, 1)]).Code);
        Assert.Equal(["start 200", "written 012a", "reset", "dispose"], _device!.Events);
    }

    [Fact]
    public void Other_lengths_and_bytes_are_differences_with_their_lines()
    {
        string[] lines =
        [
            Lines.Header, Lines.Start("fake0", "fake", config: "0103"),
            Lines.Chain("fake0", 1, [1, 2], 8), Lines.Completion("fake0", 1, 3),
            Lines.Chain("fake0", 2, [1, 2], 8), Lines.Completion("fake0", 2, 2, [2, 0xee]),
        ];
        const string Configuration = "F:2: the configuration is 0102, recorded 0103\n";
        const string Length = "F:4: q0 chain 1: used length 2, recorded 3\n";
        Assert.Equal(
            (1, Configuration + Length + "F:6: q0 chain 2: byte 1 of 2 written is 0x03, recorded 0xee\nreplayed fake0: 2 chains, 2 completed, 0 not waited for, 3 differences\n"),
            Replay(lines));
        Assert.Equal(
            (1, Configuration + Length + "replayed fake0: 2 chains, 2 completed, 0 not waited for, 2 differences\n"),
            Replay(lines, compareData: false));
    }

    [Fact]
    public void Of_many_differences_the_first_are_told()
    {
        List<string> lines = [Lines.Header, Lines.Start("fake0", "fake")];
        for (var i = 1; i <= 25; i++)
            lines.AddRange([Lines.Chain("fake0", i, [1], 8), Lines.Completion("fake0", i, 0)]);
        var (code, output) = Replay([.. lines]);
        Assert.Equal(1, code);
        Assert.Equal(12, output.TrimEnd('\n').Split('\n').Length);
        Assert.EndsWith("... and 15 more\nreplayed fake0: 25 chains, 25 completed, 0 not waited for, 25 differences\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void As_many_chains_are_in_flight_as_were_and_completed_in_any_order()
    {
        const int Many = 256;
        List<string> lines = [Lines.Header, Lines.Start("fake0", "fake")];
        for (var i = 1; i <= Many; i++)
            lines.Add(Lines.Chain("fake0", i, [(byte)i, 1, 2], 3));
        for (var i = Many; i >= 1; i--)
            lines.Add(Lines.Completion("fake0", i, 0));
        // Waits until it has all of them, and gives them back from the last.
        var (code, output) = Replay([.. lines], queue =>
        {
            var chains = new Stack<DescriptorChain>();
            while (chains.Count < Many && queue.Take() is { } chain)
                chains.Push(chain);
            while (chains.Count == Many || (chains.Count > 0 && !queue.Stopping.IsCancellationRequested))
                chains.Pop().Complete(0);
        });
        Assert.Equal((0, $"replayed fake0: {Many} chains, {Many} completed, 0 not waited for, 0 differences\n"), (code, output));
    }

    [Fact]
    public void A_device_that_hangs_is_not_waited_for_for_ever()
    {
        var (code, output) = Replay(
            [Lines.Header, Lines.Start("fake0", "fake"), Lines.Chain("fake0", 1, [1], 1), Lines.Completion("fake0", 1, 1)],
            queue => queue.Sleep(Timeout.InfiniteTimeSpan), TimeSpan.FromSeconds(0.2));
        Assert.Equal(1, code);
        Assert.StartsWith("F:4: queue q0: the device did not hand back the chain that reads 1, writes 1 within 0.2 s; 1 chain in flight", output, StringComparison.Ordinal);
        Assert.EndsWith("; the replay ends here\nreplayed fake0: 1 chains, 0 completed, 0 not waited for, 1 differences\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_device_that_breaks_the_rules_is_told_of()
    {
        var (code, output) = Replay(
            [Lines.Header, Lines.Start("fake0", "fake"), Lines.Chain("fake0", 1, [1], 9), Lines.Completion("fake0", 1, 9)],
            queue => queue.Take()?.Complete(9));
        Assert.Equal(1, code);
        Assert.Contains("used length of 9, but the device never wrote byte 0", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_fault_over_a_chain_is_to_come_again()
    {
        string[] lines =
        [
            Lines.Header, Lines.Start("fake0", "fake"), Lines.Chain("fake0", 1, [1], 1), Lines.Completion("fake0", 1, 1),
            Lines.Chain("fake0", 2, [0xff], 1), Lines.Fault("fake0", "fake0: queue q0, descriptor 0: a request of kind 255"), Lines.Reset("fake0"),
        ];
        // The descriptor's number is the driver's choice; here it takes the same.
        Assert.Equal((0, "replayed fake0: 2 chains, 1 completed, 1 not waited for, 0 differences\n"), Replay(lines));
        var (code, output) = Replay(lines, queue =>
        {
            if (queue.Take() is { } chain)
                chain.Complete(chain.Writable.Write([7]));
        }, TimeSpan.FromSeconds(0.2));
        Assert.Equal(1, code);
        Assert.Contains("F:6: the device did not fault its driver within 0.2 s", output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_fault_of_the_ring_itself_cannot_come_again()
    {
        string[] lines = [Lines.Header, Lines.Start("fake0", "fake"), Lines.Chain("fake0", 1, [1], 1), Lines.Completion("fake0", 1, 1), Lines.Fault("fake0", "fake0: odd", ringIsBroken: true), Lines.Reset("fake0")];
        Assert.Equal(0, Replay(lines).Code);
    }

    [Fact]
    public void A_device_that_stops_where_the_recorded_one_did_not_is_told_of()
    {
        var (code, output) = Replay([Lines.Header, Lines.Start("fake0", "fake"), Lines.Chain("fake0", 1, [0xff], 1), Lines.Completion("fake0", 1, 1)]);
        Assert.Equal(1, code);
        Assert.StartsWith("F:4: queue q0: the device did not hand back the chain", output, StringComparison.Ordinal);
        Assert.Contains("since it stopped: queue q0, descriptor", output, StringComparison.Ordinal);
    }

    [Fact]
    public void What_does_not_fit_is_refused_before_the_device_gets_anything()
    {
        var chain = Lines.Chain("fake0", 1, [1], 1);
        Assert.Equal("F:2: fake0 is a device of type 3, but 'fake' makes one of type 2", Refused(Lines.Header, Lines.Start("fake0", "fake", type: 3), chain));
        Assert.Equal(
            "F:2: the driver had accepted the features 00000600, of which this 'fake' does not offer 00000400",
            Refused(Lines.Header, Lines.Start("fake0", "fake", accepted: 0x600), chain));
        Assert.Equal(
            "F:2: fake0 has the queues a:256 b:256, but this 'fake' has q0:256",
            Refused(Lines.Header, Lines.Start("fake0", "fake", queues: """[{"name":"a","size":256},{"name":"b","size":256}]"""), chain));
        Assert.Equal("F:3: this chain reads more than 64 MiB, which are not in the trace", Refused(Lines.Header, Lines.Start("fake0", "fake"), chain.Replace(""","data":"AQ==" """.TrimEnd(), "", StringComparison.Ordinal)));
        Assert.Equal("F:3: the chains open here have 4000 MiB; 480 can be replayed", Refused(Lines.Header, Lines.Start("fake0", "fake"), Lines.Chain("fake0", 1, [1], 1 << 30).Replace("1073741824", "4194304000", StringComparison.Ordinal)));
        Assert.Equal("F:1: this trace was recorded with data=none: what the devices read is not in it", Refused(Lines.Header.Replace("full", "none", StringComparison.Ordinal), Lines.Start("fake0", "fake"), chain));
        Assert.Equal("F:4: a used length of 2, but the chain has 1 writable bytes", Refused(Lines.Header, Lines.Start("fake0", "fake"), chain, Lines.Completion("fake0", 1, 2)));
        Assert.Empty(_served);
    }

    [Fact]
    public void Which_device_is_replayed_must_be_clear()
    {
        string[] lines = [Lines.Header, Lines.Start("fake0", "fake"), Lines.Start("fake1", "fake"), Lines.Chain("fake1", 1, [5], 1), Lines.Completion("fake1", 1, 1)];
        Assert.Equal("F: it has fake0 and fake1: --from says which one to replay", Refused(lines));
        Assert.Equal((0, "replayed fake1: 1 chains, 1 completed, 0 not waited for, 0 differences\n"), Replay(lines, from: "fake1"));
        Assert.Equal((0, "replayed fake1: 1 chains, 1 completed, 0 not waited for, 0 differences\n"), Replay(lines, from: "fake1", plugin: "other"));
        Assert.Contains("no device 'fkae1' in it; did you mean 'fake1'? (its devices: fake0, fake1)", Assert.Throws<HostException>(() => Replay(lines, from: "fkae1")).Message, StringComparison.Ordinal);
        Assert.Contains("no device of plugin 'other' in it (its devices: fake0, fake1); --from says", Assert.Throws<HostException>(() => Replay(lines, plugin: "other")).Message, StringComparison.Ordinal);
    }
}
