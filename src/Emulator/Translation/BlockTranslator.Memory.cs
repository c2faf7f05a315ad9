// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Decoding;
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <content>Memory accesses: the check against the flat TLB, and what happens when it fails.</content>
internal sealed unsafe partial class BlockTranslator
{
    private const uint StoreFlag = 0x100;

    private readonly Access[] _accesses = new Access[MaxInstructions * 3];
    private int _accessCount;

    /// <summary>Puts the linear address of an instruction's memory operand into r8, checks it, and leaves the addend in r9.</summary>
    private void BeginAccess(in GuestInstruction i, int k, int size, bool write, bool aligned = false)
    {
        LoadAddress(i, Address);
        LoseFlags(k);
        if (i.Segment != 0)
        {
            AddSegment(i, k, size);
        }

        Check(i, k, size, write, aligned);
    }

    private void BeginStackRead(in GuestInstruction i, int k)
    {
        _e.Move(Address, GuestStack);
        LoseFlags(k);
        Check(i, k, 4, write: false);
    }

    private void BeginPush(in GuestInstruction i, int k)
    {
        _e.Lea(Address, GuestStack, -4);
        LoseFlags(k);
        Check(i, k, 4, write: true);
    }

    /// <summary>Ends a push: moves the stack pointer.</summary>
    /// <param name="target">Where the guest goes on if that is not the next instruction.</param>
    /// <param name="isIndirect">It goes on at the address in r11.</param>
    private void EndPush(uint? target = null, bool isIndirect = false)
    {
        _e.Lea(GuestStack, GuestStack, -4);
        ref Access access = ref _accesses[_accessCount - 1];
        access.Next = target ?? access.Next;
        access.IsIndirect = isIndirect;
        EndAccess();
    }

    /// <summary>PUSHAD and POPAD, if all of it lies in one page and needs no further care.</summary>
    private void TranslateAllRegisters(in GuestInstruction i, int k)
    {
        const int Bytes = 32, PageMask = 0xFFF;
        bool push = i.Treatment == Treatment.PushAll;
        LoseFlags(k);
        _e.Lea(Address, GuestStack, push ? -Bytes : 0);
        _e.Move(Addend, Address);
        _e.AluImmediate(Alu.And, Addend, PageMask);
        _e.AluImmediate(Alu.Cmp, Addend, PageMask + 1 - Bytes);
        Detour(k, HostCondition.Above);
        LookUp(k, Addend, Address, push);
        for (int guest = 0; guest < 8; guest++)
        {
            // EDI lies lowest; ESP is not popped.
            if (push || guest != Rsp)
            {
                _e.Memory(push ? 0x89 : 0x8B, Of(guest), Address, (7 - guest) * 4, Addend);
            }
        }

        _e.Lea(GuestStack, Address, push ? 0 : Bytes);
    }

    private void EndAccess() => _accesses[_accessCount - 1].End = _e.At;

    /// <summary>Loads r8 + r9.</summary>
    private void LoadAt(int register) => _e.Memory(0x8B, register, Address, 0, Addend);

    private void StoreAt(int register) => _e.Memory(0x89, register, Address, 0, Addend);

    private void StoreAtImmediate(uint value)
    {
        _e.Memory(0xC7, 0, Address, 0, Addend);
        _e.Dword(value);
    }

    /// <summary>Computes the offset of a memory operand.</summary>
    private void LoadAddress(in GuestInstruction i, int register)
    {
        int index = i.Index;
        if (i.Base < 0 && index < 0)
        {
            _e.MoveImmediate(register, (uint)i.Displacement);
        }
        else if (index < 0 && i.Displacement == 0)
        {
            _e.Move(register, Of(i.Base));
        }
        else
        {
            _e.Lea(register, i.Base < 0 ? -1 : Of(i.Base), i.Displacement, index, i.Scale);
        }
    }

    /// <summary>Adds the base of FS or GS to r8. Anything but a segment of 4 GiB, or an operand around its end, is for the interpreter.</summary>
    private void AddSegment(in GuestInstruction i, int k, int size)
    {
        int segment = RuntimeStubs.CpuField(nameof(CpuState.Es)) + (i.Segment * sizeof(Segment));
        _e.CompareState(segment + 4, -1);
        Detour(k, HostCondition.NotEqual);
        if (size > 1)
        {
            _e.Lea(Addend, Address, size - 1);
            _e.AluRegisters(Alu.Cmp, Addend, Address);
            Detour(k, HostCondition.Below);
        }

        _e.Memory(0x03, Address, State, segment);
    }

