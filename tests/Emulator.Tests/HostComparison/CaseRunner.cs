// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>Runs cases on the embedded CPU against outcomes that are already known.</summary>
internal sealed class CaseRunner(CpuExecution execution, bool oneInstructionBlocks = false) : IDisposable
{
    private EmulatedCpu _cpu = new(execution, oneInstructionBlocks);

    public DifferenceReport Report { get; } = new();

    public void Check(CpuCase test, CpuOutcome expected)
    {
        List<string> differences;
        try
        {
            differences = OutcomeComparer.Compare(test, expected, _cpu.Run(test));
        }
#pragma warning disable CA1031 // Whatever the CPU throws belongs into the report, with the case that made it.
        catch (Exception e)
#pragma warning restore CA1031
        {
            differences = [$"threw {e.GetType().Name}: {e.Message}"];
            _cpu.Dispose();
            _cpu = new EmulatedCpu(execution, oneInstructionBlocks);
        }

        Report.Add(test, differences);
    }

    public void Dispose() => _cpu.Dispose();
}
