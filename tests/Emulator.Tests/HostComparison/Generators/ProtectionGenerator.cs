// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>What a program may not do: privileged instructions, misplaced LOCKs, undefined opcodes, code that ends at a page's edge.</summary>
internal static class ProtectionGenerator
{
    private static readonly byte[][] Privileged =
    [
        [0xF4], [0xFA], [0xFB], [0x0F, 0x06], [0x0F, 0x08], [0x0F, 0x09], [0x0F, 0x30], [0x0F, 0x32],
        [0x0F, 0x20, 0xC0], [0x0F, 0x20, 0xD0], [0x0F, 0x20, 0xD8], [0x0F, 0x22, 0xC0], [0x0F, 0x22, 0xD8], [0x0F, 0x22, 0xE0],
        [0x0F, 0x21, 0xC0], [0x0F, 0x21, 0xF8], [0x0F, 0x23, 0xC0], [0x0F, 0x23, 0xF8],
        [0x0F, 0x00, 0xD0], [0x0F, 0x00, 0xD8], [0x0F, 0x00, 0x10], [0x0F, 0x00, 0x18], [0x66, 0x0F, 0x00, 0xD0], [0x66, 0x0F, 0x00, 0xD8],
        [0x0F, 0x01, 0x10], [0x0F, 0x01, 0x18], [0x66, 0x0F, 0x01, 0x10], [0x66, 0x0F, 0x01, 0x18],
        [0x0F, 0x01, 0xF0], [0x0F, 0x01, 0x30], [0x66, 0x0F, 0x01, 0xF0], [0x0F, 0x01, 0x38],
        [0xE4, 0x60], [0xE5, 0x60], [0x66, 0xE5, 0x60], [0xE6, 0x60], [0xE7, 0x60], [0x66, 0xE7, 0x60],
        [0xEC], [0xED], [0x66, 0xED], [0xEE], [0xEF], [0x66, 0xEF],
    ];

    /// <summary>Opcodes that Intel's processors of all times refuse.</summary>
    private static readonly byte[][] Undefined =
    [
        [0x0F, 0x0B], [0x0F, 0xB9, 0xC0], [0x0F, 0xFF, 0xC0], [0x0F, 0x04], [0x0F, 0x0A], [0x0F, 0x0C], [0x0F, 0x24, 0xC0], [0x0F, 0x26, 0xC0],
        [0x0F, 0x36], [0x0F, 0x39], [0x0F, 0xA6, 0xC0], [0x0F, 0xA7, 0xC0], [0x0F, 0xAA], [0xFE, 0xD0], [0xFE, 0x10], [0xFE, 0xF8], [0xFF, 0xF8], [0xFF, 0x38],
        [0xFF, 0xD8], [0xFF, 0xE8], [0x8F, 0xC8], [0x8F, 0xD8], [0x8C, 0xF0], [0x8C, 0xF8], [0x8C, 0x30], [0x8E, 0xC8], [0x8E, 0xF0], [0x8E, 0xF8],
        [0x8D, 0xC0], [0x0F, 0xBA, 0xC0, 1], [0x0F, 0xBA, 0xD0, 1], [0x0F, 0xBA, 0x18, 1], [0x0F, 0xC7, 0xC8], [0xC6, 0xC8, 0], [0xC7, 0xD0, 0, 0, 0, 0],
        [0x0F, 0xB2, 0xC0], [0x0F, 0xB4, 0xC0], [0x0F, 0xB5, 0xC0],
    ];

    public static IEnumerable<CpuCase> Generate()
    {
        SplitMix random = new("protection");
        foreach (byte[] code in Privileged)
        {
            for (int i = 0; i < 6; i++)
            {
                CaseBuilder builder = new(random);
                builder.Set(Register.EAX, i < 3 ? HostWindow.Data + 0x123 : HostWindow.DataEnd + 0x10);
                yield return builder.Code(code);
            }
        }

        foreach (byte[] code in Undefined)
        {
            for (int i = 0; i < 4; i++)
            {
                CaseBuilder builder = new(random);
                builder.Set(Register.EAX, i < 3 ? HostWindow.Data + 0x123 : HostWindow.DataEnd + 0x10);
                yield return builder.Code(code);
            }
        }

        foreach (CpuCase test in Locked(random).Concat(Prefixed(random)).Concat(AtPageEnd(random)))
        {
            yield return test;
        }
    }

