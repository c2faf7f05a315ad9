// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Multiplications in all their forms, and divisions that succeed, overflow or divide by zero.</summary>
internal static class MultiplyDivideGenerator
{
    public static IEnumerable<CpuCase> Generate()
    {
        SplitMix random = new("multiply and divide");
        foreach (Code code in InstructionForms.All)
        {
            switch (code.Mnemonic())
            {
                case Mnemonic.Mul or Mnemonic.Imul:
                    for (int i = 0; i < 400; i++)
                    {
                        yield return Multiply(random, code, i % 3 == 0);
                    }

                    break;
                case Mnemonic.Div or Mnemonic.Idiv:
                    for (int i = 0; i < 900; i++)
                    {
                        yield return Divide(random, code, i % 3 == 0);
                    }

                    break;
            }
        }
    }

    private static CpuCase Multiply(SplitMix random, Code code, bool memory)
    {
        CaseBuilder builder = new(random);
        builder.Set(Register.EAX, (uint)InterestingValues.Pick(random, 4));
        return builder.Code(InstructionForms.TryFill(builder, code, memory ? MemoryPlaces.Any(random, 4) : null)!.Value);
    }

    private static CpuCase Divide(SplitMix random, Code code, bool memory)
    {
        CaseBuilder builder = new(random);
        uint place = MemoryPlaces.Any(random, 4);
        Instruction instruction = InstructionForms.TryFill(builder, code, memory ? place : null)!.Value;
        int size = memory ? instruction.MemorySize.GetSize() : instruction.Op0Register.GetSize();
        uint divisor = (uint)InterestingValues.Pick(random, size);
        ulong dividend = InterestingValues.Pick(random, size) | (InterestingValues.Pick(random, size) << (8 * size));
        if (!random.OneIn(3))
        {
            dividend = Feasible(random, divisor, size, code.Mnemonic() == Mnemonic.Idiv);
        }

        if (memory)
        {
            builder.PokeValue(place, divisor, size);
        }

        // The address's registers keep their values: what they do to the dividend is as good as any.
        HashSet<Register> taken = memory ? [instruction.MemoryBase.GetFullRegister32(), instruction.MemoryIndex.GetFullRegister32()] : [];
        if (!taken.Contains(Register.EAX))
        {
            builder.Set(Register.EAX, size == 1 ? (uint)(dividend & 0xFFFF) | 0xABCD0000 : (uint)(dividend & Mask(size)) | ~Mask(size));
        }

        if (!taken.Contains(Register.EDX) && size > 1)
        {
            builder.Set(Register.EDX, (uint)((dividend >> (8 * size)) & Mask(size)) | ~Mask(size));
        }

        if (!memory)
        {
            builder.Set(instruction.Op0Register, divisor);
        }

        return builder.Code(instruction);
    }

    /// <summary>A dividend whose quotient fits, or only just does not.</summary>
    private static ulong Feasible(SplitMix random, uint divisor, int size, bool signed)
    {
        uint quotient = (uint)InterestingValues.Pick(random, size);
        uint remainder = divisor == 0 ? 0 : random.OneIn(3) ? divisor - 1 : random.NextUInt32() % divisor;
        if (!signed)
        {
            return ((ulong)quotient * divisor) + remainder;
        }

        int shift = 32 - (8 * size);
        long signedDivisor = (int)(divisor << shift) >> shift;
        long signedQuotient = (int)(quotient << shift) >> shift;
        long part = signedDivisor == 0 ? 0 : remainder % Math.Abs(signedDivisor);
        long product = signedDivisor * signedQuotient;
        return (ulong)(product + (product < 0 ? -part : part));
    }

    private static uint Mask(int size) => uint.MaxValue >> (32 - (8 * size));
}
