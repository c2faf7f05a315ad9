// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Engines;
using LguestPlug.Host.Running;
using LguestPlug.Host.Tests.Engines;
using LguestPlug.Host.Tests.Loading;
using Microsoft.Extensions.Logging.Abstractions;

namespace LguestPlug.Host.Tests.Running;

[Collection(nameof(Alone))]
public sealed class GuestLauncherTests : IDisposable
{
    private const int Ram = 4 << 20;
    private readonly string _folder = Directory.CreateTempSubdirectory("lguest-launch").FullName;
    private readonly List<FakeDevice> _devices = [];
    private readonly List<FakeEngine> _engines = [];
    private readonly List<string> _seen = [];
    private readonly StopRequests _stop = new();
    private IDeviceContext? _context;
    private nint _memory;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public sealed class NoOptions;

    private sealed class FakePlugin(Func<IDeviceContext, VirtioDevice> create) : DevicePlugin<NoOptions>
    {
        public override VirtioDevice Create(NoOptions options, IDeviceContext context) => create(context);
    }

    private string Kernel()
    {
        var image = new ElfImage();
        image.Segments.Add(new(0x1000, 0x100000, 4, 4));
        image.Content.Add((0x1000, [1, 2, 3, 4]));
        var path = Path.Combine(_folder, "kernel");
        File.WriteAllBytes(path, image.ToBytes());
        return path;
    }

    private unsafe Span<byte> Guest(int address, int length) => new((byte*)_memory + address, length);

    private Outcome Run(bool reboot, Func<IDeviceContext, FakeDevice> create, params Func<FakeEngine, EngineExit>[][] boots)
    {
        var boot = 0;
        return Run(reboot, create, (memory, pageLimit, entry) =>
        {
            _memory = memory;
            _seen.Add($"{pageLimit:x} {entry:x}");
            var engine = new FakeEngine(boots[boot++]);
            _engines.Add(engine);
            return engine;
        });
    }

    private Outcome Run(bool reboot, Func<IDeviceContext, FakeDevice> create, EngineFactory createEngine)
    {
        var request = new LaunchRequest
        {
            MemoryBytes = Ram,
            Kernel = Kernel(),
            GuestArguments = ["a", "b"],
            Devices = [new("fake", null, [], "--fake")],
            Reboot = reboot,
        };
        var launcher = new GuestLauncher(
            request, _stop, NullLoggerFactory.Instance,
            name => new FakePlugin(context =>
            {
                Assert.Equal("fake", name);
                _context = context;
                var device = create(context);
                _devices.Add(device);
                return device;
            }),
            createEngine,
            new EarlyConsole(Stream.Null));
        return launcher.Run();
    }

    private Outcome Run(bool reboot, params Func<FakeEngine, EngineExit>[][] boots) => Run(reboot, _ => new FakeDevice(9), boots);

    /// <summary>A step of the guest: it resets and starts the only device.</summary>
    private IEnumerable<Func<FakeEngine, EngineExit>> StartDevice()
    {
        yield return _ => FakeEngine.Notify(Ram);
        yield return _ =>
        {
            Guest(Ram + 4, 1)[0] = 3;
            return FakeEngine.Notify(Ram);
        };
    }

    private void ExpectAllReleased()
    {
        Assert.All(_devices, device => Assert.Equal("dispose", device.Events[^1]));
        Assert.All(_engines, engine => Assert.True(engine.Disposed));
    }

    [Theory]
    [InlineData("CRASH: Power down", 0)]
    [InlineData("CRASH: Kernel panic", 4)]
    [InlineData("CRASH: ", 4)]
    [InlineData("CRASH: Power down!", 4)]
    [InlineData("bad page table entry", 3)]
    public void The_reason_of_death_decides_the_exit_code(string reason, int exitCode)
    {
        var outcome = Run(true, [_ => FakeEngine.Died(reason)]);
        Assert.Equal(reason, outcome.Message);
        Assert.Equal(exitCode, outcome.ExitCode);
        ExpectAllReleased();
    }

    [Fact]
    public void The_engine_gets_the_page_limit_and_the_entry()
    {
        Run(true, [_ => FakeEngine.Died("CRASH: Power down")]);
        Assert.Equal([$"{(Ram + 0x4000) >> 12:x} 100000"], _seen);
    }

    [Fact]
    public void A_reboot_starts_from_fresh_memory_with_the_same_device()
    {
        byte[]? first = null;
        var outcome = Run(
            true,
            [_ => { first = Guest(0, Ram + 0x4000).ToArray(); return new(EngineExitKind.Notify, 0x300000); }, .. StartDevice(), _ => { Guest(0x100000, 0x2ff000).Fill(0xcc); return FakeEngine.Restart; }],
            [_ => { Assert.Equal(first, Guest(0, Ram + 0x4000).ToArray()); return FakeEngine.Notify(0x300000); }, .. StartDevice(), _ => FakeEngine.Restart],
            [_ => FakeEngine.Died("CRASH: Power down")]);
        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal(["start 0", "reset", "start 0", "reset", "dispose"], Assert.Single(_devices).Events);
        Assert.Equal([1, 2, 3, 4], first![0x100000..0x100004]);
        Assert.Equal("a b\0"u8.ToArray(), first[0x1000..0x1004]);
        ExpectAllReleased();
    }

    [Fact]
    public void Without_reboots_the_wish_ends_the_launch()
    {
        var outcome = Run(false, [_ => FakeEngine.Restart]);
        Assert.Equal(5, outcome.ExitCode);
        Assert.Equal("the guest asked for a reboot", outcome.Message);
        ExpectAllReleased();
    }

