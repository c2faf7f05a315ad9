// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Lguest;

namespace LguestPlug.Emulator.Tests.Lguest;

/// <summary>When a halted guest's thread looks out for an interrupt before it sleeps, and that it finds it either way.</summary>
public class HaltPollingTests
{
    private const int Halts = 1600, Trials = Halts / 16;
    private const long Short = HaltPolling.Window / 10, Long = 20 * HaltPolling.Window;
    private const uint Device = 0x4000, Count = TestGuest.Page;

    [Fact]
    public void Is_done_when_it_makes_halts_shorter()
    {
        HaltPolling polling = new(2);
        Assert.InRange(Polls(polling, (_, polls) => polls ? Short : 2 * Short), Halts - (2 * Trials), Halts - Trials);
        Assert.True(polling.Successes >= Halts - (2 * Trials));
    }

    [Fact]
    public void Is_tried_only_when_it_makes_them_longer() =>
        Assert.Equal(Trials, Polls(new(2), (_, polls) => polls ? 4 * Short : Short));

    [Fact]
    public void Is_tried_only_when_answers_keep_away() =>
        Assert.Equal(Trials, Polls(new(2), (_, _) => Long));

    [Fact]
    public void Is_done_when_every_second_answer_comes_soon() =>
        Assert.True(Polls(new(2), (halt, polls) => halt % 2 == 0 ? Long : polls ? Short : 10 * Short) > Halts / 2);

    [Fact]
    public void Follows_when_things_change()
    {
        HaltPolling polling = new(2);
        Polls(polling, (_, polls) => polls ? Short : 2 * Short);
        Polls(polling, (_, polls) => polls ? 4 * Short : 2 * Short);
        Assert.Equal(Trials, Polls(polling, (_, polls) => polls ? 4 * Short : 2 * Short));
        Polls(polling, (_, polls) => polls ? Short : 2 * Short);
        Assert.True(Polls(polling, (_, polls) => polls ? Short : 2 * Short) >= Halts - Trials);
    }

    [Fact]
    public void Is_never_done_on_a_single_processor() => Assert.Equal(0, Polls(new(1), (_, polls) => polls ? Short : Long));

    /// <summary>Every notification is answered from another thread: at once, after the guest's thread fell asleep, and in between.</summary>
    [Fact]
    public void No_answer_is_missed()
    {
        const uint Rounds = 300;
        using TestGuest guest = new();
        // incl Count; iret
        guest.Initialize().Gate(0x25, 0x8E00, 0xFF, 0x05, 0, 0, 8, 0, 0xCF);
        uint again = guest.Here;
        guest.Call(Hypercall.Notify, Device).Call(Hypercall.Halt);
        guest.Emit(0x81, 0x3D).Emit32(Count).Emit32(Rounds); // cmpl $Rounds, Count
        guest.Emit(0x0F, 0x82).Emit32(again - (guest.Here + 4)); // jb again
        guest.PowerOff("end");
        LguestMachine machine = guest.Machine;
        using SemaphoreSlim kicks = new(0);
        Thread device = new(() =>
        {
            for (int i = 0; i < Rounds; i++)
            {
                kicks.Wait();
                if (i % 3 == 1)
                {
                    Thread.SpinWait(10 * i);
                }
                else if (i % 3 == 2)
                {
                    Thread.Sleep(1);
                }

                machine.RaiseInterrupt(5);
            }
        });
        machine.RegisterNotify(Device, () => kicks.Release());
        device.Start();
        Assert.Equal("CRASH: end", guest.RunToDeath());
        device.Join();
        Assert.Equal(Rounds, guest.Read(Count));
        Assert.Equal(Rounds, machine.Statistics.DeviceNotifies);
        Assert.True(machine.Statistics.Sleeps + machine.Statistics.SleepsAvoided > 0);
    }

    /// <summary>An interrupt that comes unasked is slept for.</summary>
    [Fact]
    public void A_guest_that_notified_nobody_sleeps_at_once()
    {
        using TestGuest guest = new();
        guest.Initialize().Gate(0x20, 0x8E00, 0xCF);
        for (int i = 0; i < 20; i++)
        {
            guest.Call(Hypercall.SetClockEvent, 2_000_000).Call(Hypercall.Halt);
        }

        guest.PowerOff("end");
        Assert.Equal("CRASH: end", guest.RunToDeath());
        Assert.Equal(0, guest.Machine.Statistics.SleepsAvoided);
    }

    /// <summary>How many of so many halts look out if halts last as the function says.</summary>
    private static int Polls(HaltPolling polling, Func<int, bool, long> duration)
    {
        int polls = 0;
        for (int halt = 0; halt < Halts; halt++)
        {
            bool polled = polling.ShouldPoll();
            long lasted = duration(halt, polled);
            polling.Learn(lasted, polled, slept: !polled || lasted > HaltPolling.Window);
            polls += polled ? 1 : 0;
        }

        return polls;
    }
}
