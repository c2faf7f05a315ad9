// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.Engines;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Host.Tests.Engines;

public class KernelEngineTests
{
    private const int Enoent = 2;
    private const int Eintr = 4;
    private const int Einval = 22;
    private const int Erestart = 85;

    private static KernelEngine Engine(ScriptedDevice device) => new(device, unchecked((nint)0x7f0000001000), 0x4107, 0x100000);

    [Fact]
    public void The_guest_is_described_in_four_native_words()
    {
        var device = new ScriptedDevice();
        using var engine = Engine(device);
        Assert.Equal([0, unchecked((nint)0x7f0000001000), 0x4107, 0x100000], Assert.Single(device.Writes));
    }

    [Fact]
    public void Addresses_with_the_top_bit_set_stay_positive()
    {
        var device = new ScriptedDevice().Notifies(unchecked((nint)0xfffff000));
        using var engine = new KernelEngine(device, 0x1000, 0xfffff, 0xf0000000);
        Assert.Equal([0, 0x1000, 0xfffff, unchecked((nint)0xf0000000)], device.Writes[0]);
        Assert.Equal(new EngineExit(EngineExitKind.Notify, 0xfffff000), engine.Run());
    }

    [Fact]
    public void A_refused_guest_is_an_error()
    {
        var device = new ScriptedDevice { OnWrite = _ => -16 };
        Assert.Equal("/dev/lguest: preparing the guest failed: Device or resource busy", Assert.Throws<HostException>(() => Engine(device)).Message);
    }

    [Fact]
    public void A_notify_ends_the_run_and_the_guest_runs_on()
    {
        var device = new ScriptedDevice().Notifies(0x4000000).Notifies(0x1234);
        using var engine = Engine(device);
        Assert.Equal(new EngineExit(EngineExitKind.Notify, 0x4000000), engine.Run());
        Assert.Equal(new EngineExit(EngineExitKind.Notify, 0x1234), engine.Run());
    }

    [Fact]
    public void A_dead_guests_reason_is_asked_for()
    {
        var device = new ScriptedDevice().Answers(-Enoent).Answers(-Eintr).Says("CRASH: Power down");
        using var engine = Engine(device);
        Assert.Equal(new EngineExit(EngineExitKind.Died, Reason: "CRASH: Power down"), engine.Run());
    }

    [Fact]
    public void A_very_long_reason_is_cut_not_overrun()
    {
        var device = new ScriptedDevice().Answers(-Enoent).Says(new string('x', 5000));
        using var engine = Engine(device);
        Assert.Equal(1024, engine.Run().Reason.Length);
    }

    [Fact]
    public void A_restart_is_told_apart()
    {
        using var engine = Engine(new ScriptedDevice().Answers(-Erestart));
        Assert.Equal(EngineExitKind.Restart, engine.Run().Kind);
    }

    [Fact]
    public void An_interrupted_call_is_repeated()
    {
        using var engine = Engine(new ScriptedDevice().Answers(-Eintr).Answers(-Eintr).Notifies(5));
        Assert.Equal(new EngineExit(EngineExitKind.Notify, 5), engine.Run());
    }

    [Theory]
    [InlineData(-Einval, "Invalid argument")]
    [InlineData(3, "unexpected answer 3")]
    [InlineData(0, "unexpected answer 0")]
    public void Anything_else_is_an_error(int answer, string expected)
    {
        using var engine = Engine(new ScriptedDevice().Answers(answer));
        Assert.Equal("/dev/lguest: running the guest failed: " + expected, Assert.Throws<HostException>(() => engine.Run()).Message);
    }

    [Fact]
    public void Interrupts_are_two_words()
    {
        var device = new ScriptedDevice();
        using var engine = Engine(device);
        engine.RaiseInterrupt(7);
        Assert.Equal([2, 7], device.Writes[1]);

        device.OnWrite = _ => -Enoent;
        engine.RaiseInterrupt(7);
        device.OnWrite = _ => -Einval;
        Assert.Throws<HostException>(() => engine.RaiseInterrupt(99));
    }

    [Fact]
    public void Queues_are_registered_with_their_eventfd_which_stays_open()
    {
        var device = new ScriptedDevice();
        var eventFd = new Handle(33);
        using (var engine = Engine(device))
        {
            engine.RegisterNotify(0x4001000, new NotifySignal(() => { }, eventFd));
            Assert.Equal([4, 0x4001000, 33], device.Writes[1]);
            eventFd.Dispose();
            Assert.False(eventFd.Released);
        }
        Assert.True(eventFd.Released);
        Assert.True(device.Disposed);
    }

    [Fact]
    public async Task A_guest_asleep_in_the_kernel_is_stopped()
    {
        using var ready = new ManualResetEventSlim();
        KernelEngine? engine = null;
        var run = Task.Factory.StartNew(
            () =>
            {
                using var made = engine = Engine(new ScriptedDevice().Blocks().Blocks());
                ready.Set();
                return made.Run();
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        ready.Wait();
        Thread.Sleep(50);
        engine!.RequestStop();
        // The limit only keeps a defect from hanging the run.
        Assert.Equal(EngineExitKind.Stopped, (await run.WaitAsync(TimeSpan.FromMinutes(1))).Kind);
    }

    [Fact]
    public void A_stop_asked_for_before_the_run_is_not_lost()
    {
        using var engine = Engine(new ScriptedDevice().Notifies(1));
        engine.RequestStop();
        Assert.Equal(EngineExitKind.Stopped, engine.Run().Kind);
        Assert.Equal(EngineExitKind.Notify, engine.Run().Kind);
    }

    private sealed class Handle : SafeHandleMinusOneIsInvalid
    {
        public Handle(nint value)
            : base(ownsHandle: true) => SetHandle(value);

        public bool Released { get; private set; }

        protected override bool ReleaseHandle()
        {
            Released = true;
            return true;
        }
    }
}
