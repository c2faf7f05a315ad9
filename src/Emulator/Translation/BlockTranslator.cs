// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using Iced.Intel;
using LguestPlug.Emulator.Decoding;
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <summary>
/// Turns one block of flat 32-bit guest code into x86-64 code. Guest and host speak nearly one language, so most instructions go over
/// with other operands only: registers are the host's, memory operands go through the flat TLB.
/// </summary>
/// <remarks>
/// Rules that all generated code keeps: at the top of a block, and wherever it can be left, the six status flags are in
/// <see cref="TranslatorState.Flags"/>; every place that can fault knows its EIP and how many instructions of the block were not
/// executed; the guest's state changes only behind the last point where an instruction can fault.
/// This part walks through a block; the others have memory accesses, flags and transfers.
/// </remarks>
internal sealed unsafe partial class BlockTranslator
{
    /// <summary>Instructions of the longest block.</summary>
    public const int MaxInstructions = 64;

    /// <summary>Upper bounds of what one block takes in the two parts of the arena.</summary>
    public const int MaxHotBytes = MaxInstructions * 192, MaxColdBytes = MaxInstructions * 384;

    private readonly Emitter _e;
    private readonly RuntimeStubs _stubs;
    private readonly TranslationCache _cache;
    private readonly GuestInstruction[] _code = new GuestInstruction[MaxInstructions];
    private readonly Instruction[] _decoded = new Instruction[MaxInstructions];

    private readonly int _flagsField = RuntimeStubs.Field(nameof(TranslatorState.Flags));
    private readonly int _patchSiteField = RuntimeStubs.Field(nameof(TranslatorState.PatchSite));
    private readonly int _eipField = RuntimeStubs.CpuField(nameof(CpuState.Eip));
    private readonly int _systemFlagsField = RuntimeStubs.CpuField(nameof(CpuState.SystemFlags));

    // Of the block being translated.
    private int _count;
    private uint _start;
    private uint _physical;
    private CodeMode _mode;
    private bool _crossesPage;
    private byte* _entry;

    public BlockTranslator(Emitter emitter, RuntimeStubs stubs, TranslationCache cache)
    {
        _e = emitter;
        _stubs = stubs;
        _cache = cache;
        _aheadDecoder = Decoder.Create(32, _aheadBytes, CodeBytes.Options);
    }

    /// <summary>Starts a block.</summary>
    public void Begin(uint eip, uint physical, CodeMode mode)
    {
        _count = 0;
        _start = eip;
        _physical = physical;
        _mode = mode;
        _crossesPage = false;
    }

    /// <summary>Adds an instruction; false if the block is complete with it.</summary>
    public bool Add(byte* bytes, in Instruction decoded, uint eip)
    {
        InstructionClassifier.Classify(bytes, decoded, eip, out _code[_count]);
        _decoded[_count] = decoded;
        if (_code[_count].UsesFpu && (_mode & CodeMode.InterpretedFpu) != 0)
        {
            _code[_count].Treatment = Treatment.Interpret;
            _code[_count].Flags = FlagUse.None;
        }

        Treatment treatment = _code[_count++].Treatment;
        return treatment < Treatment.JumpIf && treatment != Treatment.InterpretLast && _count < MaxInstructions;
    }

