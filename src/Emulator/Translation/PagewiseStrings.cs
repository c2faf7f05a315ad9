// SPDX-License-Identifier: GPL-2.0-or-later
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <summary>
/// REP MOVS and REP STOS across pages, or in pages that the flat TLB does not know: as the host's own, page by page. A kernel copies
/// most of what it reads to buffers that begin anywhere.
/// </summary>
internal sealed unsafe class PagewiseStrings
{
    private const int PageBytes = 0x1000;

    // Longer repetitions are the interpreter's, which looks at what other threads want in between.
    private const int MaxBytes = 16 * PageBytes;

    private readonly Emitter _e;
    private readonly byte*[] _code = new byte*[8];
    private readonly byte*[] _fail = new byte*[8];
    private int _failCount;

    /// <summary>Writes the code.</summary>
    public PagewiseStrings(Emitter e)
    {
        _e = e;
        for (int n = 0; n < _code.Length; n++)
        {
            _code[n] = Emit(moves: (n & 1) != 0, scale: (n & 2) != 0 ? 2 : 0, user: (n & 4) != 0);
        }
    }

    /// <summary>
    /// To be called with the flags in the state. CF is set if the instruction is done; if not, ECX, ESI and EDI say what is left to do.
    /// </summary>
    public byte* Code(bool moves, bool narrow, bool user) => _code[(moves ? 1 : 0) + (narrow ? 0 : 2) + (user ? 4 : 0)];

    private byte* Emit(bool moves, int scale, bool user)
    {
        byte* start = _e.At;
        _failCount = 0;
        _e.Memory(0xF7, 0, State, RuntimeStubs.CpuField(nameof(CpuState.SystemFlags))); // test
        _e.Dword(Eflags.Direction);
        FailIf(HostCondition.NotEqual);
        _e.AluImmediate(Alu.Cmp, Rcx, MaxBytes >> scale);
        FailIf(HostCondition.Above);

        // r11 and r9: what makes host addresses of the two pointers.
        byte* again = _e.At;
        FindHost(Rdi, user, write: true);
        _e.Move64(Temporary, Addend);
        if (moves)
        {
            FindHost(Rsi, user, write: false);
        }

        // r10: elements that lie whole in the pages.
        Room(Scratch, Rdi);
        if (moves)
        {
            Room(Found, Rsi);
            _e.AluRegisters(Alu.Cmp, Scratch, Found);
            _e.Registers(0x0F47, Scratch, Found); // cmova
        }

        if (scale != 0)
        {
            _e.ShiftImmediate(Alu.ShiftRight, Scratch, scale);
            FailIf(HostCondition.Equal);
        }

        _e.AluRegisters(Alu.Cmp, Scratch, Rcx);
        _e.Registers(0x0F47, Scratch, Rcx);
        // r12: elements left for the next pages.
        _e.Move(Found, Rcx);
        _e.AluRegisters(Alu.Sub, Found, Scratch);
        _e.Move(Rcx, Scratch);

        ToHost(Rdi, Temporary);
        if (moves)
        {
            ToHost(Rsi, Addend);
        }

        _e.Byte(0xF3);
        _e.Byte((moves ? 0xA4 : 0xAA) | (scale != 0 ? 1 : 0));
        _e.Registers(0x01, Temporary, Rdi, wide: true);
        if (moves)
        {
            _e.Registers(0x01, Addend, Rsi, wide: true);
        }

        _e.Move(Rcx, Found);
        _e.Registers(0x85, Rcx, Rcx);
        _e.JumpIfTo(HostCondition.NotEqual, again);
        _e.Byte(0xF9); // stc
        _e.Byte(0xC3);
        for (int n = 0; n < _failCount; n++)
        {
            _e.Bind(_fail[n]);
        }

        _e.Byte(0xF8); // clc
        _e.Byte(0xC3);
        return start;
    }

    /// <summary>Puts into r9 what makes a host address of a pointer. Changes r8, r10 and r12.</summary>
    private void FindHost(int pointer, bool user, bool write)
    {
        _e.Move(Addend, pointer);
        _e.ShiftImmediate(Alu.ShiftRight, Addend, 12);
        _e.Memory(0x8B, Addend, State, TranslatorMemory.FlatTlbOffset(user, write), Addend, 3, wide: true);
        _e.Test64(Addend);
        byte* known = _e.JumpIfShort(HostCondition.NotEqual);
        _e.Move(Address, pointer);
        _e.MoveImmediate(Addend, 1);
        PageWalker.EmitAttempt(_e, user, write);
        FailIf(HostCondition.AboveOrEqual);
        _e.BindShort(known);
    }

    /// <summary>Puts into a register how many bytes are left in a pointer's page.</summary>
    private void Room(int register, int pointer)
    {
        _e.Move(register, pointer);
        _e.AluImmediate(Alu.Or, register, ~(PageBytes - 1));
        _e.Registers(0xF7, 3, register); // neg
    }

    /// <summary>Makes a host address of a pointer, and of the addend what undoes that.</summary>
    private void ToHost(int pointer, int addend)
    {
        _e.Registers(0x01, addend, pointer, wide: true);
        _e.Registers(0xF7, 3, addend, wide: true); // neg
    }

    private void FailIf(int condition) => _fail[_failCount++] = _e.JumpIf(condition);
}
