// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Pushes, pops and stack frames, with the stack at every kind of page edge and operands that involve ESP itself.</summary>
internal static class StackGenerator
{
    /// <summary>Opcodes whose operand, if any, is in the opcode or immediate.</summary>
    private static readonly byte[][] Opcodes =
    [
        .. Enumerable.Range(0x50, 16).Select(opcode => new[] { (byte)opcode }),
        [0x6A, 0x7F], [0x6A, 0x80], [0x68, 0x78, 0x56, 0x34, 0x92], [0x60], [0x61], [0x9C], [0x9D], [0xC9],
        // PUSH, INC, DEC and POP of operands addressed by ESP: a pop's address uses the ESP after it.
        [0xFF, 0x34, 0x24], [0xFF, 0x74, 0x24, 0xF8], [0xFF, 0xB4, 0x24, 4, 0, 0, 0], [0xFF, 0x34, 0x04], [0xFF, 0xF4],
        [0x8F, 0x04, 0x24], [0x8F, 0x44, 0x24, 0xFC], [0x8F, 0x44, 0x24, 4], [0x8F, 0x84, 0x24, 0xFE, 0xFF, 0xFF, 0xFF], [0x8F, 0x04, 0x4C], [0x8F, 0xC4],
        [0x03, 0x24, 0x24], [0x8B, 0x24, 0x24], [0x89, 0x24, 0x24],
    ];

    public static IEnumerable<CpuCase> Generate()
    {
        SplitMix random = new("stack");
        foreach (byte[] opcode in Opcodes)
        {
            for (int i = 0; i < 120; i++)
            {
                yield return Make(random, i % 3 == 0 ? [0x66, .. opcode] : opcode);
            }
        }

        foreach (Code code in (Code[])[Code.Push_rm16, Code.Push_rm32, Code.Pop_rm16, Code.Pop_rm32])
        {
            for (int i = 0; i < 400; i++)
            {
                yield return WithOperand(random, code, i % 4 != 0);
            }
        }

        for (int i = 0; i < 2000; i++)
        {
            yield return Enter(random);
        }
    }

    /// <summary>A stack pointer: mostly harmless, otherwise close to an edge that pushes or pops may cross.</summary>
    public static uint Pointer(SplitMix random) => random.Below(16) switch
    {
        < 7 => MemoryPlaces.Aligned(random, 4),
        < 9 => HostWindow.Data + 0x100 + (uint)random.Below(0x1000),
        < 11 => HostWindow.DataMiddle + (uint)random.Below(48) - 24,
        11 => HostWindow.Data + (uint)random.Below(48),
        12 => HostWindow.ReadOnly + (uint)random.Below(48) - 8,
        13 => HostWindow.ReadOnly + (uint)random.Below(0xF00),
        14 => HostWindow.DataEnd - (uint)random.Below(48),
        _ => HostWindow.DataEnd + (uint)random.Below(0x800),
    };

    /// <summary>A stack pointer where cases can choose what is popped; the read-only page has what it has.</summary>
    public static uint WritablePointer(SplitMix random)
    {
        uint pointer;
        do
        {
            pointer = Pointer(random);
        }
        while (pointer is > HostWindow.ReadOnly - 4 and < HostWindow.DataEnd);
        return pointer;
    }

    private static CpuCase Make(SplitMix random, byte[] code)
    {
        CaseBuilder builder = new(random);
        uint pointer = code[^1] == 0x9D ? WritablePointer(random) : Pointer(random);
        // A POPA that faults after it has begun may have changed registers; it does not begin if its end is unmapped.
        pointer &= code[^1] == 0x61 ? ~0x1Fu : ~0u;
        builder.Set(Register.ESP, pointer).Set(Register.EBP, random.OneIn(3) ? 0x12345678 : Pointer(random));
        builder.Set(Register.EAX, (uint)random.Below(16)).Set(Register.ECX, (uint)random.Below(16));
        builder.Case.Eflags |= (random.NextUInt32() & Eflags.Identification) | (random.OneIn(2) ? Eflags.Direction : 0);
        // What POPF pops must neither single-step nor check alignment on the host.
        builder.PokeValue(pointer, random.NextUInt32() & ~(Eflags.Trap | Eflags.AlignmentCheck), 4);
        if (random.OneIn(2))
        {
            builder.PokeValue(pointer, HostWindow.Data + 0x200 + (uint)random.Below(0x800), 4);
            builder.PokeValue(pointer + 1, random.NextUInt32() & 0xFE, 1);
        }

        return builder.Code(code);
    }

    private static CpuCase WithOperand(SplitMix random, Code code, bool memory)
    {
        CaseBuilder builder = new(random);
        uint place = MemoryPlaces.Any(random, 4);
        Instruction instruction;
        do
        {
            instruction = InstructionForms.TryFill(builder, code, memory ? place : null)!.Value;
        }
        while (instruction.MemoryBase == Register.ESP || (!memory && instruction.Op0Register is Register.SP or Register.ESP));

        builder.Set(Register.ESP, Pointer(random));
        return builder.Code(instruction);
    }

    private static CpuCase Enter(SplitMix random)
    {
        CaseBuilder builder = new(random);
        ushort size = random.Pick<ushort>(0, 1, 4, 8, 0x20, 0x100, 0x1000, (ushort)random.NextUInt32());
        byte level = random.Pick<byte>(0, 0, 1, 2, 3, 5, 31, 32, 33, 255);
        builder.Set(Register.ESP, Pointer(random)).Set(Register.EBP, Pointer(random));
        byte[] code = [0xC8, (byte)size, (byte)(size >> 8), level];
        return builder.Code(random.OneIn(3) ? [0x66, .. code] : code);
    }
}