    /// <summary>Checks the address in r8 and puts its addend into r9. Host flags are lost.</summary>
    /// <param name="i">The instruction.</param>
    /// <param name="k">Its number.</param>
    /// <param name="size">Bytes.</param>
    /// <param name="write">It is a store.</param>
    /// <param name="aligned">A misaligned address is a fault, which the interpreter raises.</param>
    private void Check(in GuestInstruction i, int k, int size, bool write, bool aligned = false)
    {
        ref Access access = ref _accesses[_accessCount++];
        access = new Access
        {
            Eip = i.Eip,
            Next = i.Next,
            Information = (uint)size | (write ? StoreFlag : 0) | ((uint)(_count - k) << 16),
            SetsFlags = (i.Flags & (FlagUse.Writes | FlagUse.Changes)) != 0,
        };
        _e.Move(Addend, Address);
        _e.ShiftImmediate(Alu.ShiftRight, Addend, 12);
        if (size > 1)
        {
            // test r8b, size - 1
            _e.Registers(0xF6, 0, Address);
            // Ten bytes cross no page unless they cross one of its paragraphs.
            _e.Byte(size == 10 ? 15 : size - 1);
            if (aligned)
            {
                Detour(k, HostCondition.NotEqual);
            }
            else
            {
                access.Misaligned = _e.JumpIf(HostCondition.NotEqual);
            }
        }

        access.Lookup = _e.At;
        _e.Memory(0x8B, Addend, State, TranslatorMemory.FlatTlbOffset((_mode & CodeMode.User) != 0, write), Addend, 3, wide: true);
        _e.Test64(Addend);
        access.Miss = _e.JumpIf(HostCondition.Equal);
        access.Start = _e.At;
    }

    private void WriteAccesses()
    {
        for (int n = 0; n < _accessCount; n++)
        {
            ref Access access = ref _accesses[n];
            _e.Bind(access.Miss);
            byte* miss = _e.At;
            _e.StoreStateImmediate(_eipField, access.Eip);
            _e.MoveImmediate(Addend, access.Information);
            _e.CallTo(_stubs.Memory((_mode & CodeMode.User) != 0, (access.Information & StoreFlag) != 0));
            if ((access.Information & StoreFlag) == 0)
            {
                _e.JumpTo(access.Start);
            }
            else
            {
                WriteScratchStore(access);
            }

            if (access.Misaligned != null)
            {
                _e.Bind(access.Misaligned);
                _e.Lea(Addend, Address, (int)(access.Information & 0xFF) - 1);
                _e.AluRegisters(Alu.Xor, Addend, Address);
                _e.ShiftImmediate(Alu.ShiftRight, Addend, 12);
                _e.JumpIfTo(HostCondition.NotEqual, miss);
                _e.Move(Addend, Address);
                _e.ShiftImmediate(Alu.ShiftRight, Addend, 12);
                _e.JumpTo(access.Lookup);
            }
        }
    }

    /// <summary>The same operation once more, on the scratch buffer; then the runtime stores that where it belongs.</summary>
    private void WriteScratchStore(in Access access)
    {
        _e.JumpIfTo(HostCondition.Below, access.Start);
        _e.Copy(access.Start, access.End);
        _e.CallTo(_stubs.Commit);
        _e.JumpTo(access.End);
        // The store hit translated code: nothing more of this block is to be executed.
        if (access.SetsFlags)
        {
            SaveFlags();
        }

        int unexecuted = (int)(access.Information >> 16) - 1;
        if (unexecuted > 0)
        {
            _e.AluImmediate(Alu.Add, Budget, unexecuted);
        }

        if (access.IsIndirect)
        {
            _e.StoreState(Temporary, _eipField);
        }
        else
        {
            _e.StoreStateImmediate(_eipField, access.Next);
        }

        _e.JumpTo(_stubs.ExitLookup);
    }

    /// <summary>One checked access.</summary>
    private struct Access
    {
        /// <summary>Jumps to what handles a miss and a misaligned address.</summary>
        public byte* Miss, Misaligned;

        /// <summary>The check's table access, the instruction behind the check, and the end of what depends on r8 and r9.</summary>
        public byte* Lookup, Start, End;

        public uint Eip;

        /// <summary>Where the guest goes on.</summary>
        public uint Next;

        /// <summary>What the memory stub wants to know.</summary>
        public uint Information;

        public bool SetsFlags;
        public bool IsIndirect;
    }
}
