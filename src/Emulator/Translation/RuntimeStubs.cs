// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <summary>Why generated code was left.</summary>
internal enum ExitReason
{
    /// <summary>EIP says where to go on.</summary>
    Lookup,

    /// <summary>The same, and the jump at the patch site is to lead there from now on.</summary>
    Link,

    /// <summary>EIP says where to go on; the mode may have changed.</summary>
    ModeChange,

    /// <summary>A trap is in the CPU state.</summary>
    Trap,

    /// <summary>Generated code is not left after all: it goes on at EIP.</summary>
    Redirect,
}

/// <summary>
/// The pieces of machine code that all translated blocks share: the way in, the ways out and the calls into the runtime. They follow
/// the System V calling convention towards the runtime; towards blocks they keep every guest register.
/// </summary>
internal sealed unsafe class RuntimeStubs
{
    // Registers the convention lets a callee change, as far as the guest has them.
    private static readonly int[] s_volatile = [Rax, Rcx, Rdx, Rsi, Rdi];

    private readonly Emitter _e;
    private readonly byte* _leaveWithReason;
    private readonly byte* _leaveOrRedirect;
    private readonly byte*[] _memory = new byte*[4];
    private readonly byte*[] _missedJump = new byte*[2];

    /// <summary>Writes the stubs.</summary>
    public RuntimeStubs(Emitter emitter, nint toExecutable, PageWalkerState* walker)
    {
        _e = emitter;
        Enter = (delegate* unmanaged<CpuState*, byte*, int>)(EmitEnter() + toExecutable);
        _leaveWithReason = EmitLeaveWithReason();
        ExitLookup = EmitExit(ExitReason.Lookup);
        ExitLink = EmitExit(ExitReason.Link);
        _missedJump[0] = EmitMissedJump(user: false);
        _missedJump[1] = EmitMissedJump(user: true);
        _leaveOrRedirect = EmitLeaveOrRedirect();
        Walker = new PageWalker(emitter, toExecutable, walker, EmitMemory(), EmitGiveUp());
        for (int n = 0; n < _memory.Length; n++)
        {
            _memory[n] = emitter.At;
            PageWalker.EmitAccess(emitter, (n & 2) != 0, (n & 1) != 0);
        }

        Commit = EmitCommit();
        Interpret = EmitInterpret();
        LoadFpu = EmitLoadFpu();
        CallSystem = EmitCallSystem();
    }

    /// <summary>Enters generated code: the state and where to start. Returns an <see cref="ExitReason"/>.</summary>
    public delegate* unmanaged<CpuState*, byte*, int> Enter { get; }

    /// <summary>Leaves with EIP set.</summary>
    public byte* ExitLookup { get; }

    /// <summary>Leaves with EIP and the patch site set.</summary>
    public byte* ExitLink { get; }

    /// <summary>How page tables are walked.</summary>
    public PageWalker Walker { get; }

    /// <summary>
    /// For an access that missed: the linear address in r8, in r9 the size, 0x100 for a store, and in bits 16-31 how many
    /// instructions of the block are not executed if it faults. Returns r8 and r9 whose sum is the host address. For a store CF says
    /// that it goes straight to memory; if clear it goes to the scratch buffer and <see cref="Commit"/> follows it.
    /// </summary>
    public byte* Memory(bool user, bool write) => _memory[(user ? 2 : 0) + (write ? 1 : 0)];

    /// <summary>For a jump to the address in r8 that the jump cache does not know, or whose page the flat TLB does not know.</summary>
    public byte* MissedJump(bool user) => _missedJump[user ? 1 : 0];

    /// <summary>
    /// Makes the store that is in the scratch buffer. Keeps flags. Returns 5 bytes behind the call's end if the block must not go on.
    /// </summary>
    public byte* Commit { get; }

    /// <summary>Interprets one instruction: it in r8, how many instructions are not executed if it faults or leaves in r9.</summary>
    public byte* Interpret { get; }

    /// <summary>INT n: n in r9, EIP is set behind it, flags are in the state. Comes back if it is to be interpreted.</summary>
    public byte* CallSystem { get; }

    /// <summary>
    /// Takes the guest's x87 and SSE registers into the host's: EIP is set; how many instructions are not executed if that is not
    /// possible in r9.
    /// </summary>
    public byte* LoadFpu { get; }

    /// <summary>Offset from the CPU state of a field of <see cref="TranslatorState"/>.</summary>
    public static int Field(string name) => (int)Marshal.OffsetOf<TranslatorState>(name) - sizeof(TranslatorState);

    /// <summary>Offset of a field of <see cref="CpuState"/>.</summary>
    public static int CpuField(string name) => (int)Marshal.OffsetOf<CpuState>(name);

