// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Tracing;
using LguestPlug.Virtio;
using Microsoft.Extensions.Logging.Abstractions;

namespace LguestPlug.Host.Tests.Tracing;

/// <summary>Which devices are traced, and what happens when their lines cannot be written.</summary>
[Collection(nameof(Alone))]
public sealed class DeviceTraceFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lguest-trace").FullName;
    private readonly ListLogger _log = new();
    private readonly List<BusDevice> _devices = [];

    public void Dispose()
    {
        foreach (var device in _devices)
            device.Runner.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private List<BusDevice> Machine(params string[] names)
    {
        foreach (var name in names)
            _devices.Add(new(name.TrimEnd('0', '1'), new VirtioDeviceRunner(name, new FakeDevice(2), NullLogger.Instance, _ => { })));
        return _devices;
    }

    private DeviceTraceFile Attach(string options, List<BusDevice> devices)
    {
        var file = new DeviceTraceFile(DeviceTraceRequest.Parse(Path.Combine(_folder, "trace") + options));
        file.Attach(devices, _log);
        return file;
    }

    [Theory]
    [InlineData("", "block0 block1 rng0")]
    [InlineData(",device=block", "block0 block1")]
    [InlineData(",device=block1,device=rng", "block1 rng0")]
    public void The_chosen_devices_are_traced(string options, string expected)
    {
        using var file = Attach(options, Machine("block0", "block1", "rng0"));
        Assert.Equal(expected, string.Join(' ', _devices.Where(d => d.Runner.Trace is not null).Select(d => d.Runner.Name)));
    }

    [Fact]
    public void A_device_that_is_not_there_is_named_with_those_that_are()
    {
        var message = Assert.Throws<HostException>(() => Attach(",device=blokc", Machine("block0", "rng0"))).Message;
        Assert.Equal("--trace: no device 'blokc' in this machine; did you mean 'block'? (its devices: block0, rng0)", message);
        Assert.False(File.Exists(Path.Combine(_folder, "trace")));
    }

    [Fact]
    public void What_cannot_be_written_ends_the_trace_with_one_line()
    {
        Assert.SkipUnless(File.Exists("/dev/full"), "needs /dev/full");
        using var file = new DeviceTraceFile(DeviceTraceRequest.Parse("/dev/full,format=json"));
        file.Attach(Machine("block0"), _log);
        Assert.False(file.IsOpen);
        for (var i = 0; i < 3; i++)
            file.Write(new ResetRecord("block0"));
        Assert.Matches("^Warning: --trace: cannot write '/dev/full': .*; the trace ends there$", Assert.Single(_log.Lines));
    }

    [Fact]
    public void A_file_that_cannot_be_made_ends_the_launch()
    {
        var missing = new DeviceTraceFile(DeviceTraceRequest.Parse(Path.Combine(_folder, "no", "trace")));
        Assert.EndsWith("trace': no such folder", Assert.Throws<HostException>(() => missing.Attach(Machine("block0"), _log)).Message, StringComparison.Ordinal);
        var directory = new DeviceTraceFile(DeviceTraceRequest.Parse(_folder));
        Assert.Equal($"--trace: cannot write '{_folder}': it is a directory", Assert.Throws<HostException>(() => directory.Attach(_devices, _log)).Message);
    }

    [Fact]
    public void An_older_trace_is_gone_and_time_never_goes_back()
    {
        var path = Path.Combine(_folder, "trace");
        File.WriteAllText(path, new string('x', 100_000));
        using (var file = Attach(",format=json", Machine("block0")))
        {
            file.Write(new StartRecord("block0", "block", 2, 0, 0, [], [new("q0", 256)]));
            Parallel.For(0, 200, i => file.Write(new ChainRecord("block0", 0, i, 0, [], [], null)));
        }
        using var reader = new TraceReader(path);
        var times = reader.Records().Select(r => r.Time).ToList();
        Assert.Equal(201, times.Count);
        Assert.Equal(times.Order(), times);
    }
}
