// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Lguest;
using LguestPlug.Emulator.Statistics;

namespace LguestPlug.Emulator.Tests.Lguest;

/// <summary>Hypercalls as guests make them.</summary>
public class HypercallTests
{
    [Fact]
    public void Power_off_gives_the_text_as_reason_again_and_again()
    {
        using TestGuest guest = new();
        guest.Initialize().PowerOff("Power down");
        Assert.Equal("CRASH: Power down", guest.RunToDeath());
        Assert.Equal("CRASH: Power down", guest.RunToDeath());
    }

    [Fact]
    public void Restart_does_not_look_at_its_text()
    {
        using TestGuest guest = new();
        guest.Initialize().Call(Hypercall.Shutdown, 0x40000000, Hypercall.ShutdownRestart);
        Assert.Equal(GuestExitKind.Restart, guest.Machine.Run().Kind);
    }

    [Fact]
    public void First_hypercall_must_be_init()
    {
        using TestGuest guest = new();
        guest.Call(Hypercall.Halt);
        Assert.Equal("hypercall 10 before INIT", guest.RunToDeath());
    }

    [Theory]
    [InlineData(3u, "Bad hypercall 3\n")]
    [InlineData(13u, "Bad hypercall 13\n")]
    [InlineData(0xFFFFFFFFu, "Bad hypercall -1\n")]
    [InlineData(1u, "already have lguest_data")]
    public void Bad_numbers_kill(uint number, string reason)
    {
        using TestGuest guest = new();
        guest.Initialize().Call(number);
        Assert.Equal(reason, guest.RunToDeath());
    }

    [Fact]
    public void Notify_ends_the_run_unless_registered()
    {
        using TestGuest guest = new();
        int signals = 0, replaced = 0;
        guest.Initialize().Call(Hypercall.Notify, 0x1234).Call(Hypercall.Notify).Call(Hypercall.Notify, 0x2000).Call(Hypercall.Notify, 0x2001).PowerOff("end");
        guest.Machine.RegisterNotify(0x2000, () => replaced++);
        guest.Machine.RegisterNotify(0x2000, () => signals++);
        Assert.Equal(new GuestExit(GuestExitKind.Notify, 0x1234), guest.Machine.Run());
        Assert.Equal(new GuestExit(GuestExitKind.Notify, 0x2001), guest.Machine.Run());
        Assert.Equal((1, 0), (signals, replaced));
        Assert.Equal("CRASH: end", guest.RunToDeath());
    }

    /// <summary>What translated code does for calls with nothing to do is what the system does, and stops as soon as there is something.</summary>
    [Theory]
    [InlineData(CpuExecution.Interpreter)]
    [InlineData(CpuExecution.Auto)]
    public void Idle_calls_do_nothing_until_there_is_something_to_do(CpuExecution execution)
    {
        const uint Count = 1000, Counter = TestGuest.Page, RingSlot = TestGuest.Data + TestGuest.RingStatus;
        using TestGuest guest = new() { Options = new LguestMachineOptions { Execution = execution } };
        guest.Initialize().Gate(0x25, 0x8E00, [0xFF, 0x05, .. BitConverter.GetBytes(Counter), 0xCF]); // incl Counter; iret
        foreach (uint number in (uint[])[Hypercall.FlushAsync, Hypercall.SendInterrupts, Hypercall.SetPageTableEntry])
        {
            guest.Emit(0xBE).Emit32(Count); // mov $Count, %esi
            uint loop = guest.Here;
            guest.Call(number, 0, 0x5000).Emit(0x4E, 0x0F, 0x85).Emit32(loop - guest.Here - 4); // dec %esi; jnz
        }

        guest.Queue(0, Hypercall.Notify, 0x100).Queue(1, Hypercall.Notify, 0x200);
        guest.Store(RingSlot, 0xFFFF0000u).Call(Hypercall.SendInterrupts)
            .Call(Hypercall.SetPageTableEntry, 0, 0xFFFFF000).PowerOff("not reached");
        // Queued, but for now the guest does not say so.
        guest.Write(RingSlot, uint.MaxValue);
        guest.Machine.RegisterNotify(0x100, () => guest.Machine.RaiseInterrupt(5));
        guest.Write(TestGuest.Data + TestGuest.InterruptsEnabled, 0x200);

        Assert.Equal(new GuestExit(GuestExitKind.Notify, 0x200), guest.Machine.Run());
        Assert.Equal("attempt to access switcher pages", guest.RunToDeath());
        Assert.Equal(1u, guest.Read(Counter));
        MachineStatistics s = guest.Machine.Statistics;
        Assert.Equal((Count, Count + 1, Count + 1), (s.Hypercalls["FLUSH_ASYNC"], s.Hypercalls["SEND_INTERRUPTS"], s.Hypercalls["SET_PTE"]));
        Assert.Equal(Count, s.Memory.PageFlushes);
        if (s.Translation is { } translation)
        {
            Assert.InRange(translation.Calls["call of the system"], 1, 100);
        }
    }

