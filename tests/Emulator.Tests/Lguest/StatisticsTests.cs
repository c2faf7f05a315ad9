// SPDX-License-Identifier: GPL-2.0-or-later
using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using LguestPlug.Emulator.Lguest;
using LguestPlug.Emulator.Statistics;

namespace LguestPlug.Emulator.Tests.Lguest;

/// <summary>What a machine says it has done, for guests whose every step is known.</summary>
public class StatisticsTests
{
    private const uint DevicePage = 0x70000, UnknownPage = 0x71000;

    // A handler that returns behind a two-byte instruction that faulted: addl $2, (%esp); iret
    private static readonly byte[] SkipTwo = [0x83, 0x04, 0x24, 2, 0xCF];

    private static TestGuest Guest(CpuExecution execution, bool measureTimes = false)
    {
        TestGuest guest = new() { Options = new LguestMachineOptions { Execution = execution, MeasureTimes = measureTimes } };
        guest.Initialize()
            .Gate(6, 0x8F00, SkipTwo)
            .Gate(0x80, 0xEF00, [0xCF])
            .Emit(0x0F, 0x0B) // ud2
            .Emit(0x0F, 0x0B)
            .Emit(0xCD, 0x80) // int $0x80
            .Call(Hypercall.Notify, DevicePage)
            .Call(Hypercall.Notify, UnknownPage)
            .Queue(0, Hypercall.FlushTlb)
            .Queue(1, Hypercall.SetPageTableEntry, 0, 0x5000)
            .PowerOff("end");
        guest.Machine.RegisterNotify(DevicePage, () => { });
        return guest;
    }

    private static MachineStatistics Run(TestGuest guest)
    {
        Assert.Equal(new GuestExit(GuestExitKind.Notify, UnknownPage), guest.Machine.Run());
        Assert.Equal("CRASH: end", guest.RunToDeath());
        return guest.Machine.Statistics;
    }

    [Theory]
    [InlineData(CpuExecution.Interpreter)]
    [InlineData(CpuExecution.Auto)]
    public void Events_are_counted_by_kind(CpuExecution execution)
    {
        using TestGuest guest = Guest(execution);
        MachineStatistics s = Run(guest);

        Assert.Equal(new Dictionary<int, long> { [6] = 2, [0x80] = 1 }, s.Traps);
        Assert.Equal(new Dictionary<string, long> { ["LGUEST_INIT"] = 1, ["LOAD_IDT_ENTRY"] = 2, ["NOTIFY"] = 2, ["SHUTDOWN"] = 1 }, s.Hypercalls);
        Assert.Equal(new Dictionary<string, long> { ["FLUSH_TLB"] = 1, ["SET_PTE"] = 1 }, s.AsyncHypercalls);
        Assert.Equal((1, 1), (s.DeviceNotifies, s.LauncherNotifies));
        Assert.Equal(1, s.Memory.PageFlushes);
        Assert.True(s.Memory.TlbFlushes >= 2, $"{s.Memory.TlbFlushes} flushes"); // by INIT and FLUSH_TLB
        Assert.True(s.Memory.PageWalks >= s.Memory.TlbFills && s.Memory.TlbFills > 0, $"{s.Memory}");
        Assert.Empty(s.Interrupts);
        Assert.Null(s.Times);
        // The stack, four moves before each of the six hypercalls, and two handlers' ways back of two and one instructions.
        Assert.Equal(1 + (6 * 4) + (2 * 2) + 1, s.Instructions);
        Assert.Equal(guest.Machine.InstructionCount, s.Instructions);
        if (s.Translation is null)
        {
            Assert.Equal(s.Instructions, s.InstructionsInterpreted);
        }
    }

    [Fact]
    public void The_translator_tells_what_it_made_and_left()
    {
        using TestGuest guest = Guest(CpuExecution.Auto);
        MachineStatistics s = Run(guest);
        Assert.SkipWhen(s.Translation is null, "needs an x86-64 processor that lets a process make code");
        TranslationStatistics t = s.Translation;
        Assert.True(t.Blocks > 0 && t.Instructions >= t.Blocks && t.CodeBytes > t.Instructions, $"{t}");
        Assert.Equal(0, t.ArenaResets);
        Assert.Equal(2, t.Interpreted["ud2"]);
        Assert.Equal(t.Calls["instruction"], t.Interpreted.Values.Sum());
        Assert.True(t.Exits.Values.Sum() > 0);
        Assert.Equal(t.Interpreted.Values.OrderDescending(), t.Interpreted.Values);
    }

    [Fact]
    public void Interrupts_and_sleeps_are_counted()
    {
        using TestGuest guest = new() { Options = new LguestMachineOptions { MeasureTimes = true } };
        guest.Initialize().Gate(0x25, 0x8E00, 0xCF).Call(Hypercall.Halt).PowerOff("woken");
        Assert.Equal("CRASH: woken", guest.RunToDeathWokenBy(5));
        MachineStatistics s = guest.Machine.Statistics;
        Assert.Equal(new Dictionary<int, long> { [5] = 1 }, s.Interrupts);
        Assert.True(s.Sleeps >= 1);
        Assert.True(s.Times!.Asleep > TimeSpan.Zero && s.Times.Guest > TimeSpan.Zero && s.Times.Translation > TimeSpan.Zero, $"{s.Times}");
    }

    [Fact]
    public void They_go_with_the_machine()
    {
        TestGuest guest = Guest(CpuExecution.Auto);
        Run(guest);
        LguestMachine machine = guest.Machine;
        guest.Dispose();
        Assert.Throws<ObjectDisposedException>(() => machine.Statistics);
    }

    [Fact]
    public void Tools_see_them_as_metrics()
    {
        using TestGuest guest = Guest(CpuExecution.Auto);
        using MeterListener listener = new();
        ConcurrentDictionary<string, long> seen = new();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == "LguestPlug.Emulator" && ReferenceEquals(instrument.Meter.Scope, guest.Machine))
            {
                l.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            seen[instrument.Name + string.Concat(tags.ToArray().Select(t => $" {t.Key}={t.Value}"))] = value);
        listener.Start();
        MachineStatistics s = Run(guest);

        // The last instrument made; they are made a second after the machine.
        for (int i = 0; i < 3000 && !seen.ContainsKey("lguest.sleeps"); i++)
        {
            Thread.Sleep(10);
            listener.RecordObservableInstruments();
        }

        Assert.Equal(s.Instructions, seen["lguest.instructions"]);
        Assert.Equal(2, seen["lguest.traps vector=6"]);
        Assert.Equal(2, seen["lguest.hypercalls name=NOTIFY"]);
        Assert.Equal(1, seen["lguest.hypercalls.async name=SET_PTE"]);
        Assert.Equal(0, seen["lguest.sleeps"]);
    }
}
