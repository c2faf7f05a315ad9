// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Far jumps, calls and returns and IRET, all within privilege level 3 or refused.</summary>
internal static class FarGenerator
{
    private static readonly ushort[] Selectors =
    [
        HostWindow.FlatCode, HostWindow.FlatCode, HostWindow.ReadableCode, HostWindow.ReadableCode, HostWindow.ExecuteOnly,
        HostWindow.CodeAtWindow, 0, 3, 0x20, HostWindow.FlatData, HostWindow.FlatLocal, HostWindow.NotPresent, HostWindow.BehindLdt, 0xFFFF,
        HostWindow.ReadableCode & ~3, 0x08,
    ];

    public static IEnumerable<CpuCase> Generate()
    {
        SplitMix random = new("far");
        foreach (ushort selector in Selectors)
        {
            for (int i = 0; i < 40; i++)
            {
                yield return Direct(random, selector);
                yield return Indirect(random, selector);
                yield return Return(random, selector);
                yield return InterruptReturn(random, selector);
            }
        }
    }

    /// <summary>An offset that leads to the code pages, or behind the limit of the segment that covers only one of them.</summary>
    private static uint Offset(SplitMix random, ushort selector, bool call = false) => selector == HostWindow.CodeAtWindow
        // A call beyond the limit may push before it notices or not.
        ? random.Pick<uint>((uint)random.Below(0x200), (uint)random.Below(0x200), call ? 0u : 0x1010)
        : random.Pick<uint>(HostWindow.Code + (uint)random.Below(0x200), HostWindow.Code + (uint)random.Below(0x200), HostWindow.CodeEnd + 8);

    private static CaseBuilder Start(SplitMix random)
    {
        CaseBuilder builder = new(random);
        builder.Case.Eip = HostWindow.Code + 0x400 + (uint)random.Below(0x100);
        builder.Set(Register.ESP, random.OneIn(3) ? StackGenerator.WritablePointer(random) : CaseBuilder.DefaultStack);
        // See SegmentGenerator on pushed selectors.
        builder.PokeValue(builder.Get(Register.ESP) - 8, 0, 8);
        return builder;
    }

    /// <summary>Where a frame is popped from: never are two words of it unmapped, for their order is the processor's own business.</summary>
    private static uint ReturnFrame(SplitMix random, int size) => random.Below(4) switch
    {
        0 => HostWindow.DataMiddle - (uint)random.Below(12),
        1 => HostWindow.LowEnd - (uint)size,
        _ => CaseBuilder.DefaultStack + (uint)random.Below(4),
    };

    private static CpuCase Direct(SplitMix random, ushort selector)
    {
        byte opcode = random.Pick<byte>(0x9A, 0xEA);
        uint offset = Offset(random, selector, opcode == 0x9A);
        byte[] code = random.OneIn(4)
            ? [0x66, opcode, .. BitConverter.GetBytes((ushort)offset), .. BitConverter.GetBytes(selector)]
            : [opcode, .. BitConverter.GetBytes(offset), .. BitConverter.GetBytes(selector)];
        return Start(random).Code(code);
    }

    private static CpuCase Indirect(SplitMix random, ushort selector)
    {
        CaseBuilder builder = Start(random);
        Code code = random.Pick(Code.Call_m1616, Code.Call_m1632, Code.Call_m1632, Code.Jmp_m1616, Code.Jmp_m1632, Code.Jmp_m1632);
        int size = code is Code.Call_m1616 or Code.Jmp_m1616 ? 2 : 4;
        uint place = random.OneIn(4) ? HostWindow.DataEnd - 3 : MemoryPlaces.Aligned(random, 8);
        builder.PokeValue(place, Offset(random, selector, code.Mnemonic() == Mnemonic.Call), size).PokeValue(place + (uint)size, selector, 2);
        return builder.Code(Instruction.Create(code, new MemoryOperand(Register.None, Register.None, 1, (int)place, 4)));
    }

    private static CpuCase Return(SplitMix random, ushort selector)
    {
        CaseBuilder builder = Start(random);
        bool small = random.OneIn(4);
        builder.Set(Register.ESP, ReturnFrame(random, small ? 2 : 4));
        PokeFrame(builder, small ? 2 : 4, Offset(random, selector), selector);
        byte[] code = random.OneIn(2) ? [0xCB] : [0xCA, 0x10, 0];
        return builder.Code(small ? [0x66, .. code] : code);
    }

    private static CpuCase InterruptReturn(SplitMix random, ushort selector)
    {
        CaseBuilder builder = Start(random);
        bool small = random.OneIn(4);
        builder.Set(Register.ESP, ReturnFrame(random, small ? 4 : 8));
        uint flags = random.NextUInt32() & (Eflags.Status | Eflags.Direction | Eflags.Interrupt | Eflags.Iopl | Eflags.Identification);
        PokeFrame(builder, small ? 2 : 4, Offset(random, selector), selector, flags);
        return builder.Code(small ? [0x66, 0xCF] : [0xCF]);
    }

    private static void PokeFrame(CaseBuilder builder, int size, params ReadOnlySpan<uint> words)
    {
        uint pointer = builder.Get(Register.ESP);
        foreach (uint word in words)
        {
            builder.PokeValue(pointer, word, size);
            pointer += (uint)size;
        }
    }
}
