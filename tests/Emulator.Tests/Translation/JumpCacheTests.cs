// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Tests.Lguest;

namespace LguestPlug.Emulator.Tests.Translation;

/// <summary>Jumps to addresses that are known only when they happen.</summary>
public class JumpCacheTests
{
    /// <summary>Found by fuzzing: an empty entry was taken for one of address 0, and the host jumped there itself.</summary>
    [Theory]
    [InlineData(CpuExecution.Interpreter)]
    [InlineData(CpuExecution.Auto)]
    public void A_jump_to_address_0_goes_there(CpuExecution execution)
    {
        using TestGuest guest = new() { Options = new LguestMachineOptions { Execution = execution } };
        guest.Initialize().Emit(0x6A, 0x00, 0xC3); // push $0; ret
        byte[] code = [0xB8, 2, 0, 0, 0, 0xBB, .. BitConverter.GetBytes(TestGuest.Text), 0xB9, 1, 0, 0, 0, 0xCD, 0x1F]; // SHUTDOWN
        for (uint i = 0; i < code.Length; i += 4)
            guest.Write(i, BitConverter.ToUInt32([.. code, 0, 0, 0], (int)i));

        guest.Write(TestGuest.Text, 0x6C696E); // "nil"
        Assert.Equal("CRASH: nil", guest.RunToDeath());
    }
}
