// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Tests.HostComparison;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Tests.Fuzzing;

/// <summary>MOVSD and CMPSD are names of string instructions and of SSE2's.</summary>
public class NameClashTests
{
    [Theory]
    [InlineData(0x10)]
    [InlineData(0xC2)]
    public void The_instructions_of_SSE2_are_no_string_instructions(byte opcode)
    {
        using FuzzMachine machine = new(CpuExecution.Interpreter);
        // F2 0F opcode XMM0, XMM1 (and a predicate or NOP); INT3
        byte[] code = [0xF2, 0x0F, opcode, 0xC1, opcode == 0xC2 ? (byte)0 : (byte)0x90, 0xCC];
        code.CopyTo(machine.Memory);
        machine.Written();
        FuzzState state = new() { Eip = FuzzMachine.Code, Eflags = 2 };
        state.Registers[6] = HostWindow.Data;
        state.Registers[7] = HostWindow.Data + 16;
        Trap? trap = machine.Run(state);
        Assert.Contains(trap!.Value.Vector, new[] { TrapVector.InvalidOpcode, TrapVector.Breakpoint });
        Assert.Equal(HostWindow.Data, machine.Now.Registers[6]);
        Assert.Equal(HostWindow.Data + 16, machine.Now.Registers[7]);
    }
}
