// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text;
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Output;
using LguestPlug.Virtio;

namespace LguestPlug.Host.Tests.Bus;

public sealed class LguestBusTests : IDisposable
{
    private const ulong Ram = 4 << 20;
    private const uint Descriptor = (uint)Ram;
    private const uint Ring = (uint)Ram + 0x1000;
    private const ulong StatusByte = Ram + 4;
    private const ulong AcceptedByte = Ram + 5 + 8 + 1;

    private readonly GuestMemory _memory = GuestMemory.Allocate(Ram, DevicePageLayout.DevicePages);
    private readonly FakeDevice _device = new(4) { FeatureBits = 0x0b, ConfigBytes = [1, 2, 3] };
    private readonly VirtioDeviceRunner _runner;
    private readonly MemoryStream _output = new();
    private readonly LastLines _lines = new(null);
    private readonly EarlyConsole _early;
    private readonly ListLogger _log = new();
    private readonly FakeEngine _engine = new([]);
    private readonly LguestBus _bus;

    public LguestBusTests()
    {
        _runner = new VirtioDeviceRunner("thing0", _device, _log, _ => { });
        _early = new EarlyConsole(_output, _lines, _log);
        _bus = new LguestBus(_memory, [new("thing", _runner)], _early, _log);
        _bus.LayOut();
        _bus.Attach(_engine);
    }

    public void Dispose()
    {
        _bus.Detach();
        _runner.Dispose();
        _engine.Dispose();
        _memory.Dispose();
    }

    [Fact]
    public void A_plugin_that_blocks_ends_the_host_in_one_line_and_holds_it_up_once()
    {
        using var entered = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        using var runner = new VirtioDeviceRunner("stuck0", new FakeDevice(4, service: _ => { entered.Set(); release.Wait(); }), _log, _ => { });
        var bus = new LguestBus(_memory, [new("stuck", runner)], _early, _log);
        bus.LayOut();
        bus.Attach(_engine);
        Status(0);
        _memory.Slice(StatusByte, 1)[0] = 3;
        bus.HandleNotify(Descriptor);
        Assert.True(entered.Wait(TimeSpan.FromSeconds(30)));

        Assert.Equal("stuck0: queue q0 did not stop within 10 s; its plugin blocks", Assert.Throws<HostException>(bus.Detach).Message);
        for (var i = 0; i < 20; i++)
            Assert.Throws<HostException>(bus.Detach);
        release.Set();
        Assert.True(SpinWait.SpinUntil(() => Record.Exception(bus.Detach) is null, TimeSpan.FromSeconds(30)));
    }

    private void Status(byte status)
    {
        _memory.Slice(StatusByte, 1)[0] = status;
        _bus.HandleNotify(Descriptor);
    }

    [Fact]
    public void A_guest_since_3_1_starts_the_device_with_its_first_notify_after_the_reset()
    {
        Status(0);
        Assert.Equal(DeviceRunState.Stopped, _runner.State);
        _memory.Slice(AcceptedByte, 1)[0] = 0x09;
        Status(3);
        Assert.Equal(["start 9"], _device.Events);
        Assert.Equal([Ring], _engine.Notifies.Keys);
    }

    [Fact]
    public void A_guest_before_3_1_starts_the_device_with_DRIVER_OK()
    {
        Status(0);
        Status(1);
        Status(3);
        Assert.Equal(DeviceRunState.Stopped, _runner.State);
        _memory.Slice(AcceptedByte, 1)[0] = 0x03;
        Status(7);
        Assert.Equal(["start 3"], _device.Events);

        Status(0);
        Status(1);
        Status(3);
        Assert.Equal(DeviceRunState.Stopped, _runner.State);
        Status(7);
        Assert.Equal(DeviceRunState.Running, _runner.State);
    }

    [Fact]
    public void A_guest_before_3_1_may_start_the_device_with_a_kick()
    {
        Status(0);
        Status(1);
        Status(3);
        _memory.Slice(AcceptedByte, 1)[0] = 0x01;
        _bus.HandleNotify(Ring);
        Assert.Equal(["start 1"], _device.Events);
        // DRIVER_OK comes when the device is running already, once or twice.
        Status(7);
        Status(7);
        Assert.Equal(["start 1"], _device.Events);
        Assert.Equal(DeviceRunState.Running, _runner.State);
    }

    [Fact]
    public void A_notify_without_a_reset_before_starts_the_device_too()
    {
        Status(5);
        Assert.Equal(["start 0"], _device.Events);
    }

    [Fact]
    public void Features_never_offered_are_left_out_in_silence()
    {
        _memory.Slice(AcceptedByte, 1)[0] = 0xff;
        Status(3);
        Assert.Equal(["start b"], _device.Events);
        Assert.DoesNotContain(_log.Lines, line => line.StartsWith("Warning", StringComparison.Ordinal));
    }

