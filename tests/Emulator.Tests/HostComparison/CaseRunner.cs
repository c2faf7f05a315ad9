// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>Runs cases on the embedded CPU against outcomes that are already known.</summary>
internal sealed class CaseRunner(CpuExecution execution, bool oneInstructionBlocks = false) : IDisposable
{
    private EmulatedCpu _cpu = new(execution, oneInstructionBlocks);

    public DifferenceReport Report { get; } = new();

    /// <summary>Compares, and reports the differences.</summary>
    /// <param name="test">The case.</param>
    /// <param name="expected">Its outcome on a processor.</param>
    /// <param name="host">
    /// That processor, if it is there. It is asked once more where the two differ: an interrupt in the middle of a case may have
    /// changed what the case sees, for the return from it makes selectors 1 to 3 zero (Intel SDM vol. 2, IRET).
    /// </param>
    public void Check(CpuCase test, CpuOutcome expected, HostCpu? host = null)
    {
        List<string> differences;
        try
        {
            CpuOutcome got = _cpu.Run(test);
            differences = OutcomeComparer.Compare(test, expected, got);
            if (differences.Count > 0 && host is not null)
            {
                differences = OutcomeComparer.Compare(test, host.Run([test])[0], got);
            }
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
