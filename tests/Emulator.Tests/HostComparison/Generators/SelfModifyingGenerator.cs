// SPDX-License-Identifier: GPL-2.0-or-later

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Code that changes the instructions behind or before it: the next one, a loop's body, code made by string instructions.</summary>
internal static class SelfModifyingGenerator
{
    /// <summary>INC EAX and DEC EAX; INC and DEC of ECX, EDX and EBX follow each.</summary>
    private const byte Increment = 0x40, Decrement = 0x48, Nop = 0x90;

    public static IEnumerable<CpuCase> Generate()
    {
        SplitMix random = new("self-modifying");
        for (int i = 0; i < 250; i++)
        {
            foreach (Func<CaseBuilder, byte[]> write in (Func<CaseBuilder, byte[]>[])[StoreAhead, PatchLoop, CopyCode, PatchCalled, PushAhead])
            {
                CaseBuilder builder = new(random);
                // Often so that the code crosses the edge of its page.
                builder.Case.Eip = random.OneIn(3)
                    ? HostWindow.Code + HostWindow.PageBytes - 1 - (uint)random.Below(24)
                    : HostWindow.Code + 0x100 + (uint)random.Below(0x400);
                builder.Poke(builder.Case.Eip, write(builder));
                yield return builder.Case;
            }
        }
    }

    private static byte[] Word(uint value) => BitConverter.GetBytes(value);

    /// <summary>Stores an instruction some bytes ahead, the very next one among them.</summary>
    private static byte[] StoreAhead(CaseBuilder builder)
    {
        // MOV [target], imm8; INC EDI, none to three times; the target: INC EAX; INC ESI
        byte[] gap = [.. Enumerable.Repeat((byte)0x47, builder.Random.Below(4))];
        uint target = builder.Case.Eip + 7 + (uint)gap.Length;
        return [0xC6, 0x05, .. Word(target), (byte)(Decrement + builder.Random.Below(4)), .. gap, Increment, 0x46];
    }

    /// <summary>A loop that turns INC into DEC and back while it runs, before or after it comes there.</summary>
    private static byte[] PatchLoop(CaseBuilder builder)
    {
        bool before = builder.Random.OneIn(2);
        uint target = builder.Case.Eip + 5 + 3 + (before ? 7u : 0);
        byte[] patch = [0x80, 0x35, .. Word(target), Increment ^ Decrement];
        // ADD EDX, 3; the target
        byte[] work = [0x83, 0xC2, 3, Increment];
        byte[] body = before ? [.. patch, .. work] : [.. work, .. patch];
        // MOV ECX, count; the body; DEC ECX; JNE
        return [0xB9, .. Word((uint)builder.Random.Below(6) + 1), .. body, 0x49, 0x75, (byte)-(body.Length + 3)];
    }

    /// <summary>Overwrites what follows with REP MOVSB or REP STOSD.</summary>
    private static byte[] CopyCode(CaseBuilder builder)
    {
        SplitMix random = builder.Random;
        uint source = MemoryPlaces.Aligned(random, 4) & ~0xFFu;
        byte[] made = new byte[8];
        for (int i = 0; i < made.Length; i++)
        {
            made[i] = random.Pick<byte>(0x40, 0x41, 0x42, 0x43, 0x48, 0x49, 0x4A, 0x4B, Nop);
        }

        builder.Poke(source, made);
        byte[] before = random.OneIn(2)
            ? [0xBE, .. Word(source), 0xB9, .. Word(1 + (uint)random.Below(8)), 0xF3, 0xA4]
            : [0xB8, .. made[..4], 0xB9, .. Word(1 + (uint)random.Below(2)), 0xF3, 0xAB];
        uint target = builder.Case.Eip + 5 + (uint)before.Length;
        return [0xBF, .. Word(target), .. before, Nop, Nop, Nop, Nop, Nop, Nop, Nop, Nop];
    }

    /// <summary>Calls a subroutine, changes the immediate of its first instruction, calls it again.</summary>
    private static byte[] PatchCalled(CaseBuilder builder)
    {
        // MOV EBX, imm32; ADD ESI, EBX; RET
        byte[] subroutine = [0xBB, 0x78, 0x56, 0x34, 0x12, 0x01, 0xDE, 0xC3];
        const byte first = 5 + 10 + 5 + 2;
        const byte second = 2;
        return
        [
            0xE8, .. Word(first - 5),
            0xC7, 0x05, .. Word(builder.Case.Eip + first + 1), .. Word(builder.Random.NextUInt32()),
            0xE8, .. Word(second),
            0xEB, (byte)subroutine.Length,
            .. subroutine,
            Nop,
        ];
    }

    /// <summary>Pushes over the next instructions: the stack is in the code.</summary>
    private static byte[] PushAhead(CaseBuilder builder)
    {
        SplitMix random = builder.Random;
        byte[] made = new byte[4];
        for (int i = 0; i < made.Length; i++)
        {
            made[i] = random.Pick<byte>(0x40, 0x41, 0x42, 0x4A, 0x4B, Nop);
        }

        // MOV EAX and PUSH EAX, or PUSH imm32; five NOPs of which the last four are pushed over
        byte[] push = random.OneIn(2) ? [0xB8, .. made, 0x50] : [0x68, .. made];
        uint end = builder.Case.Eip + 5 + (uint)push.Length + 5;
        return [0xBC, .. Word(end), .. push, Nop, Nop, Nop, Nop, Nop, Nop];
    }
}