    [Fact]
    public void Deciding_twice_is_fatal()
    {
        Status(3);
        Assert.Equal("Device thing features finalized twice", Assert.Throws<HostException>(() => Status(3)).Message);
    }

    [Fact]
    public void A_reset_makes_rings_and_accepted_features_zero_and_leaves_the_status()
    {
        _memory.Slice(AcceptedByte, 1)[0] = 0x0b;
        Status(3);
        _memory.Slice(Ring, 0x3000).Slice(0x2ffd - 0x400, 8).Fill(0x55);
        _memory.Slice(Ring + 8, 4).Fill(0x77);
        Status(0);
        Assert.Equal(["start b", "reset"], _device.Events);
        Assert.Equal(0, _memory.Slice(AcceptedByte, 1)[0]);
        Assert.True(_memory.Slice(Ring, 10246).IndexOfAnyExcept((byte)0) < 0);
    }

    [Fact]
    public void Every_reset_is_told_also_of_a_device_that_does_not_run()
    {
        Status(0);
        Status(3);
        Status(0);
        Status(0);
        _bus.Detach();
        Assert.Equal(4, _log.Lines.Count(line => line == "Information: Resetting device thing0"));
    }

    [Fact]
    public void FAILED_is_told_and_resets()
    {
        Status(3);
        Status(0x87);
        Assert.Contains("Warning: Device thing configuration FAILED", _log.Lines);
        Assert.Equal(["start 0", "reset"], _device.Events);
        Assert.Equal(0x87, _memory.Slice(StatusByte, 1)[0]);
        Status(0x80);
        Assert.Equal(2, _log.Lines.Count(line => line.EndsWith("configuration FAILED", StringComparison.Ordinal)));
        Status(3);
        Assert.Equal(DeviceRunState.Running, _runner.State);
    }

    [Fact]
    public void A_running_queue_is_kicked_and_interrupts_on_its_own_line()
    {
        Status(3);
        // One chain: a writable buffer of 16 bytes at 0x2000.
        var descriptor = _memory.Slice(Ring, 16);
        BitConverter.TryWriteBytes(descriptor, 0x2000UL);
        BitConverter.TryWriteBytes(descriptor[8..], 16);
        BitConverter.TryWriteBytes(descriptor[12..], (ushort)2);
        BitConverter.TryWriteBytes(_memory.Slice(Ring + 4096 + 2, 2), (ushort)1);
        _engine.Kick(Ring);
        Assert.True(_engine.Interrupts.TryTake(out var irq, TimeSpan.FromSeconds(30)));
        Assert.Equal(1, irq);
        Assert.Equal(1, _memory.Slice(Ring + 8192 + 2, 1)[0]);
    }

    /// <summary>Or its services would use an engine and memory that are gone.</summary>
    [Fact]
    public void A_plugin_that_throws_when_reset_does_not_keep_the_others_running()
    {
        using var bad = new VirtioDeviceRunner("bad0", new FakeDevice(9) { ThrowOnReset = new InvalidOperationException("no luck") }, _log, _ => { });
        var good = new FakeDevice(9);
        using var other = new VirtioDeviceRunner("good0", good, _log, _ => { });
        var bus = new LguestBus(_memory, [new("bad", bad), new("good", other)], _early, _log);
        bus.LayOut();
        bus.Attach(_engine);
        foreach (var place in bus.Devices.Select(d => d.Place))
        {
            _memory.Slice(place.Status, 1)[0] = 3;
            bus.HandleNotify((uint)place.Descriptor);
        }
        Assert.Equal("bad0: the plugin threw InvalidOperationException: no luck", Assert.Throws<HostException>(bus.Detach).Message);
        Assert.Equal(DeviceRunState.Stopped, other.State);
        Assert.Equal("reset", good.Events[^1]);
    }

    [Fact]
    public void A_ring_notified_before_the_device_runs_is_fatal() =>
        Assert.Equal("Notification on thing before setup!", Assert.Throws<HostException>(() => _bus.HandleNotify(Ring)).Message);

    [Fact]
    public void An_address_behind_everything_is_fatal()
    {
        Assert.Equal(Ram + 0x4000, _bus.Limit);
        Assert.Equal("Bad NOTIFY 0x404000", Assert.Throws<HostException>(() => _bus.HandleNotify(0x404000)).Message);
        Assert.Equal("Bad NOTIFY 0xffffffff", Assert.Throws<HostException>(() => _bus.HandleNotify(0xffffffff)).Message);
    }

    [Fact]
    public void Anything_else_is_early_console_output()
    {
        "hello\r\nwörld"u8.CopyTo(_memory.Slice(0x5000, 100));
        _bus.HandleNotify(0x5000);
        _bus.HandleNotify(0x5000 + 3);
        _bus.HandleNotify(Descriptor + 1);
        _bus.HandleNotify(Ring + 1);
        Assert.Equal("hello\r\nwörldlo\r\nwörld\u0001\u0001\u0003", Encoding.UTF8.GetString(_output.ToArray()));
        Assert.Equal(["hello", "wörldlo", "wörld"], _lines.Read());
    }

