// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Lguest;

namespace LguestPlug.Emulator.Tests.Lguest;

/// <summary>When a halted guest's thread looks out for an interrupt before it sleeps, and that it finds it either way.</summary>
public class HaltPollingTests
{
    private const long Short = HaltPolling.Window / 4, Long = 20 * HaltPolling.Window;
    private const uint Device = 0x4000, Count = TestGuest.Page;

    [Fact]
    public void Stops_when_answers_keep_away_and_begins_again_when_they_come_soon()
    {
        HaltPolling polling = new(2);
        Assert.True(polling.IsWorthwhile);
        for (int i = 0; i < 3; i++)
        {
            polling.Learn(Long, slept: true);
        }

        Assert.False(polling.IsWorthwhile);
        polling.Learn(Long, slept: true);
        polling.Learn(Short, slept: true);
        Assert.True(polling.IsWorthwhile);
        polling.Learn(Long, slept: true);
        Assert.False(polling.IsWorthwhile);
        Assert.Equal(0, polling.Successes);
    }

    [Fact]
    public void Goes_on_when_every_second_answer_comes_soon()
    {
        HaltPolling polling = new(2);
        for (int i = 0; i < 100; i++)
        {
            polling.Learn(Long, slept: true);
            Assert.True(polling.IsWorthwhile);
            polling.Learn(Short, slept: false);
        }

        Assert.Equal(100, polling.Successes);
    }

    [Fact]
    public void Never_happens_on_a_single_processor()
    {
        HaltPolling polling = new(1);
        polling.Learn(Short, slept: true);
        Assert.False(polling.IsWorthwhile);
    }

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
}
