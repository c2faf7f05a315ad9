// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Loads and stores of segment registers, what may be done through them then, and the questions about selectors.</summary>
internal static class SegmentGenerator
{
    private static readonly ushort[] Selectors =
    [
        0, 1, 3, HostWindow.FlatData, 0x28, 0x29, HostWindow.FlatCode, 0x20, 0x18, 0x1B, 0x83, 0xFFFB, HostWindow.BehindLdt, 0xFFFF,
        HostWindow.FlatLocal, HostWindow.FlatLocal & ~3, HostWindow.FlatLocal & ~1, HostWindow.OnePage, HostWindow.Tiny,
        HostWindow.ReadOnlyData, HostWindow.ExpandDown, HostWindow.ExecuteOnly, HostWindow.ReadableCode, HostWindow.NotPresent,
        HostWindow.NotPresent & ~3, HostWindow.HighBase, HostWindow.CodeAtWindow,
    ];

    /// <summary>Override prefixes in the order in which the segment registers are numbered.</summary>
    private static readonly byte[] Overrides = [0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65];

    public static IEnumerable<CpuCase> Generate()
    {
        SplitMix random = new("segment");
        foreach (ushort selector in Selectors)
        {
            for (int register = 0; register < 6; register++)
            {
                for (int i = 0; i < 10; i++)
                {
                    yield return Load(random, selector, register, i);
                }
            }

            for (int i = 0; i < 60; i++)
            {
                yield return InStackSegment(random, selector);
            }

            for (int i = 0; i < 20; i++)
            {
                yield return LoadFar(random, selector);
            }

            for (int i = 0; i < 16; i++)
            {
                yield return Ask(random, selector);
            }
        }

        for (int i = 0; i < 600; i++)
        {
            yield return Store(random);
            yield return Adjust(random);
        }
    }

    /// <summary>MOV or POP to a segment register, often with an access through it behind.</summary>
    private static CpuCase Load(SplitMix random, ushort selector, int register, int variant)
    {
        CaseBuilder builder = new(random);
        builder.Set(Register.EAX, selector | (random.NextUInt32() & 0xFFFF0000));
        builder.PokeValue(CaseBuilder.DefaultStack, selector | (random.NextUInt32() & 0xFFFF0000), 4);
        uint place = HostWindow.Data + 0x210;
        builder.PokeValue(place, selector, 2).Set(Register.EBX, place);
        List<byte> code = variant switch
        {
            < 3 => [0x8E, (byte)(0xC0 | (register << 3))],
            3 => [0x66, 0x8E, (byte)(0xC0 | (register << 3))],
            < 6 => [0x8E, (byte)((register << 3) | 3)],
            _ => [.. Pop(register)],
        };
        if (variant == 9 && register != 1)
        {
            code.Insert(0, 0x66);
        }

        // MOV or ADD at an offset that some of the segments reach and others do not.
        builder.Set(Register.EDX, random.Pick<uint>(0, 0x70, 0x7C, 0x7D, 0x7F0, 0x7FC, 0x800, 0x804, 0xFFD, 0x1100, HostWindow.Data + 8, 0x30003010));
        code.Add(random.OneIn(3) ? random.Pick<byte>(0x26, 0x64) : Overrides[register]);
        code.Add(random.Pick<byte>(0x8B, 0x89, 0x01));
        code.Add(0x0A);
        return builder.Code([.. code]);
    }

    private static byte[] Pop(int register) => register switch
    {
        0 => [0x07],
        // There is no POP CS; MOV to it is undefined.
        1 => [0x8E, 0xC8],
        2 => [0x17],
        3 => [0x1F],
        4 => [0x0F, 0xA1],
        _ => [0x0F, 0xA9],
    };

    /// <summary>Stack use and operands addressed by ESP and EBP in a stack segment of this selector, if it can be one.</summary>
    private static CpuCase InStackSegment(SplitMix random, ushort selector)
    {
        CaseBuilder builder = new(random);
        uint start = (selector & 4) != 0 && selector >> 3 < HostWindow.Ldt.Length ? HostWindow.Ldt[selector >> 3].Base : 0;
        uint pointer = random.OneIn(2)
            ? CaseBuilder.DefaultStack - start
            : random.Pick<uint>(0, 2, 4, 8, 0x20, 0x7C, 0x7E, 0x80, 0x84, 0x7FC, 0x7FE, 0x800, 0x802, 0x804, 0x808, 0x820, 0xFFC, 0xFFE, 0x1000);
        builder.Set(Register.EAX, selector).Set(Register.ESP, pointer).Set(Register.EBP, pointer + 4 - (uint)random.Below(8));
        builder.PokeValue(start + pointer, HostWindow.Code + 0x80, 4);
        byte[] use = random.Pick<byte[]>(
            [0x51], [0x59], [0x66, 0x51], [0x66, 0x59], [0x6A, 1], [0x9C], [0x60], [0xC9], [0xC3], [0xE8, 0x40, 0, 0, 0], [0xC8, 8, 0, 0], [0xC8, 8, 0, 2],
            [0x8B, 0x4D, 0], [0x89, 0x4D, 0xFC], [0x8B, 0x0C, 0x24], [0x01, 0x4C, 0x24, 0xFC], [0x8A, 0x4D, 3], [0x66, 0x89, 0x4D, 2],
            [0xFF, 0x34, 0x24], [0x8F, 0x45, 0], [0x36, 0x8B, 0x0B], [0x3E, 0x8B, 0x4D, 0], [0xF7, 0x5D, 0], [0xD1, 0x65, 0xFE]);
        return builder.Code([0x8E, 0xD0, .. use]);
    }

