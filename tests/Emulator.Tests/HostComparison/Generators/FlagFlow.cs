// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Follows undefined flags through a sequence's branches.</summary>
internal static class FlagFlow
{
    /// <summary>
    /// Finds which flags are undefined at the sequence's end; false if one of its instructions reads such a flag, for then
    /// nothing behind it is defined.
    /// </summary>
    public static bool TryFindUndefined(byte[] code, uint eip, out uint undefined)
    {
        List<Instruction> instructions = [];
        Decoder decoder = Decoder.Create(32, new ByteArrayCodeReader(code), eip);
        while ((uint)decoder.IP < eip + (uint)code.Length)
        {
            instructions.Add(decoder.Decode());
        }

        Dictionary<uint, uint> before = new() { [eip] = 0 };
        undefined = 0;
        // Sets only grow, so this ends; two rounds do for one loop.
        for (bool changed = true; changed;)
        {
            changed = false;
            foreach (Instruction instruction in instructions)
            {
                uint known = before.GetValueOrDefault(instruction.IP32);
                if ((ToEflags(instruction.RflagsRead) & known) != 0)
                {
                    return false;
                }

                uint after = After(instruction, known);
                changed |= Merge(before, instruction.NextIP32, after);
                if (instruction.FlowControl is FlowControl.ConditionalBranch or FlowControl.UnconditionalBranch)
                {
                    changed |= Merge(before, instruction.NearBranch32, after);
                }
            }
        }

        undefined = before[eip + (uint)code.Length];
        return true;
    }

    private static uint After(in Instruction instruction, uint before)
    {
        uint fresh = UndefinedFlags.Anytime(instruction);
        if (instruction.Mnemonic is Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr or Mnemonic.Shl or Mnemonic.Sal
            or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Shld or Mnemonic.Shrd)
        {
            // A count of 0 leaves all flags as they were.
            return before | fresh;
        }

        return (before & ~ToEflags(instruction.RflagsModified)) | fresh;
    }

    private static bool Merge(Dictionary<uint, uint> states, uint address, uint flags)
    {
        uint old = states.GetValueOrDefault(address);
        states[address] = old | flags;
        return (old | flags) != old;
    }

    private static uint ToEflags(RflagsBits bits) =>
        ((bits & RflagsBits.OF) != 0 ? Eflags.Overflow : 0) | ((bits & RflagsBits.SF) != 0 ? Eflags.Sign : 0)
        | ((bits & RflagsBits.ZF) != 0 ? Eflags.Zero : 0) | ((bits & RflagsBits.AF) != 0 ? Eflags.Adjust : 0)
        | ((bits & RflagsBits.CF) != 0 ? Eflags.Carry : 0) | ((bits & RflagsBits.PF) != 0 ? Eflags.Parity : 0);
}
