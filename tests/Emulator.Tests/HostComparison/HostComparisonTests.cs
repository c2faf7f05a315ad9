// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Tests.HostComparison.Generators;

namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>The embedded CPU against a real one, instruction by instruction.</summary>
public class HostComparisonTests(ITestOutputHelper output)
{
    private const int BatchSize = 2000;

    /// <summary>Set to a path, makes <see cref="Record"/> write a new set of recorded cases there.</summary>
    private const string RecordVariable = "LGUESTPLUG_RECORD_CASES";

    /// <summary>One case in so many is recorded.</summary>
    private const int RecordedShare = 6;

    private static string RecordedPath => Path.Combine(AppContext.BaseDirectory, "HostComparison", "recorded-cases.bin");

    /// <summary>The ways this machine can execute guest code.</summary>
    public static TheoryData<CpuExecution> Executions =>
        RuntimeInformation.ProcessArchitecture == Architecture.X64
            ? [CpuExecution.Interpreter, CpuExecution.Translator]
            : [CpuExecution.Interpreter];

    [Theory]
    [MemberData(nameof(Executions))]
    public void AgreesWithTheRecordedHost(CpuExecution execution)
    {
        using CaseRunner runner = new(execution);
        foreach ((CpuCase test, CpuOutcome outcome) in RecordedCases.Load(RecordedPath))
        {
            runner.Check(test, outcome);
        }

        Judge(runner.Report);
    }

    [Theory]
    [MemberData(nameof(Executions))]
    public void AgreesWithThisHost(CpuExecution execution)
    {
        using HostCpu? host = HostCpu.TryStart(out string reason);
        if (host is null)
        {
            Assert.Skip(reason);
        }

        using CaseRunner runner = new(execution);
        foreach ((CpuCase test, CpuOutcome outcome) in RunOn(host, CaseCatalog.All()))
        {
            runner.Check(test, outcome, host);
        }

        Judge(runner.Report);
    }

    [Fact]
    public void Record()
    {
        string? path = Environment.GetEnvironmentVariable(RecordVariable);
        if (string.IsNullOrEmpty(path))
        {
            Assert.Skip($"{RecordVariable} names no file to record the host's answers in");
        }

        using HostCpu? host = HostCpu.TryStart(out string reason);
        Assert.True(host is not null, reason);
        Assert.True(host.HasLowPages, "the host refuses the pages in the first 64 KiB");
        RecordedCases.Save(path, RunOn(host, CaseCatalog.All().Where((_, i) => i % RecordedShare == 0)));
    }

    private static IEnumerable<(CpuCase Test, CpuOutcome Outcome)> RunOn(HostCpu host, IEnumerable<CpuCase> cases)
    {
        foreach (CpuCase[] batch in cases.Where(test => host.HasLowPages || !test.NeedsLowPages).Chunk(BatchSize))
        {
            List<CpuOutcome> outcomes = host.Run(batch);
            for (int i = 0; i < batch.Length; i++)
            {
                yield return (batch[i], outcomes[i]);
            }
        }
    }

    private void Judge(DifferenceReport report)
    {
        output.WriteLine($"{report.Cases} cases");
        Assert.True(report.Cases > 0, "there are no cases");
        if (report.Different != 0)
        {
            Assert.Fail(report.ToString());
        }
    }
}
