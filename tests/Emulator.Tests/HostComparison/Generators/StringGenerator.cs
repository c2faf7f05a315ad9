// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>String instructions: repeated and not, forwards and backwards, across pages, overlapping, and faulting half-way.</summary>
internal static class StringGenerator
{
    private static readonly byte[] Opcodes = [0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF];

    public static IEnumerable<CpuCase> Generate()
    {
        SplitMix random = new("string");
        foreach (byte opcode in Opcodes)
        {
            foreach (byte operandSize in (byte[])[0, 0x66])
            {
                foreach (byte repeat in (byte[])[0, 0xF2, 0xF3])
                {
                    for (int i = 0; i < 320; i++)
                    {
                        yield return Make(random, opcode, operandSize, repeat);
                    }
                }
            }
        }

        // Ports are closed to programs, whatever the count.
        foreach (byte opcode in (byte[])[0x6C, 0x6D, 0x6E, 0x6F])
        {
            foreach (uint count in (uint[])[0, 1, 5])
            {
                CaseBuilder builder = new(random);
                builder.Set(Register.ECX, count).Set(Register.ESI, HostWindow.Data).Set(Register.EDI, HostWindow.Data + 0x100);
                yield return builder.Code(opcode);
                builder = new CaseBuilder(random);
                builder.Set(Register.ECX, count).Set(Register.ESI, HostWindow.Data).Set(Register.EDI, HostWindow.Data + 0x100);
                yield return builder.Code(0x66, opcode);
                if (count != 0)
                {
                    builder = new CaseBuilder(random);
                    builder.Set(Register.ECX, count).Set(Register.ESI, HostWindow.Data).Set(Register.EDI, HostWindow.Data + 0x100);
                    yield return builder.Code(0xF3, opcode);
                }
            }
        }
    }

    private static CpuCase Make(SplitMix random, byte opcode, byte operandSize, byte repeat)
    {
        CaseBuilder builder = new(random);
        int size = (opcode & 1) == 0 ? 1 : operandSize == 0 ? 4 : 2;
        bool small = random.OneIn(6);
        byte segment = random.OneIn(5) ? random.Pick<byte>(0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65) : (byte)0;
        uint count = random.Pick<uint>(0, 1, 2, 3, 4, 5, 7, 8, 16, 17, 33, 64, (uint)random.Below(300), (uint)random.Below(3000));
        uint source = Place(random, small);
        uint destination = random.OneIn(4) ? source + (uint)(random.Below(64) - 32) : Place(random, small);
        if (opcode is 0xA6 or 0xA7)
        {
            // If both operands of a comparison fault, processors differ in the order; so one of them never does.
            count = Math.Min(count, 100);
            uint safe = (small ? HostWindow.Low : HostWindow.Data) + 0x400 + (uint)random.Below(0x1800);
            (source, destination) = segment != 0 || random.OneIn(2) ? (source, safe) : (safe, destination);
        }

        builder.Case.Eflags |= random.OneIn(3) ? Eflags.Direction : 0;
        uint garbage = small ? random.NextUInt32() & 0xFFFF0000 : 0;
        builder.Set(Register.ESI, source | garbage).Set(Register.EDI, destination | garbage).Set(Register.ECX, count | garbage);
        builder.Case.NeedsLowPages |= small;
        uint value = (uint)InterestingValues.Pick(random, 4);
        builder.Set(Register.EAX, value);
        PrepareComparison(builder, source, destination, value, count, size, opcode >= 0xAE);
        SetSegments(builder, segment, small);
        byte[] prefixes = [segment, small ? (byte)0x67 : (byte)0, operandSize, repeat];
        return builder.Code([.. prefixes.Where(prefix => prefix != 0), opcode]);
    }

    /// <summary>Makes the comparisons go on for a while: equal bytes on both sides, or AL's value, with a difference somewhere.</summary>
    private static void PrepareComparison(
        CaseBuilder builder, uint source, uint destination, uint value, uint count, int size, bool scan)
    {
        SplitMix random = builder.Random;
        int length = (int)Math.Min(count, 40) * size;
        if (length == 0 || random.OneIn(4))
        {
            return;
        }

        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++)
        {
            bytes[i] = scan ? (byte)(value >> (8 * (i % size))) : (byte)(i / 3);
        }

        uint back = (builder.Case.Eflags & Eflags.Direction) != 0 ? (uint)(length - size) : 0;
        builder.Poke(source - back, bytes);
        int different = random.Below(length + 4);
        if (different < length)
        {
            bytes[different] ^= random.Pick<byte>(1, 0x80, 0xFF);
        }

        builder.Poke(destination - back, bytes);
    }

    private static uint Place(SplitMix random, bool small)
    {
        if (small)
        {
            return random.OneIn(3) ? HostWindow.LowEnd - (uint)random.Below(64) : MemoryPlaces.InLow(random) & 0xFFFF;
        }

        return random.Below(10) switch
        {
            < 5 => MemoryPlaces.Aligned(random, 4),
            5 => HostWindow.Data + (uint)random.Below(0x2000),
            6 => HostWindow.DataMiddle + (uint)random.Below(64) - 32,
            7 => HostWindow.ReadOnly + (uint)random.Below(128) - 64,
            8 => HostWindow.Data + (uint)random.Below(64) - 16,
            _ => HostWindow.DataEnd + (uint)random.Below(64) - 48,
        };
    }

    /// <summary>Gives the source the segment that its prefix asks for, and sometimes the destination one that does not start at 0.</summary>
    private static void SetSegments(CaseBuilder builder, byte prefix, bool small)
    {
        SplitMix random = builder.Random;
        switch (prefix)
        {
            case 0x64:
                builder.Case.Fs = random.Pick<ushort>(HostWindow.FlatLocal, HostWindow.HighBase, 0);
                Rebase(builder, Register.ESI, builder.Case.Fs);
                break;
            case 0x65:
                builder.Case.Gs = random.Pick<ushort>(HostWindow.FlatLocal, HostWindow.ReadOnlyData, HostWindow.Tiny, HostWindow.OnePage);
                Rebase(builder, Register.ESI, builder.Case.Gs);
                break;
            case 0 when !small && random.OneIn(12):
                builder.Case.Es = random.Pick<ushort>(
                    HostWindow.FlatLocal, HostWindow.HighBase, HostWindow.OnePage, HostWindow.ExpandDown, HostWindow.ReadOnlyData, HostWindow.ReadableCode);
                Rebase(builder, Register.EDI, builder.Case.Es);
                break;
            case 0 when !small && random.OneIn(12):
                builder.Case.Ds = random.Pick<ushort>(HostWindow.FlatLocal, HostWindow.HighBase, HostWindow.OnePage, HostWindow.ExpandDown);
                Rebase(builder, Register.ESI, builder.Case.Ds);
                break;
        }
    }

    private static void Rebase(CaseBuilder builder, Register register, ushort selector)
    {
        uint start = selector == 0 ? 0 : HostWindow.Ldt[selector >> 3].Base;
        builder.Set(register, builder.Get(register) - start);
    }
}
