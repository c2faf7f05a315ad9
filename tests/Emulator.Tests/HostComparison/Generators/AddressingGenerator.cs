// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>
/// Every ModR/M and SIB byte, encoded by hand because an encoder leaves out the forms that have shorter ones.
/// </summary>
internal static class AddressingGenerator
{
    private static readonly byte[][] Opcodes =
        [[0x8B], [0x89], [0x8A], [0x88], [0x03], [0x29], [0x66, 0x8B], [0x66, 0x31], [0x0F, 0xB6], [0x0F, 0xBF], [0x8D], [0x66, 0x8D]];

    public static IEnumerable<CpuCase> Generate()
    {
        SplitMix random = new("addressing");
        foreach (byte[] opcode in Opcodes)
        {
            for (int mod = 0; mod < 3; mod++)
            {
                for (int rm = 0; rm < 8; rm++)
                {
                    for (int sib = 0; sib < (rm == 4 ? 256 : 16); sib++)
                    {
                        yield return Make32(random, opcode, mod, rm, sib);
                        yield return Make32(random, opcode, mod, rm, sib);
                    }

                    for (int i = 0; i < 16; i++)
                    {
                        yield return Make16(random, opcode, mod, rm);
                    }
                }
            }
        }
    }

    private static CpuCase Make32(SplitMix random, byte[] opcode, int mod, int rm, int sib)
    {
        CaseBuilder builder = new(random);
        bool wild = opcode[^1] == 0x8D;
        uint target = MemoryPlaces.Aligned(random, 4) + (uint)random.Below(8);
        int start = rm == 4 ? sib & 7 : rm;
        int index = rm == 4 && ((sib >> 3) & 7) != 4 ? (sib >> 3) & 7 : -1;
        int scale = 1 << (sib >> 6);
        bool hasBase = !(mod == 0 && start == 5);
        int displacementSize = mod == 0 ? hasBase ? 0 : 4 : mod == 1 ? 1 : 4;
        uint displacement = displacementSize switch
        {
            0 => 0,
            1 => (uint)(sbyte)random.NextUInt32(),
            _ => random.OneIn(4) ? 0 : random.NextUInt32(),
        };
        uint[] registers = builder.Case.Registers;
        if (wild)
        {
            registers[start] = random.NextUInt32();
            registers[index < 0 ? start : index] = random.NextUInt32();
        }
        else if (!hasBase && index < 0)
        {
            displacement = target;
        }
        else if (!hasBase || start == index)
        {
            // One register alone: it gets as near to the target as its factor lets it.
            uint factor = (uint)(hasBase ? scale + 1 : scale);
            displacement = displacementSize == 4 ? target - (random.NextUInt32() & 0xFFFFFF) : displacement;
            registers[index] = (target - displacement) / factor;
        }
        else
        {
            uint steps = 0;
            if (index >= 0)
            {
                steps = random.Pick<uint>(0, 1, 0xFFFFFFFF, random.NextUInt32());
                registers[index] = steps;
            }

            registers[start] = target - displacement - (steps * (uint)scale);
        }

        List<byte> code = Prefixed(random, opcode);
        code.Add((byte)((mod << 6) | (random.Below(8) << 3) | rm));
        if (rm == 4)
        {
            code.Add((byte)sib);
        }

        Append(code, displacement, displacementSize);
        return builder.Code([.. code]);
    }

    private static CpuCase Make16(SplitMix random, byte[] opcode, int mod, int rm)
    {
        CaseBuilder builder = new(random);
        uint target = MemoryPlaces.InLow(random) & 0xFFFF;
        int displacementSize = mod == 0 ? rm == 6 ? 2 : 0 : mod;
        uint displacement = displacementSize switch { 0 => 0, 1 => (uint)(sbyte)random.NextUInt32(), _ => random.NextUInt32() };
        uint[] registers = builder.Case.Registers;
        int start = rm switch { 0 or 1 or 7 => 3, 2 or 3 => 5, 4 => 6, 5 => 7, _ => mod == 0 ? -1 : 5 };
        int index = rm switch { 0 or 2 => 6, 1 or 3 => 7, _ => -1 };
        uint steps = 0;
        if (index >= 0)
        {
            registers[index] = random.NextUInt32();
            steps = registers[index];
        }

        if (start >= 0)
        {
            registers[start] = (random.NextUInt32() & 0xFFFF0000) | ((target - steps - displacement) & 0xFFFF);
        }
        else
        {
            displacement = target;
        }

        builder.Case.NeedsLowPages = true;
        List<byte> code = Prefixed(random, [0x67, .. opcode]);
        code.Add((byte)((mod << 6) | (random.Below(8) << 3) | rm));
        Append(code, displacement, displacementSize);
        return builder.Code([.. code]);
    }

    private static List<byte> Prefixed(SplitMix random, byte[] opcode)
    {
        List<byte> code = [];
        if (random.OneIn(8))
        {
            code.Add(random.Pick<byte>(0x26, 0x36, 0x3E));
        }

        code.AddRange(opcode);
        return code;
    }

    private static void Append(List<byte> code, uint displacement, int size)
    {
        for (int i = 0; i < size; i++)
        {
            code.Add((byte)(displacement >> (8 * i)));
        }
    }
}
