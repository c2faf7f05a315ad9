// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Interpretation;
using LguestPlug.Emulator.Memory;
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <content>Ways out of a block, and detours through the interpreter.</content>
internal sealed unsafe partial class BlockTranslator
{
    private readonly Exit[] _exits = new Exit[8];
    private readonly Detoured[] _detours = new Detoured[MaxInstructions * 8];
    private int _exitCount;
    private int _detourCount;
    private SlowInstruction* _slow;

    // ---- jumps --------------------------------------------------------------------------------------------------------

    private void JumpTo(uint target)
    {
        if (!IsNear(target))
        {
            _e.MoveImmediate(Address, target);
            JumpIndirect();
            return;
        }

        byte* code = Translated(target);
        if (code != null)
        {
            _e.JumpTo(code);
        }
        else
        {
            _exits[_exitCount++] = new Exit { Jump = _e.Jump(), Target = target, Kind = ExitKind.Link };
        }
    }

    private void JumpIf(int condition, uint target)
    {
        byte* code = IsNear(target) ? Translated(target) : null;
        if (code != null)
        {
            _e.JumpIfTo(condition, code);
        }
        else
        {
            _exits[_exitCount++] = new Exit { Jump = _e.JumpIf(condition), Target = target, Kind = IsNear(target) ? ExitKind.Link : ExitKind.Far };
        }
    }

    /// <summary>LOOP and JECXZ; neither touches flags.</summary>
    private void JumpOnCount(in GuestInstruction i)
    {
        const int Loop = 0xE2;
        bool loops = i.Opcode == Loop;
        if (loops)
        {
            _e.Lea(Rcx, Rcx, -1);
        }

        byte* isZero = _e.JumpIfCountZero();
        JumpTo(loops ? i.Target : i.Next);
        _e.BindShort(isZero);
        JumpTo(loops ? i.Next : i.Target);
    }

    /// <summary>Goes to the guest address in r8 through the jump cache. Flags are in the state.</summary>
    private void JumpIndirect()
    {
        byte* miss = JumpCache.EmitJump(_e, _mode);
        _exits[_exitCount++] = new Exit { Jump = miss, Kind = ExitKind.Miss };
    }

    /// <summary>Only jumps within a page are linked: such a link holds as long as the block does.</summary>
    private bool IsNear(uint target) => !_crossesPage && ((target ^ _start) & Mmu.PageMask) == 0;

    private byte* Translated(uint target) =>
        target == _start ? _entry : _cache.FindForLink((_physical & Mmu.PageMask) | (target & ~Mmu.PageMask), target, _mode);

    private void WriteExits()
    {
        // JumpIndirect adds exits of its own.
        for (int n = 0; n < _exitCount; n++)
        {
            Exit exit = _exits[n];
            _e.Bind(exit.Jump);
            switch (exit.Kind)
            {
                case ExitKind.Link:
                    _e.StoreStateImmediate(_eipField, exit.Target);
                    // lea r11, [rip + ...]
                    _e.Byte(0x4C);
                    _e.Byte(0x8D);
                    _e.Byte(0x1D);
                    _e.Dword((uint)(exit.Jump - (_e.At + 4)));
                    _e.StoreState64(Temporary, _patchSiteField);
                    _e.JumpTo(_stubs.ExitLink);
                    break;
                case ExitKind.Far:
                    _e.MoveImmediate(Address, exit.Target);
                    JumpIndirect();
                    break;
                case ExitKind.Miss:
                    _e.JumpTo(_stubs.MissedJump((_mode & CodeMode.User) != 0));
                    break;
            }
        }
    }

