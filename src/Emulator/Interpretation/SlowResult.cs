// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Interpretation;

/// <summary>How a slow operation ended.</summary>
internal enum SlowResult
{
    /// <summary>Done; go on behind it.</summary>
    Done,

    /// <summary>A fault or trap is in the CPU state; nothing the guest can see has changed, except as the trap demands.</summary>
    Fault,

    /// <summary>Done, and EIP says where to go on: a control transfer, a change of mode, or a string operation with more to do.</summary>
    Leave,
}