    /// <summary>LES, LDS, LSS, LFS, LGS.</summary>
    private static CpuCase LoadFar(SplitMix random, ushort selector)
    {
        CaseBuilder builder = new(random);
        Code code = random.Pick(
            Code.Les_r16_m1616, Code.Les_r32_m1632, Code.Lds_r16_m1616, Code.Lds_r32_m1632, Code.Lss_r16_m1616, Code.Lss_r32_m1632,
            Code.Lfs_r16_m1616, Code.Lfs_r32_m1632, Code.Lgs_r16_m1616, Code.Lgs_r32_m1632);
        int size = code.ToOpCode().GetOpKind(0) == OpCodeOperandKind.r16_reg ? 2 : 4;
        uint place = MemoryPlaces.Known(random, size + 2);
        builder.PokeValue(place, random.NextUInt32(), size).PokeValue(place + (uint)size, selector, 2);
        MemoryOperand operand = AddressForms.At(builder, place);
        Register target = size == 2
            ? random.Pick(Register.AX, Register.BX, Register.DI)
            : random.Pick(Register.EAX, Register.EBX, Register.EDI);
        return builder.Code(Instruction.Create(code, target, operand));
    }

    /// <summary>LAR, LSL, VERR, VERW.</summary>
    private static CpuCase Ask(SplitMix random, ushort selector)
    {
        CaseBuilder builder = new(random);
        Code code = random.Pick(
            Code.Lar_r16_rm16, Code.Lar_r32_r32m16, Code.Lsl_r16_rm16, Code.Lsl_r32_r32m16, Code.Verr_rm16, Code.Verr_r32m16,
            Code.Verw_rm16, Code.Verw_r32m16);
        bool memory = random.OneIn(2);
        uint place = MemoryPlaces.Known(random, 2);
        Instruction instruction = InstructionForms.TryFill(builder, code, memory ? place : null)!.Value;
        if (memory)
        {
            builder.PokeValue(place, selector, 2);
        }
        else
        {
            Register source = instruction.GetOpRegister(instruction.OpCount - 1);
            builder.Set(source, selector | (random.NextUInt32() & 0xFFFF0000));
        }

        return builder.Code(instruction);
    }

    private static CpuCase Store(SplitMix random)
    {
        CaseBuilder builder = new(random);
        builder.Case.Es = random.Pick(HostWindow.FlatData, HostWindow.OnePage, (ushort)0);
        builder.Case.Fs = random.Pick(HostWindow.FlatData, HostWindow.Tiny, (ushort)0, (ushort)3);
        builder.Case.Gs = random.Pick(HostWindow.FlatLocal, HostWindow.HighBase, (ushort)0);
        int register = random.Below(6);
        if (random.OneIn(2))
        {
            // A push of 32 bits writes only the selector on some processors and zeros above it on others: put zeros there.
            builder.Set(Register.ESP, StackGenerator.Pointer(random) & ~3u);
            builder.PokeValue(builder.Get(Register.ESP) - 4, 0, 4);
            byte[] push = register switch
            {
                0 => [0x06],
                1 => [0x0E],
                2 => [0x16],
                3 => [0x1E],
                4 => [0x0F, 0xA0],
                _ => [0x0F, 0xA8],
            };
            return builder.Code(random.OneIn(3) ? [0x66, .. push] : push);
        }

        if (random.OneIn(2))
        {
            byte[] move = [0x8C, (byte)(0xC0 | (register << 3) | random.Below(8))];
            return builder.Code(random.OneIn(2) ? [0x66, .. move] : move);
        }

        uint place = MemoryPlaces.Any(random, 2);
        builder.Set(Register.EBX, place);
        builder.Case.NeedsLowPages |= place < 2 * HostWindow.LowEnd;
        byte[] store = [0x8C, (byte)((register << 3) | 3)];
        return builder.Code(random.OneIn(2) ? [0x66, .. store] : store);
    }

    /// <summary>ARPL.</summary>
    private static CpuCase Adjust(SplitMix random)
    {
        CaseBuilder builder = new(random);
        uint place = MemoryPlaces.Any(random, 2);
        Code code = random.Pick(Code.Arpl_rm16_r16, Code.Arpl_r32m16_r32);
        return builder.Code(InstructionForms.TryFill(builder, code, random.OneIn(2) ? place : null)!.Value);
    }
}
