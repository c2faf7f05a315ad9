// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text;
using System.Text.RegularExpressions;
using LguestPlug.Emulator.Lguest;
using LguestPlug.Emulator.Tracing;

namespace LguestPlug.Emulator.Tests.Lguest;

/// <summary>What is written of executed instructions, traps, hypercalls and interrupts.</summary>
public partial class CpuTraceTests
{
    private const uint Loop = 1000;

    /// <summary>Faults once, counts down from <see cref="Loop"/> with two instructions a turn, and powers off.</summary>
    private static TestGuest Guest(CpuExecution execution, CpuTrace? trace, uint turns = Loop)
    {
        TestGuest guest = new() { Options = new LguestMachineOptions { Execution = execution, Trace = trace } };
        return guest.Initialize()
            .Gate(6, 0x8F00, 0x83, 0x04, 0x24, 2, 0xCF) // addl $2, (%esp); iret
            .Emit(0x0F, 0x0B) // ud2
            .Emit(0xB9).Emit32(turns) // mov $turns, %ecx
            .Emit(0x49, 0x75, 0xFD) // 1: dec %ecx; jnz 1b
            .PowerOff("end");
    }

    private static (string[] Lines, long Instructions) Traced(CpuExecution execution, long from = 0, long count = long.MaxValue)
    {
        using MemoryStream output = new();
        CpuTrace trace = new(output, from, count);
        using TestGuest guest = Guest(execution, trace);
        Assert.Equal("CRASH: end", guest.RunToDeath());
        Assert.Null(trace.Failure);
        return (Encoding.ASCII.GetString(output.ToArray()).TrimEnd('\n').Split('\n')[1..], guest.Machine.InstructionCount);
    }

    [GeneratedRegex("^ *[0-9]+ [13] [0-9a-f]{8} .* efl=[0-9a-f]{8}$")]
    private static partial Regex Instruction();

    [Fact]
    public void Each_line_tells_what_happened()
    {
        (string[] lines, _) = Traced(CpuExecution.Auto);
        string[] told = [.. lines.Take(15).Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))];
        Assert.Equal("0 1 00010000 bc 00 00 05 00 mov esp,0x50000 esp=00050000 efl=00000202", told[0]);
        Assert.Equal("1 1 00010005 b8 01 00 00 00 mov eax,0x1 eax=00000001 efl=00000202", told[1]);
        Assert.Equal("3 1 0001000f b9 00 00 00 00 mov ecx,0x0 efl=00000202", told[3]);
        Assert.Equal("5 1 00010019 cd 1f int 0x1F - int 31", told[5]);
        Assert.Equal("5 1 0001001b - hypercall 1 LGUEST_INIT 00030000 00000000 00000000 00000000", told[6]);
        Assert.Equal("9 1 0001002f cd 1f int 0x1F - int 31", told[11]);
        Assert.StartsWith("9 1 00010031 - hypercall 6 LOAD_IDT_ENTRY 00000006 ", told[12], StringComparison.Ordinal);
        Assert.Equal("9 1 00010031 0f 0b ud2 - trap 6, invalid opcode, error 0000", told[13]);
        Assert.Equal("9 1 00020180 83 04 24 02 add dword ptr [esp],0x2 efl=00000206", told[14]);
    }

    [Theory]
    [InlineData(CpuExecution.Interpreter)]
    [InlineData(CpuExecution.Auto)]
    public void There_is_a_line_for_each_instruction_executed(CpuExecution execution)
    {
        using TestGuest untraced = Guest(execution, null);
        untraced.RunToDeath();
        (string[] lines, long instructions) = Traced(execution);
        Assert.Equal(untraced.Machine.InstructionCount, instructions);
        string[] executed = [.. lines.Where(line => Instruction().IsMatch(line))];
        Assert.Equal(Enumerable.Range(0, (int)instructions), executed.Select(NumberOf));
        Assert.All(lines.Except(executed), line => Assert.Contains(" - ", line, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(CpuExecution.Interpreter, 0, 3)]
    [InlineData(CpuExecution.Interpreter, 1500, 7)]
    [InlineData(CpuExecution.Auto, 0, 3)]
    [InlineData(CpuExecution.Auto, 1500, 7)]
    [InlineData(CpuExecution.Auto, 1501, 1)]
    [InlineData(CpuExecution.Auto, 1000, 0)]
    public void Only_the_window_is_written(CpuExecution execution, int from, int count)
    {
        (string[] all, long instructions) = Traced(execution);
        (string[] lines, long same) = Traced(execution, from, count);
        Assert.Equal(instructions, same);
        Assert.Equal(all.Where(line => Instruction().IsMatch(line)).Skip(from).Take(count), lines.Where(line => line.Length > 0));
    }

    [Fact]
    public void A_window_behind_the_end_is_empty() => Assert.Empty(string.Concat(Traced(CpuExecution.Auto, long.MaxValue, long.MaxValue).Lines));

    [Fact]
    public void Interrupts_are_written()
    {
        using MemoryStream output = new();
        using TestGuest guest = new() { Options = new LguestMachineOptions { Trace = new CpuTrace(output) } };
        guest.Initialize().Gate(0x23, 0x8E00, 0xCF).Call(Hypercall.Halt).PowerOff("woken");
        guest.Machine.RaiseInterrupt(3);
        Assert.Equal("CRASH: woken", guest.RunToDeath());
        Assert.Contains(" - interrupt 3, vector 35\n", Encoding.ASCII.GetString(output.ToArray()), StringComparison.Ordinal);
    }

    [Fact]
    public void Each_processor_begins_with_a_heading()
    {
        using MemoryStream output = new();
        CpuTrace trace = new(output, 0, 2);
        for (int boot = 0; boot < 2; boot++)
        {
            using TestGuest guest = Guest(CpuExecution.Auto, trace);
            guest.RunToDeath();
        }

        string[] lines = Encoding.ASCII.GetString(output.ToArray()).TrimEnd('\n').Split('\n');
        Assert.Equal(6, lines.Length);
        Assert.StartsWith("# ", lines[3], StringComparison.Ordinal);
        Assert.Equal(lines[..3], lines[3..]);
    }

    [Fact]
    public void A_full_disk_ends_the_trace_but_not_the_guest()
    {
        CpuTrace trace = new(new Failing());
        using TestGuest guest = Guest(CpuExecution.Auto, trace);
        Assert.Equal("CRASH: end", guest.RunToDeath());
        Assert.Equal("full", trace.Failure?.Message);
    }

    [Fact]
    public void Nothing_is_allocated_for_an_instruction()
    {
        long Allocated(uint turns)
        {
            using TestGuest guest = Guest(CpuExecution.Auto, new CpuTrace(Stream.Null), turns);
            _ = guest.Machine;
            long before = GC.GetAllocatedBytesForCurrentThread();
            guest.RunToDeath();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        Allocated(10);
        Assert.InRange(Allocated(20_000) - Allocated(10), -4096, 4096);
    }

    private static int NumberOf(string line) => int.Parse(line.TrimStart().Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);

    private sealed class Failing : MemoryStream
    {
        public override void Write(byte[] buffer, int offset, int count) => throw new IOException("full");
    }
}
