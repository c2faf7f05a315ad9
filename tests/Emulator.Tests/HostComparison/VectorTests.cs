// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Tests.HostComparison.Generators;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>MMX, SSE and SSE2 in translated code against the host's CPU.</summary>
public class VectorTests(ITestOutputHelper output)
{
    private const int BatchSize = 500;

    [Fact]
    public void EveryInstructionDoesWhatThisHostDoes() =>
        Compare(new VectorGenerator("vector", isMasked: true).Single(150));

    [Fact]
    public void InstructionsInARowDoWhatThisHostDoes() =>
        Compare(new VectorGenerator("vectors", isMasked: true).Sequences(20_000));

    [Fact]
    public void UnmaskedExceptionsAreRaisedAsOnThisHost() =>
        Compare(new VectorGenerator("unmasked", isMasked: false).Single(100).Concat(new VectorGenerator("all unmasked", isMasked: false).Sequences(3000)));

    [Fact]
    public void LaterExtensionsAreUndefined()
    {
        SkipWithoutTranslator();
        using EmulatedCpu cpu = new(CpuExecution.Translator);
        List<string> executed = [];
        foreach (VectorForm form in VectorForms.Others)
        {
            CpuCase test = new() { Vectors = new byte[VectorState.ImageBytes] };
            test.Registers[0] = HostWindow.Data;
            test.Vectors[0] = 0x7F;
            test.Vectors[1] = 0x03;
            test.Vectors[VectorState.MxcsrOffset] = 0x80;
            test.Vectors[VectorState.MxcsrOffset + 1] = 0x1F;
            test.Patches.Add(new MemoryPatch(test.Eip, [.. form.Prefix == 0 ? Array.Empty<byte>() : [form.Prefix], 0x0F, form.Opcode, form.ModRm]));
            CpuOutcome outcome = cpu.Run(test);
            if (outcome.Vector != TrapVector.InvalidOpcode || outcome.Eip != test.Eip)
            {
                executed.Add($"{form}: trap {outcome.Vector} at {outcome.Eip:X}");
            }
        }

        output.WriteLine($"{VectorForms.Others.Length} encodings");
        Assert.Empty(executed);
    }

    private static void SkipWithoutTranslator() =>
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64, "only the translator executes vector instructions, and it needs x86-64");

    private void Compare(IEnumerable<CpuCase> cases)
    {
        SkipWithoutTranslator();
        using HostCpu? host = HostCpu.TryStart(out string reason);
        if (host is null)
        {
            Assert.Skip(reason);
        }

        using CaseRunner runner = new(CpuExecution.Translator);
        foreach (CpuCase[] batch in cases.Where(test => host.HasLowPages || !test.NeedsLowPages).Chunk(BatchSize))
        {
            List<CpuOutcome> outcomes = host.Run(batch);
            for (int i = 0; i < batch.Length; i++)
            {
                runner.Check(batch[i], outcomes[i], host);
            }
        }

        output.WriteLine($"{runner.Report.Cases} cases of {VectorForms.All.Length} forms");
        Assert.True(runner.Report.Cases > 0, "there are no cases");
        if (runner.Report.Different != 0)
        {
            Assert.Fail(runner.Report.ToString());
        }
    }
}
