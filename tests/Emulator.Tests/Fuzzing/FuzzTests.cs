// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Tests.HostComparison;

namespace LguestPlug.Emulator.Tests.Fuzzing;

/// <summary>
/// Random sequences on interpreter, translator and the host's CPU. A few by default; LGUESTPLUG_FUZZ_SEQUENCES says how many, and
/// LGUESTPLUG_FUZZ_SEED from where (hexadecimal): the seed that a difference is reported with makes it the first batch.
/// </summary>
public class FuzzTests(ITestOutputHelper output)
{
    private const long DefaultSequences = 200_000;

    /// <summary>One in so many goes to the host's CPU as well.</summary>
    private const int HostShare = 40;

    private const int HostBatch = 1000;

    private static long Sequences =>
        long.TryParse(Environment.GetEnvironmentVariable("LGUESTPLUG_FUZZ_SEQUENCES"), CultureInfo.InvariantCulture, out long count) ? count : DefaultSequences;

    private static ulong Seed =>
        ulong.TryParse(Environment.GetEnvironmentVariable("LGUESTPLUG_FUZZ_SEED"), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out ulong seed) ? seed : 0x1000;

    [Fact]
    public void Translator_does_what_the_interpreter_does()
    {
        SkipElsewhere();
        ulong seed = Seed;
        ulong batches = (ulong)(Math.Max(Sequences - 1, 0) / FuzzCampaign.BatchSize) + 1;
        long compared = 0, undecided = 0, differences = 0;
        long[] traps = new long[32];
        List<string> reports = [];
        Lock gate = new();
        long next = -1;
        Parallel.For(0, Math.Min(Environment.ProcessorCount, (int)Math.Min(batches, 64)), _ =>
        {
            using FuzzCampaign campaign = new();
            while ((ulong)Interlocked.Increment(ref next) is ulong batch && batch < batches && campaign.Differences < 20)
            {
                campaign.Run(seed + batch);
            }

            lock (gate)
            {
                compared += campaign.Compared;
                undecided += campaign.Undecided;
                differences += campaign.Differences;
                reports.Add(campaign.Report);
                for (int i = 0; i < traps.Length; i++)
                {
                    traps[i] += campaign.Traps[i];
                }
            }
        });
        string ends = string.Join(", ", traps.Select((count, vector) => (count, vector)).Where(t => t.count > 0).Select(t => $"trap {t.vector}: {t.count}"));
        output.WriteLine($"seeds {seed:X} to {seed + batches - 1:X}: {compared} sequences compared ({ends}), {undecided} undecided, {differences} different");
        Assert.True(differences == 0, string.Join('\n', reports));
        Assert.True(compared > undecided * 20, "too many sequences are undecided");
    }

    [Theory]
    [MemberData(nameof(HostComparisonTests.Executions), MemberType = typeof(HostComparisonTests))]
    public void Each_does_what_this_host_does(CpuExecution execution)
    {
        using HostCpu? host = HostCpu.TryStart(out string reason);
        if (host is null)
        {
            Assert.Skip(reason);
        }

        ulong seed = Seed;
        FuzzGenerator generator = new(forHost: true);
        using CaseRunner runner = new(execution);
        using CaseRunner single = new(execution, oneInstructionBlocks: true);
        int undecided = 0;
        for (long done = 0; done < Sequences / HostShare; done += HostBatch, seed++)
        {
            SplitMix random = new(seed);
            List<FuzzSequence> sequences = [];
            List<CpuCase> cases = [];
            for (int i = 0; i < HostBatch; i++)
            {
                FuzzSequence sequence = new();
                uint address = HostWindow.Code + 0x40 + (uint)random.Below((int)(2 * HostWindow.PageBytes) - FuzzSequence.MaxBytes - 0x80);
                generator.Generate(random, sequence, address);
                sequences.Add(sequence);
                cases.Add(ToCase(sequence));
            }

            List<CpuOutcome> outcomes = host.Run(cases);
            for (int i = 0; i < HostBatch; i++)
            {
                uint eip = outcomes[i].Vector is 3 or 4 ? outcomes[i].Eip - 1 : outcomes[i].Eip;
                if (outcomes[i].Vector == CpuOutcome.TimedOut || !sequences[i].TryGetUndefined(eip, out uint undefined))
                {
                    undecided++;
                    continue;
                }

                cases[i].UndefinedFlags = undefined;
                runner.Check(cases[i], outcomes[i], host);
                single.Check(cases[i], outcomes[i], host);
            }
        }

        output.WriteLine($"seeds {Seed:X} to {seed - 1:X}: {runner.Report.Cases} sequences compared, {undecided} undecided");
        Assert.True(runner.Report.Different == 0, runner.Report.ToString());
        Assert.True(single.Report.Different == 0, "with blocks of one instruction: " + single.Report);
        Assert.True(runner.Report.Cases > undecided * 20, "too many sequences are undecided");
    }

    private static CpuCase ToCase(FuzzSequence sequence)
    {
        CpuCase test = new() { Registers = [.. ((ReadOnlySpan<uint>)sequence.Start.Registers).ToArray()], Eflags = sequence.Start.Eflags, Eip = sequence.Address, Fs = sequence.Start.Fs };
        test.Patches.Add(new MemoryPatch(sequence.Address, sequence.Code.ToArray()));
        return test;
    }

    private static void SkipElsewhere() =>
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64, "there is no translator for this processor");
}