    [Fact]
    public void Fifty_reboots_leave_no_thread_and_no_descriptor_behind()
    {
        static int Descriptors() => Directory.GetFiles("/proc/self/fd").Length;
        Run(true, Boots(2));
        var threads = System.Diagnostics.Process.GetCurrentProcess().Threads.Count;
        var descriptors = Descriptors();
        Run(true, Boots(50));
        // The runtime keeps what it loads late open; fifty of anything do not fit.
        Assert.True(Descriptors() <= descriptors + 10, $"{descriptors} descriptors before, {Descriptors()} after");
        Assert.True(System.Diagnostics.Process.GetCurrentProcess().Threads.Count <= threads + 10);

        Func<FakeEngine, EngineExit>[][] Boots(int count) =>
        [
            .. Enumerable.Range(0, count).Select(_ => (Func<FakeEngine, EngineExit>[])[.. StartDevice(), _ => FakeEngine.Restart]),
            [_ => FakeEngine.Died("CRASH: Power down")],
        ];
    }

    [Fact]
    public void A_stop_from_outside_ends_a_running_guest()
    {
        var outcome = Run(true, [.. StartDevice(), engine =>
        {
            _ = Task.Run(() => _stop.Stop(new("stopped by SIGTERM", 143)));
            return FakeEngine.UntilStopped(engine);
        }]);
        Assert.Equal(new Outcome("stopped by SIGTERM", 143).ToString(), outcome.ToString());
        ExpectAllReleased();
    }

    [Fact]
    public void A_stop_before_the_guest_runs_is_not_lost()
    {
        _stop.Stop(new("stopped by SIGINT", 130));
        _stop.Stop(new("stopped by SIGTERM", 143));
        Assert.Equal(130, Run(true, [FakeEngine.UntilStopped]).ExitCode);
    }

    [Fact]
    public void A_device_may_ask_for_the_end()
    {
        var outcome = Run(true, [engine =>
        {
            _context!.RequestStop("three ^C");
            return FakeEngine.UntilStopped(engine);
        }]);
        Assert.Equal("three ^C", outcome.Message);
        Assert.Equal(130, outcome.ExitCode);
    }

    [Fact]
    public void A_ring_the_guest_broke_ends_it_with_device_queue_and_reason()
    {
        var outcome = Run(true, [.. StartDevice(), engine =>
        {
            BitConverter.TryWriteBytes(Guest(Ram + 0x1000 + 4096 + 2, 2), (ushort)300);
            engine.Kick(Ram + 0x1000);
            return FakeEngine.UntilStopped(engine);
        }]);
        Assert.Equal(1, outcome.ExitCode);
        Assert.StartsWith("fake0: queue q0: the available index moved from 0 to 300", outcome.Message, StringComparison.Ordinal);
        ExpectAllReleased();
    }

    [Fact]
    public void A_plugin_that_throws_ends_the_guest_with_device_queue_and_exception()
    {
        var outcome = Run(
            true,
            _ => new FakeDevice(9, service: _ => throw new FormatException("what is\nthis")),
            [.. StartDevice(), FakeEngine.UntilStopped]);
        Assert.Equal(1, outcome.ExitCode);
        Assert.Equal("fake0: queue q0: the plugin threw FormatException: what is this", outcome.Message);
    }

    [Fact]
    public void Devices_the_guest_never_started_offer_help_when_it_dies()
    {
        Assert.Equal(["device type 9 was not used"], Run(true, [_ => FakeEngine.Died("CRASH: x")]).Hints);
        Assert.Empty(Run(true, [.. StartDevice(), _ => FakeEngine.Died("CRASH: x")]).Hints);
        Assert.Empty(Run(true, [_ => FakeEngine.Died("CRASH: Power down")]).Hints);
    }

    [Fact]
    public void Errors_of_the_bus_release_everything()
    {
        Assert.Throws<HostException>(() => Run(true, [_ => FakeEngine.Notify(0xfffffff0)]));
        ExpectAllReleased();
    }

    [Fact]
    public void A_device_that_cannot_be_made_is_one_line()
    {
        var error = Assert.Throws<HostException>(() => Run(true, _ => throw new DeviceSetupException("file 'x' is not there"), []));
        Assert.Equal("--fake: file 'x' is not there", error.Message);
        error = Assert.Throws<HostException>(() => Run(true, _ => throw new InvalidCastException("oops"), []));
        Assert.Equal("--fake: the plugin threw InvalidCastException: oops", error.Message);
    }

    /// <summary>The kernel gives a guest to the thread that prepared it, and lets no other run it.</summary>
    [Fact]
    public void On_the_kernels_engine_every_boot_prepares_and_runs_the_guest_on_one_thread()
    {
        const int Erestart = 85;
        const int Enoent = 2;
        ScriptedDevice[] devices =
        [
            new ScriptedDevice().Notifies(Ram).Notifies(0x300000).Answers(-Erestart),
            new ScriptedDevice().Notifies(Ram).Answers(-Erestart),
            new ScriptedDevice().Answers(-Enoent).Says("CRASH: Power down"),
        ];
        var boot = 0;
        var outcome = Run(true, _ => new FakeDevice(9), (memory, limit, entry) => new KernelEngine(devices[boot++], memory, limit, entry));
        Assert.Equal(0, outcome.ExitCode);
        Assert.Equal([4, 3, 3], devices.Select(device => device.Threads.Count));
        Assert.Single(devices.SelectMany(device => device.Threads).Distinct());
        Assert.All(devices, device => Assert.Equal([0, .. device.Writes[0][1..]], device.Writes[0]));
        Assert.All(devices, device => Assert.True(device.Disposed));
    }
}
