// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Decoding;
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <content>String instructions.</content>
internal sealed unsafe partial class BlockTranslator
{
    private const int PageBytes = 0x1000;

    private void TranslateString(in GuestInstruction i, int k)
    {
        CheckDirection(k);
        int narrow = i.Size == 1 ? 0 : 1;
        if (i.Treatment is Treatment.LoadString or Treatment.ScanString)
        {
            bool loads = i.Treatment == Treatment.LoadString;
            int pointer = loads ? Rsi : Rdi;
            _e.Move(Address, pointer);
            Check(i, k, i.Size, write: false);
            _e.Memory((loads ? 0x8A : 0x3A) | narrow, Rax, Address, 0, Addend);
            _e.Lea(pointer, pointer, i.Size);
            EndAccess();
            return;
        }

        int value = Rax;
        if (i.Treatment == Treatment.MoveString)
        {
            value = Temporary;
            _e.Move(Address, Rsi);
            Check(i, k, i.Size, write: false);
            _e.Memory(0x8A | narrow, Temporary, Address, 0, Addend);
            EndAccess();
        }

        _e.Move(Address, Rdi);
        Check(i, k, i.Size, write: true);
        _e.Memory(0x88 | narrow, value, Address, 0, Addend);
        if (i.Treatment == Treatment.MoveString)
        {
            _e.Lea(Rsi, Rsi, i.Size);
        }

        _e.Lea(Rdi, Rdi, i.Size);
        EndAccess();
    }

    /// <summary>
    /// A repetition that stays within its pages is the host's own: its pointers become host addresses for as long as it takes. Anything
    /// else goes page by page: <see cref="PagewiseStrings"/>, the interpreter.
    /// </summary>
    private void TranslateRepeatedString(in GuestInstruction i, int k)
    {
        bool hasSource = (i.Opcode & 0xFE) is 0xA4 or 0xA6;
        bool hasStore = (i.Opcode & 0xFE) is 0xA4 or 0xAA;
        int scale = i.Size == 1 ? 0 : 2;
        byte* none = null;
        if (i.Flags == FlagUse.None)
        {
            // What is left over of a copy is often nothing; the pointers may be anywhere then.
            LoseFlags(k);
            _e.Registers(0x85, Rcx, Rcx);
            none = _e.JumpIf(HostCondition.Equal);
        }

        CheckDirection(k);
        _e.AluImmediate(Alu.Cmp, Rcx, PageBytes >> scale);
        Detour(k, HostCondition.Above);
        // The last byte; with a count of 0 it is the one before the first, which does as well.
        _e.Lea(Temporary, -1, -1, Rcx, scale);
        CheckWithinPage(k, Rdi);
        if (hasSource)
        {
            CheckWithinPage(k, Rsi);
        }

        LookUp(k, Addend, Rdi, hasStore);
        if (hasSource)
        {
            LookUp(k, Address, Rsi, write: false);
        }

        ToHost(Rdi, Addend);
        if (hasSource)
        {
            ToHost(Rsi, Address);
        }

        ProvideFlags(i, k);
        _e.Byte(i.Prefix);
        _e.Byte(i.Opcode);
        _e.Memory(0x8D, Rdi, Rdi, 0, Addend, wide: true);
        if (hasSource)
        {
            _e.Memory(0x8D, Rsi, Rsi, 0, Address, wide: true);
        }

        if (none != null)
        {
            _e.Bind(none);
        }
    }

    private void CheckDirection(int k)
    {
        LoseFlags(k);
        _e.Memory(0xF7, 0, State, _systemFlagsField); // test
        _e.Dword(Eflags.Direction);
        Detour(k, HostCondition.NotEqual);
    }

    /// <summary>Checks that as many bytes behind the pointer as r11 says are in its page.</summary>
    private void CheckWithinPage(int k, int pointer)
    {
        _e.Lea(Addend, Temporary, 0, pointer);
        _e.AluRegisters(Alu.Xor, Addend, pointer);
        _e.ShiftImmediate(Alu.ShiftRight, Addend, 12);
        Detour(k, HostCondition.NotEqual);
    }

    private void LookUp(int k, int addend, int pointer, bool write)
    {
        _e.Move(addend, pointer);
        _e.ShiftImmediate(Alu.ShiftRight, addend, 12);
        _e.Memory(0x8B, addend, State, TranslatorMemory.FlatTlbOffset((_mode & CodeMode.User) != 0, write), addend, 3, wide: true);
        _e.Test64(addend);
        Detour(k, HostCondition.Equal);
    }

    /// <summary>Makes a host address of a pointer, and of the addend what undoes that without touching flags.</summary>
    private void ToHost(int pointer, int addend)
    {
        _e.Registers(0x01, addend, pointer, wide: true);
        _e.Registers(0xF7, 3, addend, wide: true); // neg
    }
}
