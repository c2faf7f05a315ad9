// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Lguest;

namespace LguestPlug.Emulator.Tests.Lguest;

/// <summary>Code that a device replaced behind the CPU's back runs as it is now, not as it was decoded.</summary>
public class ForeignWriteTests
{
    private const uint Code = TestGuest.Page, First = TestGuest.Page + 0x1000, Second = First + 4;

    [Fact]
    public void Code_written_by_a_device_is_decoded_anew()
    {
        using TestGuest guest = new();
        // mov $1, %eax; ret
        guest.Write(Code, 0x000001B8);
        guest.Write(Code + 4, 0x0000C300);
        CallAndStore(guest.Initialize(), First);
        CallAndStore(guest.Call(Hypercall.Notify, 1), Second).PowerOff("end");
        Assert.Equal(GuestExitKind.Notify, guest.Machine.Run().Kind);
        Assert.Equal(1u, guest.Read(First));

        guest.Write(Code, 0x000002B8);
        guest.Machine.MemoryWritten(Code, 4);
        Assert.Equal("CRASH: end", guest.RunToDeath());
        Assert.Equal(2u, guest.Read(Second));
    }

    // call Code; mov %eax, to
    private static TestGuest CallAndStore(TestGuest guest, uint to)
    {
        uint behind = guest.Here + 5;
        return guest.Emit(0xE8).Emit32(Code - behind).Emit(0xA3).Emit32(to);
    }
}