    /// <summary>Writes the block's code; what is seldom run goes to <paramref name="cold"/>.</summary>
    /// <param name="hot">Where the block starts; moved behind it.</param>
    /// <param name="cold">Moved likewise.</param>
    /// <param name="slow">Room for the instructions that are interpreted; moved likewise.</param>
    /// <param name="crossesPage">The block is one instruction that lies in two pages.</param>
    /// <param name="secondAddend">What the flat TLB says about the second of them; 0 if it cannot say anything.</param>
    /// <param name="stale">Code that leaves for a lookup: where a jump at the block's start may lead.</param>
    /// <returns>The block's start.</returns>
    public byte* Finish(ref byte* hot, ref byte* cold, ref SlowInstruction* slow, bool crossesPage, nint secondAddend, out byte* stale)
    {
        _crossesPage = crossesPage;
        _slow = slow;
        _accessCount = _exitCount = _detourCount = _fpuLoadCount = 0;
        _fpuIsLoaded = false;
        _e.At = _entry = hot;
        FindFlagNeeds();
        _flags = FlagsAt.Memory;
        _setter = NoSetter;

        byte* moved = null;
        if (secondAddend != 0)
        {
            // The jump cache looks at the first page only.
            uint second = (_start >> 12) + 1;
            _e.Move64Immediate(Temporary, (ulong)secondAddend);
            _e.Memory(0x3B, Temporary, State, TranslatorMemory.FlatTlbOffset((_mode & CodeMode.User) != 0, write: false) + ((int)second * 8), wide: true);
            moved = _e.JumpIf(HostCondition.NotEqual);
        }

        _e.Registers(0x83, Alu.Sub, Budget);
        _e.Byte(_count);
        byte* limit = _e.JumpIf(HostCondition.Sign);
        for (int k = 0; k < _count; k++)
        {
            Translate(ref _code[k], k);
        }

        if (_code[_count - 1].Treatment < Treatment.JumpIf)
        {
            KeepFlags();
            JumpTo(_code[_count - 1].Next);
        }

        hot = _e.At;
        _e.At = cold;
        WriteAccesses();
        WriteDetours();
        WriteFpuLoads();
        WriteExits();

        _e.Bind(limit);
        _e.AluImmediate(Alu.Add, Budget, _count);
        stale = _e.At;
        if (moved != null)
        {
            _e.Bind(moved);
        }

        _e.StoreStateImmediate(_eipField, _start);
        _e.JumpTo(_stubs.ExitLookup);
        cold = _e.At;
        slow = _slow;
        return _entry;
    }

    private void Translate(ref GuestInstruction i, int k)
    {
        switch (i.Treatment)
        {
            case Treatment.Nop:
                break;
            case Treatment.Copy:
                ProvideFlags(i, k);
                CopyPlain(i);
                break;
            case Treatment.Read:
            case Treatment.Write:
                TranslateOperation(i, k);
                break;
            case Treatment.IncrementRegister:
                ProvideFlags(i, k);
                _e.Registers(0xFF, (i.Opcode >> 3) & 1, Of(i.Opcode & 7), prefix: i.Prefix);
                break;
            case Treatment.MoveImmediate:
                MoveImmediate(i);
                break;
            case Treatment.ExchangeEax:
                _e.Registers(0x87, Rax, Of(i.Opcode & 7), prefix: i.Prefix);
                break;
            case Treatment.SwapBytes:
                int swapped = Of(i.Opcode & 7);
                if (swapped > 7)
                {
                    _e.Byte(0x41);
                }

                _e.Byte(0x0F);
                _e.Byte(0xC8 | (swapped & 7));
                break;
            case Treatment.Lea:
                LoadAddress(i, Of(i.Reg));
                break;
            case Treatment.LoadOffset:
            case Treatment.StoreOffset:
                TranslateOffset(i, k);
                break;
            case Treatment.PushRegister:
                BeginPush(i, k);
                StoreAt(Of(i.Opcode & 7));
                EndPush();
                break;
            case Treatment.PushImmediate:
                BeginPush(i, k);
                StoreAtImmediate(i.ImmediateValue);
                EndPush();
                break;
            case Treatment.PushMemory:
                BeginAccess(i, k, 4, write: false);
                LoadAt(Temporary);
                EndAccess();
                BeginPush(i, k);
                StoreAt(Temporary);
                EndPush();
                break;
            case Treatment.PushAll:
            case Treatment.PopAll:
                TranslateAllRegisters(i, k);
                break;
            case Treatment.PopRegister:
                BeginStackRead(i, k);
                LoadAt(Of(i.Opcode & 7));
                EndAccess();
                if ((i.Opcode & 7) != Rsp)
                {
                    _e.Lea(GuestStack, GuestStack, 4);
                }

                break;
            case Treatment.PushSegment:
                BeginPush(i, k);
                _e.Memory(0x0FB7, Temporary, State, SelectorField(i));
                StoreAt(Temporary);
                EndPush();
                break;
            case Treatment.PopSegment:
                BeginStackRead(i, k);
                LoadAt(Temporary);
                EndAccess();
                CompareSelector(i, k);
                _e.Lea(GuestStack, GuestStack, 4);
                break;
            case Treatment.LoadSegment:
                LoseFlags(k);
                LoadTarget(i, k, Temporary, 2);
                CompareSelector(i, k);
                break;
            case Treatment.StoreSegment:
                _e.Memory(0x0FB7, Of(i.Rm), State, SelectorField(i));
                break;
            case Treatment.Leave:
                _e.Move(Address, Rbp);
                LoseFlags(k);
                Check(i, k, 4, write: false);
                _e.Lea(GuestStack, Rbp, 4);
                LoadAt(Rbp);
                EndAccess();
                break;
            case Treatment.Divide:
                TranslateDivide(i, k);
                break;
            case Treatment.MoveString:
            case Treatment.StoreString:
            case Treatment.LoadString:
            case Treatment.ScanString:
                TranslateString(i, k);
                break;
            case Treatment.RepeatString:
                TranslateRepeatedString(i, k);
                break;
            case Treatment.TestBit:
                TranslateTestBit(i, k);
                break;
            case Treatment.Fpu:
                TranslateFpu(i, k);
                break;
            case Treatment.Simd:
                TranslateSimd(i, k);
                break;
            case Treatment.ClearDirection:
                LoseFlags(k);
                ChangeDirection(Alu.And, ~Eflags.Direction);
                break;
            case Treatment.SetDirection:
                LoseFlags(k);
                ChangeDirection(Alu.Or, Eflags.Direction);
                break;
            case Treatment.JumpIf:
                ProvideFlags(i, k);
                KeepFlags();
                JumpIf(i.Condition, i.Target);
                JumpTo(i.Next);
                break;
            case Treatment.JumpOnCount:
                KeepFlags();
                JumpOnCount(i);
                break;
            case Treatment.Jump:
                KeepFlags();
                JumpTo(i.Target);
                break;
            case Treatment.JumpIndirect:
                LoseFlags(k);
                LoadTarget(i, k, Address);
                JumpIndirect();
                break;
            case Treatment.Call:
                BeginPush(i, k);
                StoreAtImmediate(i.Next);
                EndPush(i.Target);
                JumpTo(i.Target);
                break;
            case Treatment.CallIndirect:
                LoseFlags(k);
                LoadTarget(i, k, Temporary);
                BeginPush(i, k);
                StoreAtImmediate(i.Next);
                EndPush(isIndirect: true);
                _e.Move(Address, Temporary);
                JumpIndirect();
                break;
            case Treatment.Return:
                BeginStackRead(i, k);
                LoadAt(Address);
                EndAccess();
                _e.Lea(GuestStack, GuestStack, 4 + (int)i.ImmediateValue);
                JumpIndirect();
                break;
            default:
                LoseFlags(k);
                TryCrossRing(i);
                Interpret(ref i, k);
                _flags = FlagsAt.Memory;
                _fpuIsLoaded = false;
                if (i.Treatment == Treatment.InterpretLast)
                {
                    _e.StoreStateImmediate(_eipField, i.Next);
                    _e.JumpTo(_stubs.ExitLookup);
                }

                break;
        }

        if ((i.Flags & (FlagUse.Writes | FlagUse.Changes)) != 0)
        {
            _flags = FlagsAt.Host;
            _setter = (i.Flags & FlagUse.Writes) != 0 ? k : NoSetter;
        }

        EndDetours();
    }

