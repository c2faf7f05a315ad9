// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Turns an assembled sequence into a case.</summary>
internal static class SequenceCode
{
    /// <summary>Ends the case with the sequence at its EIP; its undefined flags are the caller's to say.</summary>
    public static CpuCase Finish(CaseBuilder builder, Assembler assembler, uint undefinedFlags = 0)
    {
        using MemoryStream stream = new();
        assembler.Assemble(new StreamCodeWriter(stream), builder.Case.Eip);
        builder.Poke(builder.Case.Eip, stream.ToArray());
        builder.Case.UndefinedFlags = undefinedFlags;
        return builder.Case;
    }
}
