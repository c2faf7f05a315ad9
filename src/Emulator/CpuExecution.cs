// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator;

/// <summary>How guest code is executed.</summary>
public enum CpuExecution
{
    /// <summary>The translator where there is one for this processor, else the interpreter.</summary>
    Auto,

    /// <summary>Guest code becomes machine code of the host. Needs an x86-64 processor.</summary>
    Translator,

    /// <summary>Guest code is interpreted. Works everywhere.</summary>
    Interpreter,

    /// <summary>
    /// Translated, and every instruction tried beforehand by translator and interpreter: the run ends with a
    /// <see cref="LockstepException"/> where they differ. Needs an x86-64 processor.
    /// </summary>
    Lockstep,
}
