// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Lguest;

namespace LguestPlug.Emulator.Tests.Lguest;

/// <summary>Interrupts, HALT and the clock, raised from the guest and from other threads.</summary>
public class InterruptTests
{
    private const uint Count = TestGuest.Page;

    // incl Count; movl $0x200, irq_enabled; iret
    private static readonly byte[] Handler =
    [
        0xFF, 0x05, 0, 0, 8, 0,
        0xC7, 0x05, 0, 0, 3, 0, 0, 2, 0, 0,
        0xCF,
    ];

    [Fact]
    public void Halt_sleeps_until_another_thread_raises_an_interrupt()
    {
        using TestGuest guest = new();
        guest.Initialize().Gate(0x25, 0x8E00, Handler).Call(Hypercall.Halt).PowerOff("woken");
        Assert.Equal("CRASH: woken", guest.RunToDeathWokenBy(5));
        Assert.Equal(1u, guest.Read(Count));
        Assert.NotEqual(0u, guest.Read(TestGuest.Data + TestGuest.Seconds));
    }

    [Fact]
    public void Clock_wakes_halt()
    {
        using TestGuest guest = new();
        guest.Initialize().Gate(0x20, 0x8E00, Handler).Call(Hypercall.SetClockEvent, 3_000_000).Call(Hypercall.Halt)
            .Store(TestGuest.Data + TestGuest.InterruptsEnabled, 0) // due before HALT, not delivered before
            .Call(Hypercall.SetClockEvent, 1).Call(Hypercall.Halt).PowerOff("end");
        Assert.Equal("CRASH: end", guest.RunToDeath());
        Assert.Equal(2u, guest.Read(Count));
    }

    [Fact]
    public void Interrupt_reaches_a_loop_without_hypercalls_once_the_guest_allows_it()
    {
        using TestGuest guest = new();
        guest.Initialize().Gate(0x23, 0x8E00, Handler);
        // While the guest's flag is clear it is told that something waits...
        guest.Store(TestGuest.Data + TestGuest.InterruptsEnabled, 0x46);
        guest.Emit(0x83, 0x3D).Emit32(TestGuest.Data + TestGuest.InterruptPending).Emit(0, 0x74, 0xF7); // 1: cmpl $0, irq_pending; je 1b
        // ...and afterwards it is interrupted.
        guest.Store(TestGuest.Data + TestGuest.InterruptsEnabled, 0x200);
        guest.Emit(0x83, 0x3D).Emit32(Count).Emit(0, 0x74, 0xF7); // 1: cmpl $0, Count; je 1b
        guest.PowerOff("end");
        guest.Machine.RaiseInterrupt(3);
        Assert.Equal("CRASH: end", guest.RunToDeath());
        Assert.Equal(1u, guest.Read(Count));
    }

    [Fact]
    public void Blocked_interrupt_waits()
    {
        using TestGuest guest = new();
        guest.Initialize().Gate(0x23, 0x8E00, Handler).Store(TestGuest.Data + TestGuest.Blocked, 8)
            .Store(TestGuest.Data + TestGuest.InterruptsEnabled, 0x200)
            .Call(Hypercall.SendInterrupts).Call(Hypercall.Notify, 1)
            .Store(TestGuest.Data + TestGuest.Blocked, 0).Call(Hypercall.SendInterrupts).PowerOff("end");
        guest.Machine.RaiseInterrupt(3);
        Assert.Equal(GuestExitKind.Notify, guest.Machine.Run().Kind);
        Assert.Equal(0u, guest.Read(Count));
        Assert.Equal("CRASH: end", guest.RunToDeath());
        Assert.Equal(1u, guest.Read(Count));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Stop_ends_a_run_and_the_next_goes_on(bool halted)
    {
        using TestGuest guest = new();
        guest.Initialize().Gate(0x21, 0x8E00, Handler).Store(TestGuest.Data + TestGuest.InterruptsEnabled, 0x200);
        if (halted)
        {
            guest.Call(Hypercall.Halt);
        }
        else
        {
            guest.Emit(0x83, 0x3D).Emit32(Count).Emit(0, 0x74, 0xF7); // 1: cmpl $0, Count; je 1b
        }

        guest.PowerOff("end");
        // Made here: the timer's thread must not be the one to make it, or there would be two.
        LguestMachine machine = guest.Machine;
        using Timer timer = new(_ => machine.RequestStop(), null, 30, Timeout.Infinite);
        Assert.Equal(GuestExitKind.Stopped, machine.Run().Kind);
        guest.Machine.RequestStop();
        Assert.Equal(GuestExitKind.Stopped, guest.Machine.Run().Kind);
        guest.Machine.RaiseInterrupt(1);
        Assert.Equal("CRASH: end", guest.RunToDeath());
        Assert.Equal(1u, guest.Read(Count));
    }
}
