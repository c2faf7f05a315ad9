// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Tests.Fuzzing;
using LguestPlug.Emulator.Tests.HostComparison;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Tests.Lockstep;

/// <summary>Translator and interpreter side by side: a difference is found and told, and nothing else is taken for one.</summary>
public class LockstepTests
{
    [Fact]
    public void A_difference_ends_the_run_and_is_told()
    {
        SkipElsewhere();
        using MoodyMachine machine = new();
        // NOP three times, CPUID, INC EDI, INT3
        var exception = Assert.Throws<LockstepException>(() => Run(machine, 0x90, 0x90, 0x90, 0x0F, 0xA2, 0x47, 0xCC));
        Assert.Contains("differ behind instruction 4", exception.Message, StringComparison.Ordinal);
        Assert.Contains("30000003 cpuid", exception.Message, StringComparison.Ordinal);
        Assert.Matches("eax [0-9a-f]{8}/[0-9a-f]{8}", exception.Message);
    }

    [Fact]
    public void Time_passes_alike_for_both_and_undefined_flags_may_differ()
    {
        SkipElsewhere();
        using TickingMachine machine = new();
        // RDTSC; MUL EDX; BSF ECX, EAX; RDTSC; INT3
        Run(machine, 0x0F, 0x31, 0xF7, 0xE2, 0x0F, 0xBC, 0xC8, 0x0F, 0x31, 0xCC);
        Assert.Equal(TrapVector.Breakpoint, machine.Ended!.Value.Vector);
    }

    [Fact]
    public void Code_that_writes_code_is_run_as_written()
    {
        SkipElsewhere();
        using FuzzMachine machine = new(CpuExecution.Lockstep);
        // MOV BYTE [30000007 + 1], DEC ECX; NOP; the target: INC ECX; INT3
        Run(machine, 0xC6, 0x05, 0x08, 0x00, 0x00, 0x30, 0x49, 0x90, 0x41, 0xCC);
        Assert.Equal(uint.MaxValue, machine.Now.Registers[1]);
    }

    [Fact]
    public void It_executes_the_recorded_cases_as_the_host_did()
    {
        SkipElsewhere();
        using CaseRunner runner = new(CpuExecution.Lockstep);
        string path = Path.Combine(AppContext.BaseDirectory, "HostComparison", "recorded-cases.bin");
        foreach ((CpuCase test, CpuOutcome outcome) in RecordedCases.Load(path).Where((_, i) => i % 4 == 0))
        {
            runner.Check(test, outcome);
        }

        Assert.True(runner.Report.Different == 0, runner.Report.ToString());
        Assert.True(runner.Report.Cases > 1000);
    }

    private static Trap? Run(FuzzMachine machine, params byte[] code)
    {
        code.CopyTo(machine.Memory);
        machine.Written();
        FuzzState state = new() { Eip = FuzzMachine.Code, Eflags = 2 };
        state.Registers[4] = HostWindow.DataMiddle;
        return machine.Run(state);
    }

    private static void SkipElsewhere() =>
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64, "there is no translator for this processor");

    /// <summary>CPUID answers differently each time.</summary>
    private sealed class MoodyMachine() : FuzzMachine(CpuExecution.Lockstep)
    {
        private uint _answer;

        public override void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx)
        {
            eax = ++_answer;
            ebx = ecx = edx = 0;
        }
    }

    /// <summary>The time-stamp counter never stands still.</summary>
    private sealed class TickingMachine() : FuzzMachine(CpuExecution.Lockstep)
    {
        private ulong _time;

        public Trap? Ended { get; private set; }

        public override ulong ReadTimeStampCounter() => _time += 12345;

        public override void OnTrap(in Trap trap)
        {
            Ended = trap;
            base.OnTrap(trap);
        }
    }
}