    private byte* EmitEnter()
    {
        byte* start = _e.At;
        Push(Rbx);
        Push(Rbp);
        for (int r = 12; r <= 15; r++)
        {
            Push(r);
        }

        // Aligns the stack.
        Rsp64(Alu.Sub, 8);
        _e.Registers(0x89, Rdi, State, wide: true);
        _e.Registers(0x89, Rsi, Temporary, wide: true);
        _e.LoadState(Budget, Field(nameof(TranslatorState.Budget)));
        LoadGuest();
        // jmp r11
        _e.Registers(0xFF, 4, Temporary);
        return start;
    }

    private byte* EmitExit(ExitReason reason)
    {
        byte* start = _e.At;
        SaveGuest();
        SaveFpu(FpuHome.Image);
        _e.MoveImmediate(Rax, (uint)reason);
        _e.JumpTo(_leaveWithReason);
        return start;
    }

    /// <summary>With a reason in eax and the guest's registers in the state: goes on at EIP or leaves.</summary>
    private byte* EmitLeaveOrRedirect()
    {
        byte* start = _e.At;
        _e.Registers(0x83, Alu.Cmp, Rax);
        _e.Byte((int)ExitReason.Redirect);
        _e.JumpIfTo(HostCondition.NotEqual, _leaveWithReason);
        _e.Memory(0x03, Budget, State, Field(nameof(TranslatorState.Unexecuted)));
        _e.StoreStateImmediate(Field(nameof(TranslatorState.Unexecuted)), 0);
        LoadGuest();
        _e.LoadState(Address, CpuField(nameof(CpuState.Eip)));
        _e.CompareState(CpuField(nameof(CpuState.Cpl)), 3);
        byte* user = _e.JumpIf(HostCondition.Equal);
        Emitter.Bind(JumpCache.EmitJumpInCurrentMode(_e, user: false), _missedJump[0]);
        _e.Bind(user);
        Emitter.Bind(JumpCache.EmitJumpInCurrentMode(_e, user: true), _missedJump[1]);
        return start;
    }

    private byte* EmitMissedJump(bool user)
    {
        byte* start = _e.At;
        _e.StoreState(Address, CpuField(nameof(CpuState.Eip)));
        // One byte.
        _e.MoveImmediate(Addend, 1);
        PageWalker.EmitAttempt(_e, user, write: false);
        _e.JumpIfTo(HostCondition.AboveOrEqual, ExitLookup);
        Emitter.Bind(JumpCache.EmitJumpInCurrentMode(_e, user), ExitLookup);
        return start;
    }

    /// <summary>A walk that found nothing ordinary.</summary>
    private byte* EmitGiveUp()
    {
        byte* start = _e.At;
        _e.Byte(0xF8); // clc
        _e.Byte(0xC3);
        return start;
    }

    private byte* EmitLeaveWithReason()
    {
        byte* start = _e.At;
        Epilogue();
        return start;
    }

    private void Epilogue()
    {
        _e.StoreState(Budget, Field(nameof(TranslatorState.Budget)));
        Rsp64(Alu.Add, 8);
        for (int r = 15; r >= 12; r--)
        {
            Pop(r);
        }

        Pop(Rbp);
        Pop(Rbx);
        _e.Byte(0xC3);
    }

    private byte* EmitMemory()
    {
        byte* start = _e.At;
        SaveTemporaries();
        SaveGuest();
        SaveFpu(FpuHome.ImageForCall);
        _e.Registers(0x89, State, Rdi, wide: true);
        _e.Move(Rsi, Address);
        _e.Move(Rdx, Addend);
        Rsp64(Alu.Sub, 8);
        CallState(Field(nameof(TranslatorState.MemoryHelper)));
        Rsp64(Alu.Add, 8);
        _e.Test64(Rax);
        byte* fault = _e.JumpIf(HostCondition.Equal);
        _e.Registers(0x89, Rax, Address, wide: true);
        _e.AluRegisters(Alu.Xor, Addend, Addend);
        ReloadFpu();
        LoadVolatile();
        LoadTemporaries();
        // CF: nothing is pending.
        _e.CompareState(Field(nameof(TranslatorState.PendingSize)), 1);
        _e.Byte(0xC3);
        _e.Bind(fault);
        // The way back into the block is not taken.
        Rsp64(Alu.Add, 8);
        _e.LoadState(Rax, Field(nameof(TranslatorState.PendingExit)));
        _e.JumpTo(_leaveOrRedirect);
        return start;
    }

    private byte* EmitCommit()
    {
        byte* start = _e.At;
        _e.Byte(0x9C); // pushfq
        SaveTemporaries();
        SaveGuest();
        SaveFpu(FpuHome.ImageForCall);
        _e.Registers(0x89, State, Rdi, wide: true);
        CallState(Field(nameof(TranslatorState.CommitHelper)));
        // The helper returns 0 or 5; [rsp+8] is the return address.
        _e.Memory(0x01, Rax, Rsp, 8, wide: true);
        ReloadFpu();
        LoadVolatile();
        LoadTemporaries();
        _e.Byte(0x9D); // popfq
        _e.Byte(0xC3);
        return start;
    }

