// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using LguestPlug.Emulator.Fpu;

namespace LguestPlug.Emulator.Tests.Fpu;

/// <summary>Compares the emulated FPU with an Intel processor: every register, the status, the tags, the flags and the
/// memory operand, bit for bit. Only transcendental results may be off by one unit in the last place.</summary>
public class X87HardwareTests(ITestOutputHelper output)
{
    private const int CasesPerInstruction = 1500;
    private const int RecordedCasesPerInstruction = 22;

    [Fact]
    public void Every_instruction_does_what_this_processor_does()
    {
        SkipWithoutProcessor();
        X87Case[] cases = Make(seed: 20_260, CasesPerInstruction);
        Compare(cases, X87Host.Run(cases));
    }

    [Fact]
    public void Every_instruction_does_what_was_recorded()
    {
        (X87Case[] cases, X87Result[] results) = X87Recording.Read();
        Assert.True(cases.Length > 3000);
        Compare(cases, results);
    }

    [Fact]
    public void Every_instruction_in_translated_code_does_what_this_processor_does()
    {
        SkipWithoutProcessor();
        // An unmasked exception hands the unit over to the interpreter, and the instruction behind it, too.
        X87Case[] cases = [.. Make(seed: 20_261, CasesPerInstruction).OrderBy(test => IsMasked(test) ? 0 : 1)];
        using X87TranslatedRunner runner = new();
        Compare(cases, X87Host.Run(cases), test => runner.Run(test), isExact: test => IsMasked(test));
    }

    [Fact]
    public void Every_other_encoding_is_invalid_as_on_this_processor()
    {
        SkipWithoutProcessor();
        List<X87Case> cases = [];
        for (int escape = 0; escape < 8; escape++)
        {
            for (int modrm = 0; modrm < 0x100; modrm += modrm < 0xC0 ? 8 : 1)
            {
                bool isMemory = modrm < 0xC0;

                // FISTTP came with SSE3 and is deliberately missing; the rest of the low numbers repeats /0 to /7.
                bool isFisttp = isMemory && modrm == 0x08 && escape is 3 or 5 or 7;
                if (!isFisttp && (!isMemory || modrm < 0x40))
                {
                    cases.Add(new X87Case { Escape = (byte)escape, ModRm = (byte)modrm, Control = 0x37F });
                }
            }
        }

        X87Result[] expected = X87Host.Run(cases.ToArray());
        int invalid = 0;
        for (int i = 0; i < cases.Count; i++)
        {
            X87Case test = cases[i];
            Assert.True(
                X87Runner.Run(test).Outcome == expected[i].Outcome, X87Comparison.Describe(test));
            invalid += expected[i].Outcome;
        }

        output.WriteLine($"{cases.Count} encodings, {invalid} of them invalid");
    }

    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(7)]
    public void Fisttp_is_invalid(int escape)
    {
        X87Case test = new() { Escape = (byte)escape, ModRm = 1 << 3, Control = 0x37F };
        Assert.Equal((byte)FpuOutcome.InvalidOpcode, X87Runner.Run(test).Outcome);
    }

    /// <summary>Not a test: writes the recorded cases anew. Run it with -explicit only on an Intel machine with gcc
    /// after changing what cases look like.</summary>
    [Fact(Explicit = true)]
    public void Record()
    {
        SkipWithoutProcessor();
        X87Case[] cases = Make(seed: 87, RecordedCasesPerInstruction);
        X87Recording.Write(cases, X87Host.Run(cases));
    }

    private static void SkipWithoutProcessor()
    {
        string? obstacle = X87Host.Obstacle();
        Assert.SkipWhen(obstacle is not null, $"No live comparison with the processor's x87: {obstacle}.");
    }

    private static X87Case[] Make(ulong seed, int perInstruction)
    {
        X87Cases maker = new(seed);
        return [.. X87Cases.Instructions().SelectMany(
            instruction => Enumerable.Range(0, perInstruction).Select(_ => maker.Make(instruction)))];
    }

    private static bool IsMasked(in X87Case test) => (test.Control & 0x3F) == 0x3F;

    private void Compare(X87Case[] cases, X87Result[] results) => Compare(cases, results, test => X87Runner.Run(test), isExact: _ => false);

    /// <param name="cases">The cases.</param>
    /// <param name="results">What the processor makes of them.</param>
    /// <param name="run">What makes ours.</param>
    /// <param name="isExact">Not even transcendental results may differ.</param>
    private void Compare(X87Case[] cases, X87Result[] results, Func<X87Case, X87Result> run, Func<X87Case, bool> isExact)
    {
        int wrong = 0;
        int transcendental = 0;
        int inexact = 0;
        for (int i = 0; i < cases.Length; i++)
        {
            string? difference = X87Comparison.Difference(cases[i], run(cases[i]), results[i], out bool near);
            difference ??= near && isExact(cases[i]) ? "not exact" : null;
            if (difference is not null && ++wrong <= 20)
            {
                output.WriteLine(X87Comparison.Describe(cases[i]));
                output.WriteLine("   " + difference);
            }

            transcendental += X87Cases.IsTranscendental(cases[i]) ? 1 : 0;
            inexact += near ? 1 : 0;
        }

        double share = 100.0 * (transcendental - inexact) / transcendental;
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{cases.Length} cases, {wrong} differ; {transcendental} transcendental, {share:F1} % of them exact"));
        Assert.Equal(0, wrong);
    }
}