    [Fact]
    public void Queued_calls_run_before_the_direct_one_and_a_notify_among_them_pauses_the_rest()
    {
        using TestGuest guest = new();
        // INIT itself leaves the ring alone.
        guest.Queue(0, Hypercall.Notify, 0x100).Queue(1, Hypercall.FlushAsync).Queue(2, Hypercall.Notify, 0x200)
            .Initialize().Call(Hypercall.Notify, 0x300).PowerOff("end");
        Assert.Equal(0x100u, guest.Machine.Run().NotifyAddress);
        Assert.Equal(0xFF, guest.ReadByte(TestGuest.Data + TestGuest.RingStatus));
        Assert.Equal(0, guest.ReadByte(TestGuest.Data + TestGuest.RingStatus + 1));
        Assert.Equal(0x200u, guest.Machine.Run().NotifyAddress);
        Assert.Equal(0x300u, guest.Machine.Run().NotifyAddress);
        Assert.Equal("CRASH: end", guest.RunToDeath());
    }

    [Fact]
    public void Kill_inside_the_ring_stops_at_once()
    {
        using TestGuest guest = new();
        guest.Queue(0, 20).Queue(1, Hypercall.Notify, 0x100).Initialize().Call(Hypercall.Notify, 0x200);
        Assert.Equal("Bad hypercall 20\n", guest.RunToDeath());
        Assert.Equal(0, guest.ReadByte(TestGuest.Data + TestGuest.RingStatus + 1));
    }

    [Fact]
    public void Legacy_guest_has_its_own_layout_alias_and_instruction()
    {
        using TestGuest guest = new();
        guest.Write(TestGuest.Data + 1380, 0); // noirq_start, noirq_end, PAGE_OFFSET, vector: one word further up
        guest.Write(TestGuest.Data + 1384, 0);
        guest.Write(TestGuest.Data + 1388, 0xC0000000);
        guest.Write(TestGuest.Data + 1392, 0x80);
        guest.Emit(0xB8).Emit32(Hypercall.Initialize).Emit(0xBB).Emit32(TestGuest.Data).Emit(0x0F, 0x01, 0xC1); // vmcall
        guest.Emit(0xA1).Emit32(0xC0000000 + TestGuest.Page); // mov PAGE_OFFSET + Page, %eax
        guest.Emit(0xA3).Emit32(TestGuest.Page + 4); // mov %eax, Page + 4
        guest.Write(TestGuest.Page, 0x12345678);
        guest.PowerOff("end");
        Assert.Equal("CRASH: end", guest.RunToDeath());
        Assert.Equal(0x12345678u, guest.Read(TestGuest.Page + 4));
        Assert.NotEqual(0u, guest.Read(TestGuest.Data + 1376));
    }

    [Fact]
    public void Port_access_finds_nothing_and_model_specific_registers_read_0_before_the_guest_can_take_the_fault()
    {
        using TestGuest guest = new();
        guest.Emit(0x31, 0xC0, 0x66, 0xED); // xor %eax, %eax; in (%dx), %ax
        guest.Emit(0xA3).Emit32(TestGuest.Page);
        guest.Emit(0xFA, 0xE6, 0x80, 0x0F, 0x32); // cli; out %al, $0x80; rdmsr
        guest.Emit(0xA3).Emit32(TestGuest.Page + 4);
        guest.Write(TestGuest.Page + 4, 1);
        guest.Initialize().PowerOff("end");
        Assert.Equal("CRASH: end", guest.RunToDeath());
        Assert.Equal(0xFFFFu, guest.Read(TestGuest.Page));
        Assert.Equal(0u, guest.Read(TestGuest.Page + 4));
    }
}