    private byte* EmitInterpret()
    {
        byte* start = _e.At;
        SaveGuest();
        SaveFpu(FpuHome.Image);
        _e.Registers(0x89, State, Rdi, wide: true);
        _e.Registers(0x89, Address, Rsi, wide: true);
        _e.Move(Rdx, Addend);
        Rsp64(Alu.Sub, 8);
        CallState(Field(nameof(TranslatorState.SlowHelper)));
        Rsp64(Alu.Add, 8);
        _e.Registers(0x85, Rax, Rax);
        byte* leave = _e.JumpIf(HostCondition.NotEqual);
        LoadGuest();
        _e.Byte(0xC3);
        _e.Bind(leave);
        Rsp64(Alu.Add, 8);
        _e.JumpTo(_leaveOrRedirect);
        return start;
    }

    private byte* EmitCallSystem()
    {
        byte* start = _e.At;
        SaveGuest();
        SaveFpu(FpuHome.Image);
        _e.Registers(0x89, State, Rdi, wide: true);
        _e.Move(Rsi, Addend);
        Rsp64(Alu.Sub, 8);
        CallState(Field(nameof(TranslatorState.CallHelper)));
        Rsp64(Alu.Add, 8);
        _e.Registers(0x85, Rax, Rax);
        byte* leave = _e.JumpIf(HostCondition.NotEqual);
        LoadGuest();
        _e.Byte(0xC3);
        _e.Bind(leave);
        Rsp64(Alu.Add, 8);
        _e.JumpTo(_leaveOrRedirect);
        return start;
    }

    private byte* EmitLoadFpu()
    {
        byte* start = _e.At;
        SaveGuest();
        _e.Registers(0x89, State, Rdi, wide: true);
        _e.Move(Rsi, Addend);
        Rsp64(Alu.Sub, 8);
        CallState(Field(nameof(TranslatorState.FpuHelper)));
        Rsp64(Alu.Add, 8);
        _e.Registers(0x85, Rax, Rax);
        byte* leave = _e.JumpIf(HostCondition.NotEqual);
        LoadFpuImage();
        LoadVolatile();
        _e.Byte(0xC3);
        _e.Bind(leave);
        Rsp64(Alu.Add, 8);
        _e.JumpTo(_leaveOrRedirect);
        return start;
    }

    /// <summary>If the guest's x87 and SSE registers are in the host's, saves them: the runtime uses those.</summary>
    private void SaveFpu(FpuHome home)
    {
        _e.CompareState(Field(nameof(TranslatorState.FpuHome)), (int)FpuHome.Host);
        byte* skip = _e.JumpIfShort(HostCondition.NotEqual);
        _e.Memory(0x0FAE, 0, State, TranslatorMemory.FpuImageOffset); // fxsave
        HostFpu.EmitHostModes(_e, State, TranslatorMemory.FpuImageOffset);
        _e.StoreStateImmediate(Field(nameof(TranslatorState.FpuHome)), (uint)home);
        _e.BindShort(skip);
    }

    private void ReloadFpu()
    {
        _e.CompareState(Field(nameof(TranslatorState.FpuHome)), (int)FpuHome.ImageForCall);
        byte* skip = _e.JumpIfShort(HostCondition.NotEqual);
        LoadFpuImage();
        _e.BindShort(skip);
    }

    private void LoadFpuImage()
    {
        _e.Memory(0x0FAE, 1, State, TranslatorMemory.FpuImageOffset); // fxrstor
        _e.StoreStateImmediate(Field(nameof(TranslatorState.FpuHome)), (uint)FpuHome.Host);
    }

    private void CallState(int offset) => _e.Memory(0xFF, 2, State, offset);

    private void SaveGuest()
    {
        for (int g = 0; g < 8; g++)
        {
            _e.StoreState(Of(g), g * 4);
        }
    }

    private void LoadGuest()
    {
        for (int g = 0; g < 8; g++)
        {
            _e.LoadState(Of(g), g * 4);
        }
    }

    private void LoadVolatile()
    {
        foreach (int r in s_volatile)
        {
            _e.LoadState(r, r * 4);
        }
    }

    private void SaveTemporaries()
    {
        _e.StoreState64(Temporary, Field(nameof(TranslatorState.SavedTemporary)));
    }

    private void LoadTemporaries()
    {
        _e.LoadState64(Temporary, Field(nameof(TranslatorState.SavedTemporary)));
    }

    private void Push(int register)
    {
        if (register > 7)
        {
            _e.Byte(0x41);
        }

        _e.Byte(0x50 | (register & 7));
    }

    private void Pop(int register)
    {
        if (register > 7)
        {
            _e.Byte(0x41);
        }

        _e.Byte(0x58 | (register & 7));
    }

    private void Rsp64(int operation, int value)
    {
        _e.Registers(0x83, operation, Rsp, wide: true);
        _e.Byte(value);
    }
}
