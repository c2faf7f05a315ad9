// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Fpu;

/// <summary>What became of an x87 instruction.</summary>
public enum FpuOutcome
{
    /// <summary>Executed; it may have left an exception pending for the next waiting instruction.</summary>
    Done,

    /// <summary>Not an instruction: deliver #UD.</summary>
    InvalidOpcode,

    /// <summary>An unmasked exception was pending: nothing was executed, deliver #MF.</summary>
    MathFault,
}
