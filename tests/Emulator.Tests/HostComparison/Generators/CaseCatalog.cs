// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>All the cases, in groups that are generated as they are used.</summary>
internal static class CaseCatalog
{
    public static readonly (string Name, Func<IEnumerable<CpuCase>> Generate)[] Groups =
    [
        ("plain", PlainGenerator.Generate),
        ("shift", ShiftGenerator.Generate),
        ("multiply and divide", MultiplyDivideGenerator.Generate),
        ("bit", BitGenerator.Generate),
        ("decimal", DecimalGenerator.Generate),
        ("addressing", AddressingGenerator.Generate),
        ("string", StringGenerator.Generate),
        ("stack", StackGenerator.Generate),
        ("branch", BranchGenerator.Generate),
        ("far", FarGenerator.Generate),
        ("segment", SegmentGenerator.Generate),
        ("protection", ProtectionGenerator.Generate),
        ("sequence", SequenceGenerator.Generate),
        ("self-modifying", SelfModifyingGenerator.Generate),
    ];

    public static IEnumerable<CpuCase> All() => Groups.SelectMany(group => group.Generate());
}
