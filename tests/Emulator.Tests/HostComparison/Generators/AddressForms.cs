// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Finds an addressing mode and register values that lead to a linear address.</summary>
internal static class AddressForms
{
    private static readonly Register[] Registers32 =
        [Register.EAX, Register.ECX, Register.EDX, Register.EBX, Register.ESP, Register.EBP, Register.ESI, Register.EDI];

    private static readonly (Register Base, Register Index)[] Forms16 =
    [
        (Register.BX, Register.SI), (Register.BX, Register.DI), (Register.BP, Register.SI), (Register.BP, Register.DI),
        (Register.SI, Register.None), (Register.DI, Register.None), (Register.BP, Register.None), (Register.BX, Register.None),
    ];

    /// <summary>
    /// A memory operand at the address; sets the registers it takes, and sometimes a segment. Registers that the instruction
    /// needs for something else are avoided.
    /// </summary>
    public static MemoryOperand At(CaseBuilder builder, uint linear, params ReadOnlySpan<Register> avoid)
    {
        Register prefix = Register.None;
        uint offset = linear;
        if (builder.Random.OneIn(6))
        {
            (prefix, uint start) = PickSegment(builder);
            offset -= start;
        }

        if (offset < HostWindow.LowEnd && !builder.Random.OneIn(3) && TryAt16(builder, offset, prefix, avoid, out MemoryOperand small))
        {
            builder.Case.NeedsLowPages = true;
            return small;
        }

        return At32(builder, offset, prefix, avoid);
    }

    /// <summary>A segment override and where the segment starts.</summary>
    private static (Register Prefix, uint Start) PickSegment(CaseBuilder builder)
    {
        SplitMix random = builder.Random;
        Register prefix = random.Pick(
            Register.ES, Register.CS, Register.SS, Register.DS, Register.FS, Register.GS, Register.FS, Register.GS, Register.None);
        if (prefix is Register.CS or Register.SS || (prefix is Register.ES or Register.DS && random.OneIn(2)))
        {
            return (prefix, 0);
        }

        ushort selector = random.Pick<ushort>(
            HostWindow.FlatLocal, HostWindow.FlatData, HostWindow.OnePage, HostWindow.OnePage, HostWindow.Tiny, HostWindow.ReadOnlyData,
            HostWindow.ExpandDown, HostWindow.ReadableCode, HostWindow.HighBase, HostWindow.HighBase, 0);
        switch (prefix)
        {
            case Register.ES:
                builder.Case.Es = selector;
                break;
            case Register.FS:
                builder.Case.Fs = selector;
                break;
            case Register.GS:
                builder.Case.Gs = selector;
                break;
            default:
                // Without a prefix it is DS that most operands are in; those by way of ESP and EBP then lie somewhere unmapped.
                builder.Case.Ds = selector;
                break;
        }

        return (prefix, selector < 4 || (selector & 4) == 0 ? 0 : HostWindow.Ldt[selector >> 3].Base);
    }

    private static MemoryOperand At32(CaseBuilder builder, uint offset, Register prefix, ReadOnlySpan<Register> avoid)
    {
        SplitMix random = builder.Random;
        int form = random.Below(8);
        if (form == 0)
        {
            return new MemoryOperand(Register.None, Register.None, 1, (int)offset, 4, false, prefix);
        }

        Register start = PickRegister(random, Registers32, avoid, Register.None);
        Register index = PickRegister(random, Registers32, avoid, start);
        uint displacement = (form & 3) switch
        {
            1 => 0u,
            2 => (uint)(sbyte)random.NextUInt32(),
            _ => random.OneIn(2) ? random.NextUInt32() : (uint)random.Below(0x10000),
        };
        int displacementSize = (form & 3) switch { 1 => 0, 2 => 1, _ => 4 };
        if (start == Register.None || (start == Register.EBP && displacementSize == 0))
        {
            displacementSize = start == Register.None ? 4 : 1;
        }

        if (start == Register.None)
        {
            return new MemoryOperand(Register.None, Register.None, 1, (int)offset, 4, false, prefix);
        }

        if (form < 4 || index is Register.None or Register.ESP)
        {
            builder.Set(start, offset - displacement);
            return new MemoryOperand(start, Register.None, 1, (int)displacement, displacementSize, false, prefix);
        }

        int scale = 1 << random.Below(4);
        uint steps = random.Pick<uint>(0, 1, 2, 0xFFFFFFFF, 0xFFFFFFF0, 0x80000000, random.NextUInt32(), (uint)random.Below(0x1000));
        builder.Set(index, steps);
        builder.Set(start, offset - displacement - (steps * (uint)scale));
        return new MemoryOperand(start, index, scale, (int)displacement, displacementSize, false, prefix);
    }

    private static bool TryAt16(CaseBuilder builder, uint offset, Register prefix, ReadOnlySpan<Register> avoid, out MemoryOperand operand)
    {
        SplitMix random = builder.Random;
        if (random.OneIn(6))
        {
            operand = new MemoryOperand(Register.None, Register.None, 1, (int)offset, 2, false, prefix);
            return true;
        }

        (Register start, Register index) = random.Pick<(Register, Register)>(Forms16);
        operand = default;
        foreach (Register register in avoid)
        {
            if (CaseBuilder.Number(register) is int number
                && (number == CaseBuilder.Number(start) || (index != Register.None && number == CaseBuilder.Number(index))))
            {
                return false;
            }
        }

        int displacementSize = random.Below(3);
        displacementSize = start == Register.BP && index == Register.None && displacementSize == 0 ? 1 : displacementSize;
        short displacement = displacementSize switch { 0 => (short)0, 1 => (sbyte)random.NextUInt32(), _ => (short)random.NextUInt32() };
        uint steps = index == Register.None ? 0 : random.NextUInt32() & 0xFFFF;
        if (index != Register.None)
        {
            builder.Set(index, steps);
        }

        builder.Set(start, (offset - steps - (uint)displacement) & 0xFFFF);
        operand = new MemoryOperand(start, index, 1, (ushort)displacement, displacementSize, false, prefix);
        return true;
    }

    private static Register PickRegister(SplitMix random, Register[] from, ReadOnlySpan<Register> avoid, Register other)
    {
        for (int tries = 0; tries < 20; tries++)
        {
            Register register = random.Pick<Register>(from);
            bool taken = register == other;
            foreach (Register used in avoid)
            {
                taken |= CaseBuilder.Number(used) == CaseBuilder.Number(register);
            }

            if (!taken)
            {
                return register;
            }
        }

        return Register.None;
    }
}