    // ---- registers ----------------------------------------------------------------------------------------------------

    /// <summary>An instruction on implied registers.</summary>
    private void CopyPlain(in GuestInstruction i)
    {
        if (i.Prefix != 0)
        {
            _e.Byte(i.Prefix);
        }

        _e.Byte(i.Opcode);
        _e.Immediate(i.ImmediateValue, i.ImmediateLength);
    }

    private void MoveImmediate(in GuestInstruction i)
    {
        int register = Of(i.Opcode & 7);
        if (i.Prefix != 0)
        {
            _e.Byte(i.Prefix);
        }

        if (register > 7)
        {
            _e.Byte(0x41);
        }

        _e.Byte(0xB8 | (register & 7));
        _e.Immediate(i.ImmediateValue, i.ImmediateLength);
    }

    private void ChangeDirection(int operation, uint mask)
    {
        _e.Memory(0x81, operation, State, _systemFlagsField);
        _e.Dword(mask);
    }

    // ---- instructions with a ModRM byte -----------------------------------------------------------------------------------

    private void TranslateOperation(in GuestInstruction i, int k)
    {
        if (!i.HasMemory)
        {
            ProvideFlags(i, k);
            Operation(i, memory: false);
            return;
        }

        BeginAccess(i, k, i.Size, i.Treatment == Treatment.Write);
        ProvideFlags(i, k);
        Operation(i, memory: true);
        EndAccess();
    }

