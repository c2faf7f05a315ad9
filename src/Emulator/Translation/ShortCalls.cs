// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Traps;
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <summary>What generated code needs for the calls that it makes without the system.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct ShortCallState
{
    /// <summary>The calls; the vector is <see cref="ShortCalls.None"/> if there are none.</summary>
    public ShortCallSet Set;

    /// <summary>The Mmu's: a bit for each page that code was fetched from, and the two views of its TLB.</summary>
    public byte* Executed;
    public TlbEntry* SupervisorTlb, UserTlb;

    /// <summary>Calls made, by number.</summary>
    public fixed long Counts[ShortCalls.Numbers];
}

/// <summary>
/// Calls of the system in machine code, for those that have nothing to do (<see cref="ShortCallSet"/>): a kernel makes them by the
/// million. As soon as there is anything unusual the system is called.
/// </summary>
internal sealed unsafe class ShortCalls
{
    /// <summary>No vector.</summary>
    public const uint None = uint.MaxValue;

    /// <summary>Numbers from 0 on that a call may have.</summary>
    public const int Numbers = 32;

    private readonly Emitter _e;
    private readonly byte*[] _fail = new byte*[8];
    private int _failCount;

    /// <summary>Writes the code.</summary>
    public ShortCalls(Emitter e, RuntimeStubs stubs)
    {
        _e = e;
        Call = EmitCall(stubs);
    }

    /// <summary>
    /// To be called for INT n outside ring 3: n in r9, the address behind it in r8, flags in the state. Comes back, with both as they
    /// were, if the system is to be called.
    /// </summary>
    public byte* Call { get; }

    private static int Field(string name) => TranslatorMemory.ShortCallOffset + (int)Marshal.OffsetOf<ShortCallState>(name);

    private static int SetField(string name) => Field(nameof(ShortCallState.Set)) + (int)Marshal.OffsetOf<ShortCallSet>(name);

    private byte* EmitCall(RuntimeStubs stubs)
    {
        byte* start = _e.At;
        _e.Memory(0x3B, Addend, State, SetField(nameof(ShortCallSet.Vector)));
        FailIf(HostCondition.NotEqual);
        _e.CompareState(RuntimeStubs.CpuField(nameof(CpuState.Cpl)), 1);
        FailIf(HostCondition.Above);
        _e.CompareState(RuntimeStubs.CpuField(nameof(CpuState.PendingInterrupts)), 0);
        FailIf(HostCondition.NotEqual);
        _e.LoadState64(Temporary, SetField(nameof(ShortCallSet.Queue)));
        _e.Memory(0x0FB6, Temporary, Temporary, 0); // movzx
        _e.Memory(0x3B, Temporary, State, SetField(nameof(ShortCallSet.QueueEmpty)));
        FailIf(HostCondition.NotEqual);
        _e.AluImmediate(Alu.Cmp, Rax, Numbers);
        FailIf(HostCondition.AboveOrEqual);
        _e.Memory(0x3B, Rax, State, SetField(nameof(ShortCallSet.DropPage)));
        byte* drop = _e.JumpIf(HostCondition.Equal);
        _e.LoadState(Temporary, SetField(nameof(ShortCallSet.Nothing)));
        _e.Registers(0x0FA3, Rax, Temporary); // bt
        FailIf(HostCondition.AboveOrEqual);

        byte* done = _e.At;
        _e.Memory(0x83, Alu.Add, State, Field(nameof(ShortCallState.Counts)), Rax, 3, wide: true);
        _e.Byte(1);
        // A trap does not count as an instruction.
        _e.AluImmediate(Alu.Add, Budget, 1);
        // The caller is not returned to.
        _e.Registers(0x83, Alu.Add, Rsp, wide: true);
        _e.Byte(8);
        Emitter.Bind(JumpCache.EmitJumpInCurrentMode(_e, user: false), stubs.MissedJump(user: false));

        _e.Bind(drop);
        EmitDrop();
        _e.JumpTo(done);
        for (int n = 0; n < _failCount; n++)
        {
            _e.Bind(_fail[n]);
        }

        _e.Byte(0xC3);
        return start;
    }

    /// <summary>What <see cref="Mmu.FlushPage"/> does, for the page of the address in ECX.</summary>
    private void EmitDrop()
    {
        _e.Memory(0x3B, Rcx, State, SetField(nameof(ShortCallSet.Limit)));
        FailIf(HostCondition.AboveOrEqual);
        // Decoded code is not ours to drop.
        _e.Move(Found, Rcx);
        _e.ShiftImmediate(Alu.ShiftRight, Found, 12);
        _e.Move(Temporary, Found);
        _e.ShiftImmediate(Alu.ShiftRight, Temporary, 3);
        _e.LoadState64(Scratch, Field(nameof(ShortCallState.Executed)));
        _e.Memory(0x0FB6, Temporary, Scratch, 0, Temporary);
        _e.Move(Scratch, Found);
        _e.AluImmediate(Alu.And, Scratch, 7);
        _e.Registers(0x0FA3, Scratch, Temporary); // bt
        FailIf(HostCondition.Below);

        _e.AluRegisters(Alu.Xor, Temporary, Temporary);
        for (int view = 0; view < 4; view++)
        {
            _e.Memory(0x89, Temporary, State, TranslatorMemory.FlatTlbOffset((view & 2) != 0, (view & 1) != 0), Found, 3, wide: true);
        }

        EmitDrop(nameof(ShortCallState.SupervisorTlb));
        EmitDrop(nameof(ShortCallState.UserTlb));
    }

    private void EmitDrop(string tlb)
    {
        const int ReadTag = 0, WriteTag = 4, EntryBits = 4;
        _e.Move(Temporary, Found);
        _e.AluImmediate(Alu.And, Temporary, Mmu.IndexMask);
        _e.ShiftImmediate(Alu.ShiftLeft, Temporary, EntryBits);
        _e.Memory(0x03, Temporary, State, Field(tlb), wide: true);
        _e.Move(Scratch, Found);
        _e.ShiftImmediate(Alu.ShiftLeft, Scratch, 12);
        _e.Memory(0x3B, Scratch, Temporary, ReadTag);
        byte* other = _e.JumpIfShort(HostCondition.NotEqual);
        foreach (int tag in (int[])[ReadTag, WriteTag])
        {
            _e.Memory(0xC7, 0, Temporary, tag);
            _e.Dword(TlbEntry.NoTag);
        }

        _e.BindShort(other);
    }

    private void FailIf(int condition) => _fail[_failCount++] = _e.JumpIf(condition);
}
