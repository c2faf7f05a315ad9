// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Translation;

/// <summary>What was computed when the flags were last set, in terms of what can still be seen.</summary>
internal enum FlagOperation : byte
{
    /// <summary>A logical operation whose result is in the first register.</summary>
    Logic,

    /// <summary>The AND of both operands, kept nowhere.</summary>
    Test,

    /// <summary>A sum, now in the first register, to which the second operand was added.</summary>
    Add,

    /// <summary>A difference, now in the first register, from which the second operand was subtracted.</summary>
    Subtract,

    /// <summary>The difference of the operands, kept nowhere.</summary>
    Compare,

    /// <summary>The negation of a value, now in the first register.</summary>
    Negate,
}

/// <summary>How to compute the status flags from registers that have not changed since.</summary>
/// <param name="Operation">What set them.</param>
/// <param name="Size">Operand size in bytes.</param>
/// <param name="First">The first operand's register, as instructions of that size encode it.</param>
/// <param name="Second">The second operand's register, or -1 for the immediate.</param>
/// <param name="Immediate">The immediate.</param>
internal readonly record struct FlagRecipe(FlagOperation Operation, byte Size, sbyte First, sbyte Second, uint Immediate)
{
    /// <summary>The general registers it needs, one bit each.</summary>
    public uint Registers => Bit(First) | (Second < 0 ? 0 : Bit(Second));

    private uint Bit(int register) => 1u << (Size == 1 ? register & 3 : register);
}

/// <summary>
/// The recipes in use. Most flags are overwritten unseen, but a fault or an interrupt in between would show them. Where registers
/// still tell what they were, generated code notes only which recipe gives them: one store instead of saving them.
/// </summary>
internal sealed unsafe class FlagRecipes
{
    /// <summary>In <see cref="TranslatorState.Flags"/>: the rest is the number of a recipe.</summary>
    public const uint Mark = 0x80000000;

    private const int MaxRecipes = 1 << 16;

    private readonly Dictionary<FlagRecipe, uint> _numbers = [];
    private readonly List<FlagRecipe> _recipes = [];

    /// <summary>The value that stands for a recipe; 0 if there are too many.</summary>
    public uint Note(in FlagRecipe recipe)
    {
        if (_numbers.TryGetValue(recipe, out uint number))
        {
            return number;
        }

        if (_recipes.Count == MaxRecipes)
        {
            return 0;
        }

        number = Mark | (uint)_recipes.Count;
        _recipes.Add(recipe);
        _numbers.Add(recipe, number);
        return number;
    }

    /// <summary>Forgets all; no generated code may remain.</summary>
    public void Clear()
    {
        _recipes.Clear();
        _numbers.Clear();
    }

    /// <summary>Computes the six status flags, in their places in EFLAGS.</summary>
    public uint Evaluate(uint noted, CpuState* s)
    {
        FlagRecipe recipe = _recipes[(int)(noted & ~Mark)];
        uint first = Read(s, recipe.First, recipe.Size);
        uint second = recipe.Second < 0 ? recipe.Immediate : Read(s, recipe.Second, recipe.Size);
        uint carries = 0;
        uint result = first;
        switch (recipe.Operation)
        {
            case FlagOperation.Test:
                result = first & second;
                break;
            case FlagOperation.Add:
                carries = AddCarries(first - second, second, first);
                break;
            case FlagOperation.Subtract:
                carries = SubtractCarries(first + second, second, first);
                break;
            case FlagOperation.Compare:
                result = first - second;
                carries = SubtractCarries(first, second, result);
                break;
            case FlagOperation.Negate:
                carries = SubtractCarries(0, 0 - first, first);
                break;
        }

        return Flags(result, carries, recipe.Size * 8);
    }

    private static uint AddCarries(uint a, uint b, uint result) => (a & b) | ((a | b) & ~result);

    private static uint SubtractCarries(uint a, uint b, uint result) => (~a & b) | (~(a ^ b) & result);

    private static uint Flags(uint result, uint carries, int bits)
    {
        uint mask = uint.MaxValue >> (32 - bits);
        result &= mask;
        uint carry = (carries >> (bits - 1)) & 1;
        uint overflow = carry ^ ((carries >> (bits - 2)) & 1);
        return carry | (overflow << 11) | ((carries << 1) & Eflags.Adjust) | (result == 0 ? Eflags.Zero : 0)
            | ((result >> (bits - 1)) != 0 ? Eflags.Sign : 0)
            | ((System.Numerics.BitOperations.PopCount((byte)result) & 1) == 0 ? Eflags.Parity : 0);
    }

    private static uint Read(CpuState* s, int register, int size) => size switch
    {
        4 => s->Registers[register],
        2 => (ushort)s->Registers[register],
        _ => ((byte*)s->Registers)[((register & 3) * 4) + (register >> 2)],
    };
}