    /// <summary>Writes the instruction itself, its memory operand being at r8 + r9.</summary>
    private void Operation(in GuestInstruction i, bool memory)
    {
        int reg = i.Reg;
        bool swap = false;
        if (!IsExtension(i.Opcode))
        {
            if (!i.IsByteRegister)
            {
                reg = Of(reg);
            }
            else if (memory && reg >= 4)
            {
                // AH, CH, DH and BH cannot be named beside r8 and r9: their low halves stand in for them.
                swap = true;
                reg -= 4;
            }
        }

        if (swap)
        {
            _e.Registers(0x86, reg + 4, reg);
        }

        if (i.IsLocked)
        {
            _e.Byte(0xF0);
        }

        if (memory)
        {
            _e.Memory(i.Opcode, reg, Address, 0, Addend, prefix: i.Prefix);
        }
        else
        {
            _e.Registers(i.Opcode, reg, i.IsByteRegister || i.Size == 1 ? i.Rm : Of(i.Rm), prefix: i.Prefix);
        }

        _e.Immediate(i.ImmediateValue, i.ImmediateLength);
        if (swap)
        {
            _e.Registers(0x86, reg + 4, reg);
        }
    }

    /// <summary>The middle field of ModRM belongs to the opcode.</summary>
    private static bool IsExtension(int opcode) =>
        opcode is (>= 0x80 and <= 0x83) or 0xC0 or 0xC1 or 0xC6 or 0xC7 or 0x0FC7 or (>= 0xD0 and <= 0xD3) or 0xF6 or 0xF7 or 0xFE or 0xFF
            or (>= 0x0F90 and <= 0x0F9F) or 0x0FBA;

    private void TranslateOffset(in GuestInstruction i, int k)
    {
        bool write = i.Treatment == Treatment.StoreOffset;
        BeginAccess(i, k, i.Size, write);
        // MOV between memory and AL or eAX in its general form.
        int opcode = (write ? 0x88 : 0x8A) | (i.Size == 1 ? 0 : 1);
        _e.Memory(opcode, Rax, Address, 0, Addend, prefix: i.Prefix);
        EndAccess();
    }

    private void TranslateTestBit(in GuestInstruction i, int k)
    {
        LoadAddress(i, Address);
        LoseFlags(k);
        _e.Move(Addend, Of(i.Reg));
        _e.ShiftImmediate(Alu.ShiftArithmetic, Addend, 5);
        _e.Lea(Address, Address, 0, Addend, 2);
        if (i.Segment != 0)
        {
            AddSegment(i, k, i.Size);
        }

        Check(i, k, i.Size, write: false);
        ProvideFlags(i, k);
        LoadAt(Temporary);
        EndAccess();
        _e.Registers(0x0FA3, Of(i.Reg), Temporary);
    }

    private void TranslateDivide(in GuestInstruction i, int k)
    {
        LoseFlags(k);
        LoadTarget(i, k, Address);
        if (i.Reg == 6)
        {
            // The quotient does not fit, or the divisor is 0.
            _e.AluRegisters(Alu.Cmp, Rdx, Address);
            Detour(k, HostCondition.AboveOrEqual);
            _e.Registers(0xF7, 6, Address);
        }
        else
        {
            // Only what surely fits: a dividend of 32 bits, and a divisor other than 0 and -1.
            _e.Move(Addend, Rax);
            _e.ShiftImmediate(Alu.ShiftArithmetic, Addend, 31);
            _e.AluRegisters(Alu.Cmp, Addend, Rdx);
            Detour(k, HostCondition.NotEqual);
            _e.Lea(Addend, Address, 1);
            _e.AluImmediate(Alu.Cmp, Addend, 1);
            Detour(k, HostCondition.BelowOrEqual);
            _e.Registers(0xF7, 7, Address);
        }
    }

    /// <summary>A segment register is loaded anew only if its selector changes: the hidden part is kept up to date.</summary>
    private void CompareSelector(in GuestInstruction i, int k)
    {
        _e.Memory(0x3B, Temporary, State, SelectorField(i), prefix: 0x66);
        Detour(k, HostCondition.NotEqual);
    }

    private static int SelectorField(in GuestInstruction i) =>
        RuntimeStubs.CpuField(nameof(CpuState.Es)) + (i.Register * sizeof(Segment)) + (int)Marshal.OffsetOf<Segment>(nameof(Segment.Selector));

    /// <summary>Loads the operand of an indirect transfer, a division or a segment load.</summary>
    private void LoadTarget(in GuestInstruction i, int k, int register, int size = 4)
    {
        if (i.HasMemory)
        {
            BeginAccess(i, k, size, write: false);
            _e.Memory(size == 2 ? 0x0FB7 : 0x8B, register, Address, 0, Addend);
            EndAccess();
        }
        else
        {
            _e.Move(register, Of(i.Rm));
        }
    }
}
