// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>
/// Jumps, calls, returns, loops and software interrupts. All code but the snippet is INT3, so where a case ends tells where
/// the branch went; 16-bit forms are at home in the low pages and lose the upper half of EIP elsewhere.
/// </summary>
internal static class BranchGenerator
{
    public static IEnumerable<CpuCase> Generate()
    {
        SplitMix random = new("branch");
        for (int opcode = 0x70; opcode < 0x80; opcode++)
        {
            for (int i = 0; i < 200; i++)
            {
                yield return Relative(random, [(byte)opcode], 1);
                yield return Relative(random, [0x0F, (byte)(opcode + 0x10)], 4);
            }
        }

        for (int opcode = 0xE0; opcode < 0xE4; opcode++)
        {
            for (int i = 0; i < 300; i++)
            {
                yield return Relative(random, random.OneIn(3) ? [0x67, (byte)opcode] : [(byte)opcode], 1);
            }
        }

        for (int i = 0; i < 300; i++)
        {
            yield return Relative(random, [0xEB], 1);
            yield return Relative(random, [0xE9], 4);
            yield return Relative(random, [0xE8], 4);
            yield return Relative(random, [0xE8], 4);
        }

        foreach (Code code in (Code[])[Code.Call_rm16, Code.Call_rm32, Code.Jmp_rm16, Code.Jmp_rm32])
        {
            for (int i = 0; i < 400; i++)
            {
                yield return Indirect(random, code, i % 2 == 0);
            }
        }

        for (int i = 0; i < 600; i++)
        {
            yield return Return(random);
        }

        for (int i = 0; i < 400; i++)
        {
            yield return Bound(random);
            yield return Translate(random);
        }

        foreach (CpuCase test in Interrupts(random))
        {
            yield return test;
        }
    }

    private static CaseBuilder Start(SplitMix random)
    {
        CaseBuilder builder = new(random);
        builder.Case.Eip = random.Below(8) switch
        {
            0 => HostWindow.Low + 0x400 + (uint)random.Below(0x1000),
            1 => HostWindow.Code + HostWindow.PageBytes - (uint)random.Below(8),
            _ => HostWindow.Code + 0x200 + (uint)random.Below(0x1C00),
        };
        builder.Set(Register.ESP, random.OneIn(3) ? StackGenerator.WritablePointer(random) : CaseBuilder.DefaultStack);
        return builder;
    }

    private static CpuCase Relative(SplitMix random, byte[] opcode, int size)
    {
        CaseBuilder builder = Start(random);
        bool small = random.OneIn(4);
        size = small && size == 4 ? 2 : size;
        builder.Set(Register.ECX, random.Pick<uint>(0, 1, 2, 0xFFFFFFFF, 0x10000, 0x10001, 0x80000000, random.NextUInt32()));
        int length = opcode.Length + size + (small ? 1 : 0);
        // Not into the snippet itself: that would run its operands.
        int distance = size == 1 ? random.Below(120) : random.Below(0x1C0);
        distance = random.OneIn(2) ? -length - 1 - Math.Min(distance, 100) : distance;
        if (size > 1 && random.OneIn(8))
        {
            distance = size == 4 ? (int)(HostWindow.CodeEnd + 0x123 - builder.Case.Eip) : 0x7000;
        }

        MakeLandingPlaces(builder, distance + length);
        byte[] code = [.. opcode, .. BitConverter.GetBytes(distance).AsSpan(0, size)];
        return builder.Code(small ? [0x66, .. code] : code);
    }

    /// <summary>In data pages the bytes around would be run; let all targets there be INT3.</summary>
    private static void MakeLandingPlaces(CaseBuilder builder, int distance)
    {
        uint target = builder.Case.Eip + (uint)distance;
        foreach (uint place in (uint[])[target, target & 0xFFFF])
        {
            if (place < HostWindow.LowEnd)
            {
                builder.Poke(place, 0xCC, 0xCC);
            }
        }

        if (builder.Case.Eip < HostWindow.LowEnd)
        {
            byte[] traps = new byte[24];
            Array.Fill(traps, (byte)0xCC);
            builder.Poke(builder.Case.Eip, traps);
        }
    }

