// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Traps;

/// <summary>Exception numbers (Intel SDM vol. 3, table 6-1).</summary>
public static class TrapVector
{
#pragma warning disable CS1591
    public const uint DivideError = 0, Debug = 1, Nmi = 2, Breakpoint = 3, Overflow = 4, BoundRange = 5, InvalidOpcode = 6,
        DeviceNotAvailable = 7, DoubleFault = 8, InvalidTss = 10, SegmentNotPresent = 11, StackFault = 12,
        GeneralProtection = 13, PageFault = 14, MathFault = 16, AlignmentCheck = 17, SimdError = 19;
#pragma warning restore CS1591

    private static readonly string?[] s_names =
    [
        "divide error", "debug", "nmi", "breakpoint", "overflow", "bound range", "invalid opcode", "device not available", "double fault", null,
        "invalid tss", "segment not present", "stack fault", "general protection", "page fault", null, "math fault", "alignment check",
    ];

    /// <summary>The name of an exception; null for other vectors.</summary>
    public static string? Name(uint vector) => vector < (uint)s_names.Length ? s_names[vector] : null;
}

/// <summary>What made the CPU leave the instruction stream.</summary>
/// <param name="Vector">IDT vector, 0 to 255.</param>
/// <param name="ErrorCode">The error code, 0 for vectors without one.</param>
/// <param name="Software">True for INT n, INT3 and INTO: the gate's privilege is checked, EIP is behind the instruction.</param>
/// <param name="Address">Faulting linear address for a page fault, else 0.</param>
/// <param name="InstructionEip">Address of the instruction that raised it (equals CpuState.Eip unless <paramref name="Software"/>).</param>
public readonly record struct Trap(uint Vector, uint ErrorCode, bool Software, uint Address, uint InstructionEip);
