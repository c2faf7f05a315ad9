// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Traps;
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <summary>What generated code needs for system calls and returns from handlers.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct RingCrossingState
{
    /// <summary>The vector of system calls; <see cref="RingCrossing.None"/> if each INT is the system's.</summary>
    public uint Vector;

    /// <summary>Where the handler is, and the top of its stack.</summary>
    public uint Handler, StackTop;

    /// <summary>The privilege level that a return to ring 3 by the segments below may be made from; <see cref="RingCrossing.None"/> if from none.</summary>
    public uint ReturnLevel;

    /// <summary>Not 0 if the segment registers hold what the descriptor tables say.</summary>
    public uint SegmentsAreCurrent;

    /// <summary>What the handler runs with, and what a return to ring 3 loads.</summary>
    public Segment HandlerCode, HandlerStack, ReturnCode, ReturnStack;

    public TlbEntry* SupervisorTlb, UserTlb;

    /// <summary>System calls made.</summary>
    public long Calls;
}

/// <summary>
/// System calls from ring 3 and returns from handlers in machine code. Both only where everything that would have to be checked has
/// been checked before: the segments are flat and known. Everything else goes the slow way.
/// </summary>
internal sealed unsafe class RingCrossing
{
    /// <summary>No vector, and no level.</summary>
    public const uint None = uint.MaxValue;

    private const uint Returnable = Eflags.Direction | Eflags.AlignmentCheck | Eflags.Identification;
    private const uint Unusual = Eflags.Trap | Eflags.NestedTask | Eflags.Resume | Eflags.Virtual8086;
    private const int StatusByte = (int)(Eflags.Carry | Eflags.Parity | Eflags.Adjust | Eflags.Zero | Eflags.Sign);
    private const int LargeFrame = 20, SmallFrame = 12;

    private readonly Emitter _e;
    private readonly RuntimeStubs _stubs;
    private readonly byte*[] _fail = new byte*[24];
    private int _failCount;

    /// <summary>Writes the code.</summary>
    public RingCrossing(Emitter e, RuntimeStubs stubs)
    {
        _e = e;
        _stubs = stubs;
        SystemCall = EmitSystemCall();
        Return = EmitReturn();
    }

    /// <summary>To be called for INT n in ring 3: n in r9, the address behind it in r8, flags in the state. Comes back if it goes the slow way.</summary>
    public byte* SystemCall { get; }

    /// <summary>To be called for IRET in a handler, flags in the state. Comes back if it goes the slow way.</summary>
    public byte* Return { get; }

    private static int Field(string name) => TranslatorMemory.RingCrossingOffset + (int)Marshal.OffsetOf<RingCrossingState>(name);

    private static int SelectorOf(string segment) => RuntimeStubs.CpuField(segment) + (int)Marshal.OffsetOf<Segment>(nameof(Segment.Selector));

    private static int AccessOf(string segment) => RuntimeStubs.CpuField(segment) + (int)Marshal.OffsetOf<Segment>(nameof(Segment.Access));

    private byte* EmitSystemCall()
    {
        byte* start = _e.At;
        int flags = RuntimeStubs.Field(nameof(TranslatorState.Flags)), system = RuntimeStubs.CpuField(nameof(CpuState.SystemFlags));
        _e.Memory(0x3B, Addend, State, Field(nameof(RingCrossingState.Vector)));
        FailIf(HostCondition.NotEqual);
        // r9: where the handler's stack is. It is stored to whether or not a supervisor may, but if it may not, others see to it.
        _e.StoreState(Address, RuntimeStubs.CpuField(nameof(CpuState.Eip)));
        _e.LoadState(Address, Field(nameof(RingCrossingState.StackTop)));
        _e.AluImmediate(Alu.Sub, Address, LargeFrame);
        FindHost(write: true);
        _e.LoadState(Temporary, flags);
        _e.Registers(0x85, Temporary, Temporary);
        FailIf(HostCondition.Sign); // a recipe
        _e.LoadState(Scratch, system);
        TestImmediate(Scratch, Unusual);
        FailIf(HostCondition.NotEqual);
        // r10: EFLAGS.
        _e.Move(Found, Temporary);
        _e.AluImmediate(Alu.And, Found, 1);
        _e.ShiftImmediate(Alu.ShiftLeft, Found, 11);
        _e.AluRegisters(Alu.Or, Scratch, Found);
        _e.ShiftImmediate(Alu.ShiftRight, Temporary, 8);
        _e.AluImmediate(Alu.And, Temporary, StatusByte);
        _e.AluRegisters(Alu.Or, Scratch, Temporary);

        _e.LoadState(Temporary, RuntimeStubs.CpuField(nameof(CpuState.Eip)));
        _e.Memory(0x89, Temporary, Addend, 0);
        _e.Memory(0x0FB7, Temporary, State, SelectorOf(nameof(CpuState.Cs)));
        _e.Memory(0x89, Temporary, Addend, 4);
        _e.Memory(0x89, Scratch, Addend, 8);
        _e.Memory(0x89, GuestStack, Addend, 12);
        _e.Memory(0x0FB7, Temporary, State, SelectorOf(nameof(CpuState.Ss)));
        _e.Memory(0x89, Temporary, Addend, 16);
        _e.Move(GuestStack, Address);
        LoadSegments(nameof(RingCrossingState.HandlerCode), nameof(RingCrossingState.HandlerStack));
        Select(nameof(RingCrossingState.SupervisorTlb), user: false);
        // A trap does not count as an instruction.
        _e.AluImmediate(Alu.Add, Budget, 1);
        _e.Memory(0x83, Alu.Add, State, Field(nameof(RingCrossingState.Calls)), wide: true);
        _e.Byte(1);
        _e.LoadState(Address, Field(nameof(RingCrossingState.Handler)));
        GoOn(user: false);
        Fail();
        return start;
    }

