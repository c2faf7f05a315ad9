// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Emulator.Tests.Lguest;

/// <summary>What CPUID offers the guest.</summary>
public class CpuidTests
{
    private const uint Vectors = 0x07800000;

    [Theory]
    [InlineData(CpuExecution.Interpreter, 0u)]
    [InlineData(CpuExecution.Translator, Vectors)]
    public void Vectors_are_offered_by_the_translator_only(CpuExecution execution, uint expected)
    {
        Assert.SkipUnless(
            execution == CpuExecution.Interpreter || RuntimeInformation.ProcessArchitecture == Architecture.X64, "the translator needs x86-64");
        using TestGuest guest = new() { Options = new LguestMachineOptions { Execution = execution } };
        // mov $1, %eax; cpuid; mov %edx, Page; mov %eax, Page + 4
        guest.Initialize().Emit(0xB8).Emit32(1).Emit(0x0F, 0xA2, 0x89, 0x15).Emit32(TestGuest.Page).Emit(0xA3).Emit32(TestGuest.Page + 4)
            .PowerOff("done");
        Assert.Equal("CRASH: done", guest.RunToDeath());
        uint features = guest.Read(TestGuest.Page);
        Assert.Equal(expected, features & Vectors);
        // Family 5; no PSE, MSR, APIC, SEP, PAT or CLFLUSH.
        Assert.Equal(5u, (guest.Read(TestGuest.Page + 4) >> 8) & 15);
        Assert.Equal(0u, features & ~0x07808151u);
    }
}
