// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Memory;
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <content>
/// The status flags. They stay in the host's as long as nothing of ours disturbs them. Before that they are saved if somebody reads
/// them later; if only a fault or an interrupt could show them, a recipe will do where there is one (<see cref="FlagRecipes"/>).
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    private const int LookAheadInstructions = 8;
    private const int NoSetter = -1;

    // How much the flags matter before each instruction, and at the end.
    private readonly FlagNeed[] _needs = new FlagNeed[MaxInstructions + 1];
    private readonly CodeBytes _aheadBytes = new();
    private readonly Decoder _aheadDecoder;
    private FlagsAt _flags;

    // The instruction that set what is in the host's flags.
    private int _setter;

    // Registers that the blocks behind this one change before they are done with its flags.
    private uint _changedAhead;

    /// <summary>Where the guest's flags are.</summary>
    private enum FlagsAt
    {
        /// <summary>Nowhere: nobody needs them.</summary>
        Nowhere,

        /// <summary>In the host's flags only.</summary>
        Host,

        /// <summary>In the state only.</summary>
        Memory,

        Both,
    }

    /// <summary>How much flags matter.</summary>
    private enum FlagNeed : byte
    {
        /// <summary>They are overwritten, and nothing can happen before that.</summary>
        None,

        /// <summary>They are overwritten, but something may show them before that.</summary>
        Shown,

        /// <summary>Somebody reads them.</summary>
        Read,
    }

    private void FindFlagNeeds()
    {
        FlagNeed need = NeedAtEnd();
        _needs[_count] = need;
        for (int k = _count - 1; k >= 0; k--)
        {
            ref readonly GuestInstruction i = ref _code[k];
            if ((i.Flags & FlagUse.Reads) != 0)
            {
                need = FlagNeed.Read;
            }
            else if ((i.Flags & FlagUse.Writes) != 0)
            {
                need = FlagNeed.None;
            }
            else if ((i.Flags & FlagUse.Changes) != 0 && KeepsFlags(i, need))
            {
                // What changes some flags keeps the others.
                need = FlagNeed.Read;
            }

            if (need == FlagNeed.None && i.IsVisible)
            {
                need = FlagNeed.Shown;
            }

            _needs[k] = need;
        }
    }

    /// <summary>Whether an instruction that changes some flags must find the others; <paramref name="behind"/> is the need behind it.</summary>
    private static bool KeepsFlags(in GuestInstruction i, FlagNeed behind) =>
        // A store may turn out to end the block, and then they are needed after all.
        behind != FlagNeed.None || (i.Treatment == Treatment.Write && i.HasMemory);

    private FlagNeed NeedAtEnd()
    {
        _changedAhead = 0;
        if ((_mode & CodeMode.SingleStep) != 0)
        {
            // The blocks behind this one need not go as far as one would look.
            return FlagNeed.Read;
        }

        ref readonly GuestInstruction last = ref _code[_count - 1];
        switch (last.Treatment)
        {
            case Treatment.JumpIf:
                FlagNeed taken = LookAhead(last.Target);
                return taken == FlagNeed.Read ? taken : LookAhead(last.Next);
            case Treatment.Jump or Treatment.Call:
                return LookAhead(last.Target);
            case < Treatment.JumpIf and not (Treatment.Interpret or Treatment.InterpretLast):
                return LookAhead(last.Next);
            default:
                return FlagNeed.Read;
        }
    }

    /// <summary>
    /// Looks at the instructions another block starts with. Only within the page: when that changes, this block goes, too. Nobody
    /// knows when flags are needed at the least.
    /// </summary>
    private FlagNeed LookAhead(uint eip)
    {
        if (!IsNear(eip))
        {
            return FlagNeed.Read;
        }

        uint changed = 0;
        bool isPartlyChanged = false;
        _aheadBytes.SetRange(_cache.HostAddress((_physical & Mmu.PageMask) | (eip & ~Mmu.PageMask)), 0x1000 - (eip & 0xFFF));
        for (int n = 0; n < LookAheadInstructions; n++)
        {
            byte* start = _aheadBytes.Position;
            _aheadDecoder.IP = eip;
            _aheadDecoder.Decode(out Instruction decoded);
            if (_aheadDecoder.LastError == DecoderError.NoMoreBytes)
            {
                return FlagNeed.Read;
            }

            InstructionClassifier.Classify(start, decoded, eip, out GuestInstruction i);
            if (i.IsVisible)
            {
                _changedAhead |= changed | (i.Stores ? RegisterEffects.Of(i) : 0);
            }

            // What changes some flags, a rotation, needs the others only if all of them may be seen behind it.
            bool changes = (i.Flags & FlagUse.Changes) != 0;
            if ((i.Flags & FlagUse.Reads) != 0 || i.Treatment >= Treatment.JumpIf || i.Treatment <= Treatment.InterpretLast
                || (i.IsVisible && (changes || isPartlyChanged)))
            {
                return FlagNeed.Read;
            }

            isPartlyChanged |= changes;

            if ((i.Flags & FlagUse.Writes) != 0)
            {
                return FlagNeed.Shown;
            }

            changed |= RegisterEffects.Of(i);
            eip = i.Next;
        }

        return FlagNeed.Read;
    }

    /// <summary>Host flags are about to be disturbed, before instruction k takes effect.</summary>
    private void LoseFlags(int k)
    {
        if (_flags == FlagsAt.Host)
        {
            Keep(_needs[k]);
            _flags = _needs[k] == FlagNeed.None ? FlagsAt.Nowhere : FlagsAt.Memory;
        }
        else if (_flags == FlagsAt.Both)
        {
            _flags = FlagsAt.Memory;
        }
    }

    /// <summary>Makes sure that the block can be left; host flags stay.</summary>
    private void KeepFlags()
    {
        if (_flags == FlagsAt.Host)
        {
            Keep(_needs[_count] == FlagNeed.Read ? FlagNeed.Read : FlagNeed.Shown);
            _flags = FlagsAt.Both;
        }
    }

    private void Keep(FlagNeed need)
    {
        if (need == FlagNeed.Read || (need == FlagNeed.Shown && !TryNoteRecipe()))
        {
            SaveFlags();
        }
    }

    /// <summary>Makes sure that the flags are in the host's if an instruction looks at them or keeps some.</summary>
    private void ProvideFlags(in GuestInstruction i, int k)
    {
        bool wanted = (i.Flags & FlagUse.Reads) != 0 || ((i.Flags & FlagUse.Changes) != 0 && KeepsFlags(i, _needs[k + 1]));
        if (wanted && _flags == FlagsAt.Memory)
        {
            RestoreFlags();
            _flags = FlagsAt.Both;
        }
    }

    /// <summary>Notes how to compute the flags, if that will be possible as long as anybody may want to.</summary>
    private bool TryNoteRecipe()
    {
        if (_setter == NoSetter || !TryGetRecipe(_code[_setter], out FlagRecipe recipe))
        {
            return false;
        }

        uint operands = recipe.Registers;
        uint changed = 0;
        int k = _setter + 1;
        for (; k < _count; k++)
        {
            ref readonly GuestInstruction i = ref _code[k];
            if (i.IsVisible && (changed & operands) != 0)
            {
                return false;
            }

            if ((i.Flags & FlagUse.Writes) != 0)
            {
                break;
            }

            changed |= RegisterEffects.Of(i);
            if (i.Stores && (changed & operands) != 0)
            {
                return false;
            }

        }

        if (k == _count && ((changed | _changedAhead) & operands) != 0)
        {
            return false;
        }

        uint note = _cache.Recipes.Note(recipe);
        if (note == 0)
        {
            return false;
        }

        _e.StoreStateImmediate(_flagsField, note);
        return true;
    }

    /// <summary>The recipe for the flags an instruction sets, if the result or the operands are in registers.</summary>
    private static bool TryGetRecipe(in GuestInstruction i, out FlagRecipe recipe)
    {
        recipe = default;
        int opcode = i.Opcode;
        byte size = i.Size;
        int operation;
        int first, second = -1;
        uint immediate = i.ImmediateValue;
        switch (i.Treatment)
        {
            case Treatment.Copy when opcode is < 0x40 or 0xA8 or 0xA9:
                size = (opcode & 1) == 0 ? (byte)1 : size;
                operation = opcode < 0x40 ? opcode >> 3 : -1;
                first = 0;
                break;
            case Treatment.Read or Treatment.Write when opcode < 0x40:
                operation = opcode >> 3;
                bool toRegister = (opcode & 2) != 0;
                if (i.HasMemory)
                {
                    // Only a logical result tells everything.
                    if (!toRegister || operation is not (1 or 4 or 6))
                    {
                        return false;
                    }

                    first = i.Reg;
                }
                else
                {
                    first = toRegister ? i.Reg : i.Rm;
                    second = toRegister ? i.Rm : i.Reg;
                }

                break;
            case Treatment.Read or Treatment.Write when opcode is 0x80 or 0x81 or 0x83 && !i.HasMemory:
                operation = i.Reg;
                first = i.Rm;
                immediate = opcode == 0x83 ? (uint)(sbyte)immediate : immediate;
                break;
            case Treatment.Read when opcode is 0x84 or 0x85 && !i.HasMemory:
                operation = -1;
                first = i.Rm;
                second = i.Reg;
                break;
            case Treatment.Read when opcode is 0xF6 or 0xF7 && i.Reg < 2 && !i.HasMemory:
                operation = -1;
                first = i.Rm;
                break;
            case Treatment.Write when opcode is 0xF6 or 0xF7 && i.Reg == 3 && !i.HasMemory:
                recipe = new FlagRecipe(FlagOperation.Negate, size, (sbyte)i.Rm, -1, 0);
                return true;
            default:
                return false;
        }

        FlagOperation kind;
        switch (operation)
        {
            case 0 or 5 when second == first && !i.HasMemory && second >= 0:
                // The difference is 0; of a sum the addend is lost.
                kind = FlagOperation.Logic;
                if (operation == 0)
                {
                    return false;
                }

                break;
            case 0:
                kind = FlagOperation.Add;
                break;
            case 5:
                kind = FlagOperation.Subtract;
                break;
            case 7:
                kind = FlagOperation.Compare;
                break;
            case -1:
                kind = FlagOperation.Test;
                break;
            case 1 or 4 or 6:
                kind = FlagOperation.Logic;
                break;
            default:
                return false;
        }

        if (kind == FlagOperation.Logic)
        {
            second = -1;
            immediate = 0;
        }

        recipe = new FlagRecipe(kind, size, (sbyte)first, (sbyte)second, second >= 0 ? 0 : immediate);
        return true;
    }

    private void SaveFlags()
    {
        _e.Move(Temporary, Rax);
        _e.Byte(0x9F); // lahf
        _e.Registers(0x0F90, 0, Rax); // seto al
        _e.Registers(0x0FB7, Rax, Rax); // movzx eax, ax
        _e.StoreState(Rax, _flagsField);
        _e.Move(Rax, Temporary);
    }

    private void RestoreFlags()
    {
        _e.Move(Temporary, Rax);
        _e.LoadState(Rax, _flagsField);
        // Overflows if OF is 1.
        _e.Byte(0x04); // add al, 0x7F
        _e.Byte(0x7F);
        _e.Byte(0x9E); // sahf
        _e.Move(Rax, Temporary);
    }
}