    /// <summary>If the instruction is a system call or its return, tries that without the interpreter.</summary>
    private void TryCrossRing(in GuestInstruction i)
    {
        const int Int = 0xCD, InterruptReturn = 0xCF;
        bool user = (_mode & CodeMode.User) != 0;
        if (i.Treatment != Treatment.InterpretLast || (_mode & CodeMode.SingleStep) != 0)
        {
            return;
        }

        if (i.Opcode == Int && !user)
        {
            _e.MoveImmediate(Address, i.Next);
            _e.MoveImmediate(Addend, (byte)i.ImmediateValue);
            _e.CallTo(_cache.ShortCalls.Call);
            _e.StoreState(Address, _eipField);
            _e.CallTo(_stubs.CallSystem);
        }
        else if (i.Opcode == Int)
        {
            _e.MoveImmediate(Address, i.Next);
            _e.MoveImmediate(Addend, (byte)i.ImmediateValue);
            _e.CallTo(_cache.RingCrossing.SystemCall);
        }
        else if (i.Opcode == InterruptReturn && i.Prefix == 0 && !user)
        {
            _e.CallTo(_cache.RingCrossing.Return);
        }
    }

    // ---- the interpreter ------------------------------------------------------------------------------------------------

    /// <summary>Lets the interpreter execute an instruction. Flags are in the state, before and after.</summary>
    private void Interpret(ref GuestInstruction i, int k)
    {
        _e.StoreStateImmediate(_eipField, i.Eip);
        _e.Move64Immediate(Address, (ulong)PrepareInterpreted(k));
        _e.MoveImmediate(Addend, (uint)(_count - k));
        _e.CallTo(_stubs.Interpret);
    }

    private SlowInstruction* PrepareInterpreted(int k)
    {
        SlowInstruction* slow = _slow++;
        slow->Instruction = _decoded[k];
        slow->Encoding = _code[k].Encoding;
        slow->Handler = SlowHandlers.For(_decoded[k], _code[k].Encoding);
        return slow;
    }

    /// <summary>On a condition, instruction k is left to the interpreter, before it has had any effect. Flags are in the state.</summary>
    private void Detour(int k, int condition) =>
        _detours[_detourCount++] = new Detoured { Jump = _e.JumpIf(condition), Instruction = k, FpuIsLoaded = _fpuIsLoaded };

    /// <summary>The instruction's detours lead back here.</summary>
    private void EndDetours()
    {
        for (int n = _detourCount - 1; n >= 0 && _detours[n].Back == null; n--)
        {
            _detours[n].Back = _e.At;
        }
    }

    private void WriteDetours()
    {
        for (int n = 0; n < _detourCount; n++)
        {
            Detoured detour = _detours[n];
            _e.Bind(detour.Jump);
            while (n + 1 < _detourCount && _detours[n + 1].Instruction == detour.Instruction)
            {
                // One way for all detours of an instruction.
                _e.Bind(_detours[++n].Jump);
            }

            ref GuestInstruction i = ref _code[detour.Instruction];
            if (i.Treatment == Treatment.RepeatString && i.Flags == FlagUse.None)
            {
                bool moves = (i.Opcode & 0xFE) == 0xA4;
                _e.CallTo(_cache.PagewiseStrings.Code(moves, narrow: i.Size == 1, (_mode & CodeMode.User) != 0));
                _e.JumpIfTo(HostCondition.Below, detour.Back);
            }

            Interpret(ref i, detour.Instruction);
            if (detour.FpuIsLoaded)
            {
                LoadFpu(i.Next, _count - detour.Instruction - 1);
            }

            if (i.Flags != FlagUse.None)
            {
                RestoreFlags();
            }

            if (i.Treatment >= Treatment.JumpIf)
            {
                // The interpreter never says "go on" after a transfer.
                _e.StoreStateImmediate(_eipField, i.Next);
                _e.JumpTo(_stubs.ExitLookup);
            }
            else
            {
                _e.JumpTo(detour.Back);
            }
        }
    }

    private enum ExitKind
    {
        /// <summary>To a block of the same page that is not translated yet.</summary>
        Link,

        /// <summary>To another page.</summary>
        Far,

        /// <summary>The jump cache does not know the address in r8.</summary>
        Miss,
    }

    private struct Exit
    {
        public byte* Jump;
        public uint Target;
        public ExitKind Kind;
    }

    private struct Detoured
    {
        public byte* Jump;
        public byte* Back;
        public int Instruction;
        public bool FpuIsLoaded;
    }
}
