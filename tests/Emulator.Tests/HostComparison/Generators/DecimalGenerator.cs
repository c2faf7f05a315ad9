// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>The decimal adjustments, for every AL with every carry.</summary>
internal static class DecimalGenerator
{
    public static IEnumerable<CpuCase> Generate()
    {
        SplitMix random = new("decimal");
        foreach (byte opcode in (byte[])[0x27, 0x2F, 0x37, 0x3F])
        {
            for (uint i = 0; i < 0x400; i++)
            {
                CaseBuilder builder = new(random);
                uint carries = ((i & 0x100) != 0 ? Eflags.Carry : 0) | ((i & 0x200) != 0 ? Eflags.Adjust : 0);
                builder.Flags((CaseBuilder.RandomStatus(random) & ~(Eflags.Carry | Eflags.Adjust)) | carries);
                builder.Set(Register.AL, i & 0xFF).Set(Register.AH, (uint)InterestingValues.Pick(random, 1));
                yield return builder.Code(opcode);
            }
        }

        // AAM and AAD have a base, 10 only by custom; AAM 0 divides by zero.
        foreach (byte opcode in (byte[])[0xD4, 0xD5])
        {
            for (int i = 0; i < 1000; i++)
            {
                CaseBuilder builder = new(random);
                builder.Set(Register.AX, random.NextUInt32());
                byte divisor = random.Pick<byte>(0, 1, 2, 8, 10, 10, 10, 16, 100, 127, 128, 255, (byte)random.NextUInt32());
                yield return builder.Code(opcode, divisor);
            }
        }
    }
}