    private static uint Target(SplitMix random) => random.Below(6) switch
    {
        0 => HostWindow.CodeEnd + (uint)random.Below(0x800),
        1 => HostWindow.Low + (uint)random.Below(0x400),
        _ => HostWindow.Code + (uint)random.Below(0x200),
    };

    private static CpuCase Indirect(SplitMix random, Code code, bool memory)
    {
        CaseBuilder builder = Start(random);
        MakeLandingPlaces(builder, 0);
        uint pointer = builder.Get(Register.ESP);
        uint place = MemoryPlaces.Known(random, 4);
        Instruction instruction = InstructionForms.TryFill(builder, code, memory ? place : null)!.Value;
        if (!memory || instruction.MemoryBase != Register.ESP)
        {
            builder.Set(Register.ESP, pointer);
        }

        uint target = Target(random);
        if (memory)
        {
            builder.PokeValue(place, target, 4);
        }
        else
        {
            builder.Set(instruction.Op0Register, target);
        }

        builder.Poke(target & 0xFFFF, 0xCC, 0xCC);
        if (target < HostWindow.LowEnd)
        {
            builder.Poke(target, 0xCC, 0xCC);
        }

        return builder.Code(instruction);
    }

    private static CpuCase Return(SplitMix random)
    {
        CaseBuilder builder = Start(random);
        MakeLandingPlaces(builder, 0);
        uint target = Target(random);
        builder.PokeValue(builder.Get(Register.ESP), target, 4);
        builder.Poke(target & 0xFFFF, 0xCC, 0xCC);
        byte[] code = random.OneIn(2) ? [0xC3] : [0xC2, random.Pick<byte>(0, 4, 0xFF), random.Pick<byte>(0, 0, 0x80, 0xFF)];
        return builder.Code(random.OneIn(3) ? [0x66, .. code] : code);
    }

    private static CpuCase Bound(SplitMix random)
    {
        CaseBuilder builder = new(random);
        bool small = random.OneIn(2);
        int size = small ? 2 : 4;
        // With the lower bound mapped and the upper one not, one processor looks at the second and another does not.
        uint place = MemoryPlaces.Known(random, 2 * size);
        uint value = (uint)InterestingValues.Pick(random, size);
        uint low = value - (uint)random.Below(3) + 1;
        uint high = random.OneIn(3) ? value - 1 + (uint)random.Below(3) : (uint)InterestingValues.Pick(random, size);
        builder.PokeValue(place, low, size).PokeValue(place + (uint)size, high, size);
        MemoryOperand operand = AddressForms.At(builder, place, Register.EDX);
        builder.Set(small ? Register.DX : Register.EDX, value);
        Instruction instruction = Instruction.Create(
            small ? Code.Bound_r16_m1616 : Code.Bound_r32_m3232, small ? Register.DX : Register.EDX, operand);
        return builder.Code(instruction);
    }

    private static CpuCase Translate(SplitMix random)
    {
        CaseBuilder builder = new(random);
        bool small = random.OneIn(3);
        uint index = random.NextUInt32() & 0xFF;
        uint place = small ? MemoryPlaces.InLow(random) : MemoryPlaces.Any(random, 1);
        builder.Set(Register.AL, index);
        builder.Set(Register.EBX, small ? ((place - index) & 0xFFFF) | (random.NextUInt32() & 0xFFFF0000) : place - index);
        builder.PokeValue(place, random.NextUInt32(), 1);
        builder.Case.NeedsLowPages |= small;
        builder.Case.Fs = HostWindow.FlatLocal;
        List<byte> code = [.. random.Pick<byte[]>([], [0x26], [0x2E], [0x36], [0x64], [0x65], [0x66])];
        if (small)
        {
            code.Add(0x67);
        }

        code.Add(0xD7);
        return builder.Code([.. code]);
    }

    private static IEnumerable<CpuCase> Interrupts(SplitMix random)
    {
        for (int vector = 0; vector < 256; vector++)
        {
            // Linux's system call is the one gate that must not be knocked at.
            if (vector != 0x80)
            {
                yield return Start(random).Code(0xCD, (byte)vector);
            }
        }

        for (int i = 0; i < 60; i++)
        {
            yield return new CaseBuilder(random).Code(0xCE);
            yield return new CaseBuilder(random).Code(0xCC);
        }
    }
}
