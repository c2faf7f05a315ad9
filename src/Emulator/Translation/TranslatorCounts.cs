// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Translation;

/// <summary>What generated code calls the runtime for.</summary>
internal enum RuntimeCall
{
    AccessMemory,
    CommitStore,
    PrepareFpu,
    InterpretOne,
    SystemCall,
}

/// <summary>How often generated code was left or called the runtime, and for what. Generated code itself counts nothing.</summary>
internal sealed class TranslatorCounts
{
    // Iced keeps a code in 13 bits.
    private const int Codes = 1 << 13;

    /// <summary>By <see cref="ExitReason"/>.</summary>
    public readonly long[] Exits = new long[(int)ExitReason.Redirect + 1];

    /// <summary>By <see cref="RuntimeCall"/>.</summary>
    public readonly long[] Calls = new long[(int)RuntimeCall.SystemCall + 1];

    /// <summary>Instructions that were interpreted, by <see cref="Code"/>.</summary>
    public readonly long[] Interpreted = new long[Codes];

    public Dictionary<string, long> NamedExits() => new()
    {
        ["lookup"] = Exits[(int)ExitReason.Lookup],
        ["link"] = Exits[(int)ExitReason.Link],
        ["mode change"] = Exits[(int)ExitReason.ModeChange],
        ["trap"] = Exits[(int)ExitReason.Trap],
        ["redirect"] = Exits[(int)ExitReason.Redirect],
    };

    public Dictionary<string, long> NamedCalls() => new()
    {
        ["memory access"] = Calls[(int)RuntimeCall.AccessMemory],
        ["store beside code"] = Calls[(int)RuntimeCall.CommitStore],
        ["fpu load"] = Calls[(int)RuntimeCall.PrepareFpu],
        ["instruction"] = Calls[(int)RuntimeCall.InterpretOne],
        ["call of the system"] = Calls[(int)RuntimeCall.SystemCall],
    };

    /// <summary>The most frequent first.</summary>
    public OrderedDictionary<string, long> InterpretedByMnemonic()
    {
        var byMnemonic = new Dictionary<Mnemonic, long>();
        for (int code = 0; code < Interpreted.Length; code++)
        {
            if (Interpreted[code] != 0)
            {
                Mnemonic mnemonic = ((Code)code).Mnemonic();
                byMnemonic[mnemonic] = byMnemonic.GetValueOrDefault(mnemonic) + Interpreted[code];
            }
        }

        return new OrderedDictionary<string, long>(byMnemonic.OrderByDescending(m => m.Value)
            .Select(m => KeyValuePair.Create(m.Key.ToString().ToLowerInvariant(), m.Value)));
    }
}