    private static IEnumerable<CpuCase> Locked(SplitMix random)
    {
        foreach (Code code in InstructionForms.All)
        {
            bool canLock = code.ToOpCode().CanUseLockPrefix;
            // A bit string's element is where its offset says, and that would be anywhere.
            bool memory = code.ToOpCode().OpCount > 0 && (InstructionForms.IsMemoryOnly(code) || InstructionForms.HasRegisterOrMemory(code))
                && !(code.Mnemonic() is Mnemonic.Bt or Mnemonic.Bts or Mnemonic.Btr or Mnemonic.Btc && code.ToOpCode().GetOpKind(1) != OpCodeOperandKind.imm8);
            if (IncomparableForms.Contains(code) || code.Mnemonic() is Mnemonic.Int or Mnemonic.Jmp or Mnemonic.Call or Mnemonic.Enter)
            {
                continue;
            }

            for (int i = 0; i < (canLock ? 24 : 2); i++)
            {
                CaseBuilder builder = new(random);
                uint? place = !memory ? null : i % 4 == 3 && !InstructionForms.IsMemoryOnly(code) ? null : MemoryPlaces.Aligned(random, 8);
                if (InstructionForms.TryFill(builder, code, place) is Instruction instruction)
                {
                    yield return builder.Code(instruction, 0xF0);
                }
            }

            if (canLock)
            {
                // Few across a cache line: some hosts slow a program down for each.
                CaseBuilder builder = new(random);
                if (memory && InstructionForms.TryFill(builder, code, HostWindow.ReadOnly + 0x40) is Instruction instruction)
                {
                    yield return builder.Code(instruction, 0xF0);
                }
            }
        }
    }

    /// <summary>Prefixes that repeat, contradict each other or mean nothing here; more than 15 bytes are too many.</summary>
    private static IEnumerable<CpuCase> Prefixed(SplitMix random)
    {
        byte[][] instructions =
        [
            [0x01, 0xC8], [0x00, 0xC8], [0x8B, 0x03], [0x89, 0x03], [0x40], [0x90], [0xC1, 0xE0, 4], [0x98], [0x99], [0x0F, 0xB6, 0xC1],
            [0x0F, 0x94, 0xC0], [0x0F, 0x44, 0xC1], [0x85, 0xC0], [0x58], [0x50], [0xA1, 0, 0x31, 0, 0x20], [0xEB, 0x10], [0x74, 0x10], [0xC3],
            [0x27], [0xF8], [0x9F], [0xF7, 0xE1], [0x0F, 0xAF, 0xC1], [0x05, 1, 2, 3, 4], [0xB8, 1, 2, 3, 4], [0x81, 0x03, 1, 2, 3, 4],
        ];
        byte[] prefixes = [0x66, 0x67, 0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0xF2, 0xF3];
        foreach (byte[] instruction in instructions)
        {
            for (int i = 0; i < 80; i++)
            {
                CaseBuilder builder = new(random);
                builder.Set(Register.EBX, HostWindow.Data + 0x300).Set(Register.EAX, (uint)InterestingValues.Pick(random, 4));
                builder.Set(Register.EDI, HostWindow.Low + 0x300);
                builder.PokeValue(CaseBuilder.DefaultStack, HostWindow.Code + 0x80, 4);
                builder.Case.Fs = HostWindow.FlatLocal;
                // Under 67 the same ModR/M byte means [BP+DI], and an address of the accumulator's own moves has two bytes.
                builder.Set(Register.EBP, 0);
                int count = i < 60 ? random.Below(6) : 15 - instruction.Length + random.Below(3) - 1;
                byte[] code = new byte[count + instruction.Length];
                for (int k = 0; k < count; k++)
                {
                    code[k] = random.Pick<byte>(prefixes);
                    if (instruction[0] is 0x0F or 0x90 or 0xA1 && code[k] is 0x67 or 0xF2 or 0xF3)
                    {
                        code[k] = 0x3E;
                    }
                }

                instruction.CopyTo(code, count);
                builder.Case.NeedsLowPages = Array.IndexOf(code, (byte)0x67, 0, count) >= 0;
                yield return builder.Code(code);
            }
        }
    }

    /// <summary>Instructions across the edge of a code page, and such that the unmapped page behind cuts off.</summary>
    private static IEnumerable<CpuCase> AtPageEnd(SplitMix random)
    {
        byte[][] instructions =
        [
            [0x90], [0x01, 0xC8], [0x83, 0xC0, 0x7F], [0x05, 1, 2, 3, 4], [0x81, 0xC1, 1, 2, 3, 4], [0x0F, 0xAF, 0xC1], [0x69, 0xC1, 9, 8, 7, 6],
            [0xC7, 0x83, 0, 0, 0, 0, 1, 2, 3, 4], [0xC7, 0x84, 0x33, 0, 0, 0, 0, 1, 2, 3, 4], [0x66, 0x81, 0x83, 0, 0, 0, 0, 1, 2],
            [0xEB, 0x80], [0xE9, 0, 0xF0, 0xFF, 0xFF], [0x0F, 0x84, 0, 0xF0, 0xFF, 0xFF], [0xF3, 0xA4], [0x0F, 0x0B], [0xF0, 0x01, 0xC8],
        ];
        foreach (byte[] instruction in instructions)
        {
            foreach (uint edge in (uint[])[HostWindow.Code + HostWindow.PageBytes, HostWindow.CodeEnd])
            {
                for (int inside = 0; inside <= instruction.Length + 1; inside++)
                {
                    CaseBuilder builder = new(random);
                    builder.Set(Register.EBX, HostWindow.Data + 0x300).Set(Register.ESI, 0x20).Set(Register.ECX, 3);
                    builder.Case.Eip = edge - (uint)inside;
                    yield return builder.Code(instruction);
                }
            }
        }
    }
}