    [Fact]
    public void Early_output_without_an_end_stops_at_the_end_of_memory()
    {
        _memory.Slice(Ram - 200_000, 200_000).Fill((byte)'x');
        _memory.Slice(Ram, (int)(_bus.Limit - Ram)).Fill((byte)'y');
        _bus.HandleNotify((uint)Ram - 200_000);
        Assert.Equal(200_000 + 0x4000, _output.Length);
    }

    [Fact]
    public void Changed_configuration_bytes_appear_in_the_page()
    {
        var config = _memory.Slice(AcceptedByte + 1, 3);
        Assert.Equal([1, 2, 3], config.ToArray());
        _device.ConfigBytes = [7, 8, 9];
        _runner.UpdateConfig();
        Assert.Equal([7, 8, 9], config.ToArray());
    }

    [Fact]
    public void A_device_hears_of_configuration_bytes_the_guest_wrote_when_it_is_looked()
    {
        Status(3);
        _memory.Slice(AcceptedByte + 1, 3)[2] = 9;
        Assert.Equal(["start 0"], _device.Events);
        Status(0);
        Assert.Equal(["start 0", "written 010209", "reset"], _device.Events);
        // A reset leaves them alone, a boot does not.
        Assert.Equal(9, _memory.Slice(AcceptedByte + 1, 3)[2]);
        _memory.Slice(AcceptedByte + 1, 3)[1] = 8;
        Status(3);
        Assert.Equal(["start 0", "written 010209", "reset", "start 0", "written 010809"], _device.Events);
        _bus.Detach();
        _memory.Slice(AcceptedByte + 1, 3)[0] = 7;
        _bus.LayOut();
        _bus.Attach(_engine);
        Assert.Equal([1, 2, 3], _memory.Slice(AcceptedByte + 1, 3).ToArray());
        Status(3);
        Assert.Equal(["reset", "start 0"], _device.Events.TakeLast(2));
    }

    [Fact]
    public void Memory_is_left_alone_once_the_bus_is_detached()
    {
        _bus.Detach();
        _device.ConfigBytes = [7, 8, 9];
        _runner.UpdateConfig();
        Assert.Equal([1, 2, 3], _memory.Slice(AcceptedByte + 1, 3).ToArray());
    }

    [Fact]
    public void A_plugin_that_throws_when_started_is_named()
    {
        using var runner = new VirtioDeviceRunner("bad0", new FakeDevice(9) { ThrowOnStart = new InvalidOperationException("no luck") }, _log, _ => { });
        var bus = new LguestBus(_memory, [new("bad", runner)], _early, _log);
        bus.LayOut();
        bus.Attach(_engine);
        _memory.Slice(StatusByte, 1)[0] = 3;
        Assert.Equal("bad0: the plugin threw InvalidOperationException: no luck", Assert.Throws<HostException>(() => bus.HandleNotify(Descriptor)).Message);
    }

    [Fact]
    public void The_guest_may_go_on_without_a_plugin_that_throws()
    {
        using var runner = new VirtioDeviceRunner(
            "bad0", new FakeDevice(9) { ThrowOnStart = new InvalidOperationException("no luck") }, _log, _ => { });
        var bus = new LguestBus(_memory, [new("bad", runner)], _early, _log, DeviceFaultPolicy.Detach);
        bus.LayOut();
        bus.Attach(_engine);
        _memory.Slice(StatusByte, 1)[0] = 3;
        bus.HandleNotify(Descriptor);
        Assert.Equal(DeviceRunState.Stopped, runner.State);
        Assert.Contains("Warning: bad0: the plugin threw InvalidOperationException: no luck; the device is detached, the guest goes on without it", _log.Lines);
    }

    [Fact]
    public void A_plugin_that_throws_when_reset_is_named()
    {
        using var runner = new VirtioDeviceRunner("bad0", new FakeDevice(9) { ThrowOnReset = new InvalidOperationException("no luck") }, _log, _ => { });
        var bus = new LguestBus(_memory, [new("bad", runner)], _early, _log);
        bus.LayOut();
        bus.Attach(_engine);
        _memory.Slice(StatusByte, 1)[0] = 3;
        bus.HandleNotify(Descriptor);
        _memory.Slice(StatusByte, 1)[0] = 0;
        Assert.Equal("bad0: the plugin threw InvalidOperationException: no luck", Assert.Throws<HostException>(() => bus.HandleNotify(Descriptor)).Message);
        // Once is enough: it has ended, and is not asked again when all is put away.
        bus.Detach();
    }

    [Fact]
    public void Laying_out_again_after_a_reboot_gives_the_same_page()
    {
        Status(3);
        var before = _memory.Slice(Ram, 4096).ToArray();
        before[4] = 0;
        _bus.Detach();
        _memory.Clear();
        _bus.LayOut();
        Assert.Equal(before, _memory.Slice(Ram, 4096).ToArray());
    }
}