    private byte* EmitReturn()
    {
        byte* start = _e.At;
        int system = RuntimeStubs.CpuField(nameof(CpuState.SystemFlags));
        _e.CompareState(Field(nameof(RingCrossingState.SegmentsAreCurrent)), 0);
        FailIf(HostCondition.Equal);
        _e.Memory(0xF7, 0, State, system); // test
        _e.Dword(Eflags.NestedTask);
        FailIf(HostCondition.NotEqual);
        // All of the largest frame in one page?
        _e.Move(Addend, GuestStack);
        _e.AluImmediate(Alu.And, Addend, 0xFFF);
        _e.AluImmediate(Alu.Cmp, Addend, 0x1000 - LargeFrame);
        FailIf(HostCondition.Above);
        _e.Move(Address, GuestStack);
        FindHost(write: false);
        _e.Memory(0x8B, Scratch, Addend, 8);
        TestImmediate(Scratch, Unusual);
        FailIf(HostCondition.NotEqual);
        _e.Memory(0x0FB7, Temporary, Addend, 4);
        _e.Memory(0x3B, Temporary, State, SelectorOf(nameof(CpuState.Cs)), prefix: 0x66);
        byte* outward = _e.JumpIf(HostCondition.NotEqual);

        // By the segment that is there already.
        SetFlags();
        _e.Memory(0x8B, Address, Addend, 0);
        _e.AluImmediate(Alu.Add, GuestStack, SmallFrame);
        GoOn(user: false);

        _e.Bind(outward);
        _e.LoadState(Found, RuntimeStubs.CpuField(nameof(CpuState.Cpl)));
        _e.Memory(0x3B, Found, State, Field(nameof(RingCrossingState.ReturnLevel)));
        FailIf(HostCondition.NotEqual);
        int selector = (int)Marshal.OffsetOf<Segment>(nameof(Segment.Selector));
        _e.Memory(0x3B, Temporary, State, Field(nameof(RingCrossingState.ReturnCode)) + selector, prefix: 0x66);
        FailIf(HostCondition.NotEqual);
        _e.Memory(0x0FB7, Temporary, Addend, 16);
        _e.Memory(0x3B, Temporary, State, Field(nameof(RingCrossingState.ReturnStack)) + selector, prefix: 0x66);
        FailIf(HostCondition.NotEqual);
        foreach (string segment in (string[])[nameof(CpuState.Es), nameof(CpuState.Ds), nameof(CpuState.Fs), nameof(CpuState.Gs)])
        {
            // What ring 3 may not keep is taken from it.
            const int Dpl = 0x60;
            _e.LoadState(Temporary, AccessOf(segment));
            _e.Registers(0x85, Temporary, Temporary);
            byte* unused = _e.JumpIfShort(HostCondition.Equal);
            _e.Registers(0xF7, 2, Temporary); // not
            TestImmediate(Temporary, Dpl);
            FailIf(HostCondition.NotEqual);
            _e.BindShort(unused);
        }

        SetFlags();
        _e.Memory(0x8B, Address, Addend, 0);
        _e.Memory(0x8B, GuestStack, Addend, 12);
        LoadSegments(nameof(RingCrossingState.ReturnCode), nameof(RingCrossingState.ReturnStack));
        Select(nameof(RingCrossingState.UserTlb), user: true);
        GoOn(user: true);
        Fail();
        return start;
    }

