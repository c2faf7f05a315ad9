// SPDX-License-Identifier: GPL-2.0-or-later
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <content>
/// The status flags: they stay in the host's as long as nothing of ours disturbs them, and are saved only where somebody may look
/// at them later.
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    // Whether somebody may look at the flags as they are before each instruction, and at the end.
    private readonly bool[] _needed = new bool[MaxInstructions + 1];
    private FlagsAt _flags;

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

    private void FindFlagNeeds()
    {
        bool needed = true;
        _needed[_count] = true;
        for (int k = _count - 1; k >= 0; k--)
        {
            ref readonly GuestInstruction i = ref _code[k];
            if ((i.Flags & FlagUse.Writes) != 0)
            {
                needed = false;
            }

            // What changes some flags keeps the others, so it needs them if they are needed behind it. A fault shows them all.
            needed |= (i.Flags & FlagUse.Reads) != 0 || i.IsVisible;
            _needed[k] = needed;
        }
    }

    /// <summary>Host flags are about to be disturbed, before instruction k takes effect.</summary>
    private void LoseFlags(int k)
    {
        if (_flags == FlagsAt.Host)
        {
            if (_needed[k])
            {
                SaveFlags();
                _flags = FlagsAt.Memory;
            }
            else
            {
                _flags = FlagsAt.Nowhere;
            }
        }
        else if (_flags == FlagsAt.Both)
        {
            _flags = FlagsAt.Memory;
        }
    }

    /// <summary>Makes sure that the flags are in the state; host flags stay.</summary>
    private void KeepFlags()
    {
        if (_flags == FlagsAt.Host)
        {
            SaveFlags();
            _flags = FlagsAt.Both;
        }
    }

    /// <summary>Makes sure that the flags are in the host's if an instruction looks at them or keeps some.</summary>
    private void ProvideFlags(in GuestInstruction i, int k)
    {
        // A store may turn out to end the block, and then they are needed after all.
        bool wanted = (i.Flags & FlagUse.Reads) != 0
            || ((i.Flags & FlagUse.Changes) != 0 && (_needed[k + 1] || (i.Treatment == Treatment.Write && i.HasMemory)));
        if (wanted && _flags == FlagsAt.Memory)
        {
            RestoreFlags();
            _flags = FlagsAt.Both;
        }
    }

    private void SaveFlags()
    {
        _e.Move(Temporary, Rax);
        _e.Byte(0x9F); // lahf
        _e.Registers(0x0F90, 0, Rax); // seto al
        _e.Memory(0x89, Rax, State, _flagsField, prefix: 0x66);
        _e.Move(Rax, Temporary);
    }

    private void RestoreFlags()
    {
        _e.Move(Temporary, Rax);
        _e.Memory(0x0FB7, Rax, State, _flagsField); // movzx
        // Overflows if OF is 1.
        _e.Byte(0x04); // add al, 0x7F
        _e.Byte(0x7F);
        _e.Byte(0x9E); // sahf
        _e.Move(Rax, Temporary);
    }
}