    /// <summary>Puts into r9 where a frame at the supervisor's address in r8 is; it lies within one page. Changes r10 and r12.</summary>
    private void FindHost(bool write)
    {
        _e.Move(Addend, Address);
        _e.ShiftImmediate(Alu.ShiftRight, Addend, 12);
        _e.Memory(0x8B, Addend, State, TranslatorMemory.FlatTlbOffset(user: false, write), Addend, 3, wide: true);
        _e.Test64(Addend);
        byte* known = _e.JumpIfShort(HostCondition.NotEqual);
        _e.MoveImmediate(Addend, LargeFrame);
        PageWalker.EmitAttempt(_e, user: false, write);
        FailIf(HostCondition.AboveOrEqual);
        _e.BindShort(known);
        _e.Registers(0x01, Address, Addend, wide: true);
    }

    /// <summary>Sets EFLAGS from r10 as far as a handler may without being ring 0.</summary>
    private void SetFlags()
    {
        int flags = RuntimeStubs.Field(nameof(TranslatorState.Flags)), system = RuntimeStubs.CpuField(nameof(CpuState.SystemFlags));
        _e.LoadState(Temporary, system);
        _e.AluImmediate(Alu.And, Temporary, unchecked((int)~(Returnable | Eflags.Resume)));
        _e.Move(Found, Scratch);
        _e.AluImmediate(Alu.And, Found, (int)Returnable);
        _e.AluRegisters(Alu.Or, Temporary, Found);
        _e.StoreState(Temporary, system);
        _e.Move(Temporary, Scratch);
        _e.ShiftImmediate(Alu.ShiftRight, Temporary, 11);
        _e.AluImmediate(Alu.And, Temporary, 1);
        _e.AluImmediate(Alu.And, Scratch, StatusByte);
        _e.ShiftImmediate(Alu.ShiftLeft, Scratch, 8);
        _e.AluRegisters(Alu.Or, Temporary, Scratch);
        _e.StoreState(Temporary, flags);
    }

    private void LoadSegments(string code, string stack)
    {
        Copy(Field(code), RuntimeStubs.CpuField(nameof(CpuState.Cs)));
        Copy(Field(stack), RuntimeStubs.CpuField(nameof(CpuState.Ss)));
        // The privilege level is CS's.
        _e.LoadState(Temporary, SelectorOf(nameof(CpuState.Cs)));
        _e.AluImmediate(Alu.And, Temporary, 3);
        _e.StoreState(Temporary, RuntimeStubs.CpuField(nameof(CpuState.Cpl)));
    }

    private void Copy(int from, int to)
    {
        for (int offset = 0; offset < sizeof(Segment); offset += 8)
        {
            _e.LoadState64(Temporary, from + offset);
            _e.StoreState64(Temporary, to + offset);
        }
    }

    private void Select(string tlb, bool user)
    {
        _e.LoadState64(Temporary, Field(tlb));
        _e.StoreState64(Temporary, RuntimeStubs.CpuField(nameof(CpuState.Tlb)));
        _e.StoreStateImmediate(RuntimeStubs.CpuField(nameof(CpuState.SegmentMode)), (uint)(user ? CodeMode.User : CodeMode.None));
        _e.Memory(0x83, user ? Alu.Or : Alu.And, State, RuntimeStubs.Field(nameof(TranslatorState.Mode)));
        _e.Byte((int)(user ? CodeMode.User : ~CodeMode.User));
    }

    private void GoOn(bool user)
    {
        // The caller is not returned to.
        _e.Registers(0x83, Alu.Add, Rsp, wide: true);
        _e.Byte(8);
        Emitter.Bind(JumpCache.EmitJumpInCurrentMode(_e, user), _stubs.MissedJump(user));
    }

    private void TestImmediate(int register, uint mask)
    {
        _e.Registers(0xF7, 0, register);
        _e.Dword(mask);
    }

    private void FailIf(int condition) => _fail[_failCount++] = _e.JumpIf(condition);

    private void Fail()
    {
        for (int n = 0; n < _failCount; n++)
        {
            _e.Bind(_fail[n]);
        }

        _failCount = 0;
        _e.Byte(0xC3);
    }
}
