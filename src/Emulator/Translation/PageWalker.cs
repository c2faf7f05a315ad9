// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Traps;
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <summary>What generated code needs to walk page tables and to enter what it found into the flat TLB.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct PageWalkerState
{
    /// <summary>Where the page directory is; null if only the system can walk.</summary>
    public byte* Root;

    /// <summary>Guest memory, and the number of its pages.</summary>
    public byte* Memory;
    public ulong Pages;

    /// <summary>Linear addresses from here on are the system's.</summary>
    public uint Limit;

    /// <summary>Pages that the two views of the flat TLB hold.</summary>
    public int SupervisorFilled, UserFilled;

    /// <summary>For each page of guest memory a word that is not 0 if it holds code.</summary>
    public ulong* Code;

    /// <summary>Walks that found what they looked for.</summary>
    public long Walks;

    /// <summary>Where to go for an access that missed: by 2 for a user's plus 1 for a store.</summary>
    public fixed ulong Access[4];

    /// <summary>The same for an access that may be given up.</summary>
    public fixed ulong Attempt[4];

    public uint SavedInformation;
}

/// <summary>
/// Walks through two- and three-level page tables in machine code, for what is ordinary: a page that is there, accessed (and dirty, if
/// it is to be stored to), within memory and, for stores, without code. Everything else is the system's to decide.
/// </summary>
internal sealed unsafe class PageWalker
{
    private const int Present = 1, Writable = 2, User = 4, Accessed = 0x20, Dirty = 0x40, LargePage = 0x80;

    // What may be set in the entry of an upper level.
    private const int UpperFlags = Present | Writable | User | Accessed | Dirty, Flags = 0xFFF;

    private readonly Emitter _e;
    private readonly nint _toExecutable;
    private readonly PageWalkerState* _state;
    private readonly byte*[] _access = new byte*[8];
    private readonly byte*[] _attempt = new byte*[8];
    private readonly byte* _accessSlowly;
    private readonly byte* _giveUp;
    private byte** _slow;
    private int _slowCount;

    /// <summary>Writes the walks.</summary>
    /// <param name="e">Where to.</param>
    /// <param name="toExecutable">From there to where code is executed.</param>
    /// <param name="state">What they use.</param>
    /// <param name="accessSlowly">Where an access goes that is not ordinary, with r8, r9 and r11 as they were.</param>
    /// <param name="giveUp">Where an access goes that may be given up, likewise.</param>
    public PageWalker(Emitter e, nint toExecutable, PageWalkerState* state, byte* accessSlowly, byte* giveUp)
    {
        _e = e;
        _toExecutable = toExecutable;
        _state = state;
        _accessSlowly = accessSlowly;
        _giveUp = giveUp;
        for (int pae = 0; pae < 2; pae++)
        {
            for (int user = 0; user < 2; user++)
            {
                for (int write = 0; write < 2; write++)
                {
                    int n = (pae * 4) + (user * 2) + write;
                    _access[n] = EmitWalk(user != 0, write != 0, pae != 0, accessSlowly);
                    _attempt[n] = EmitWalk(user != 0, write != 0, pae != 0, giveUp);
                }
            }
        }

        Use(null, default);
    }

    /// <summary>Lets generated code walk these tables, or ask the system if there are none.</summary>
    public void Use(PageTables? tables, PhysicalMemory memory)
    {
        _state->Limit = Math.Min(tables?.Limit ?? 0, Mmu.PageMask);
        _state->Root = tables == null ? null : memory.Base + tables.Value.Directory;
        int pae = tables is { IsPae: true } ? 1 : 0;
        for (int n = 0; n < 4; n++)
        {
            _state->Access[n] = (ulong)((tables == null ? _accessSlowly : _access[(pae * 4) + n]) + _toExecutable);
            _state->Attempt[n] = (ulong)((tables == null ? _giveUp : _attempt[(pae * 4) + n]) + _toExecutable);
        }
    }

    private static int Field(string name) => TranslatorMemory.WalkerOffset + (int)Marshal.OffsetOf<PageWalkerState>(name);

    /// <summary>Writes a jump to the walk for an access that missed: see <see cref="RuntimeStubs.Memory"/>.</summary>
    public static void EmitAccess(Emitter e, bool user, bool write) =>
        e.Memory(0xFF, 4, State, Field(nameof(PageWalkerState.Access)) + (((user ? 2 : 0) + (write ? 1 : 0)) * 8));

    /// <summary>Writes a call of the walk for as many bytes as r9 says at the address in r8. CF is set if r9 then holds the addend.</summary>
    public static void EmitAttempt(Emitter e, bool user, bool write) =>
        e.Memory(0xFF, 2, State, Field(nameof(PageWalkerState.Attempt)) + (((user ? 2 : 0) + (write ? 1 : 0)) * 8));

    /// <summary>
    /// One walk: the linear address in r8, in r9 the size and whatever the slow way wants to know. Returns with the addend in r9 and CF
    /// set; changes r10 and r12.
    /// </summary>
    private byte* EmitWalk(bool user, bool write, bool pae, byte* slowly)
    {
        byte* start = _e.At;
        byte** slow = stackalloc byte*[16];
        _slow = slow;
        _slowCount = 0;
        _e.StoreState64(Temporary, RuntimeStubs.Field(nameof(TranslatorState.SavedTemporary)));
        _e.StoreState(Addend, Field(nameof(PageWalkerState.SavedInformation)));
        // Within one page?
        _e.Registers(0x0FB6, Temporary, Addend); // movzx r11d, r9b
        _e.Lea(Temporary, Address, -1, Temporary);
        _e.AluRegisters(Alu.Xor, Temporary, Address);
        _e.ShiftImmediate(Alu.ShiftRight, Temporary, 12);
        SlowIf(HostCondition.NotEqual);
        _e.Memory(0x3B, Address, State, Field(nameof(PageWalkerState.Limit)));
        SlowIf(HostCondition.AboveOrEqual);

        int needed = Present | (user ? User : 0) | (write ? Writable : 0);
        _e.LoadState64(Temporary, Field(nameof(PageWalkerState.Root)));
        if (pae)
        {
            Index(Scratch, 30, 3);
            _e.Memory(0x8B, Scratch, Temporary, 0, Scratch, 3, wide: true);
            _e.Move(Temporary, Scratch);
            _e.AluImmediate(Alu.And, Temporary, Flags);
            _e.AluImmediate(Alu.Cmp, Temporary, Present);
            SlowIf(HostCondition.NotEqual);
            FrameOfPae(Scratch);
            ToHost(Scratch);
            _e.Move64(Temporary, Scratch);
            Index(Scratch, 21, 0x1FF);
            _e.Memory(0x8B, Scratch, Temporary, 0, Scratch, 3, wide: true);
        }
        else
        {
            Index(Scratch, 22, 0x3FF);
            _e.Memory(0x8B, Scratch, Temporary, 0, Scratch, 2);
        }

        // r10: the entry above the last level.
        _e.Move(Temporary, Scratch);
        _e.AluImmediate(Alu.And, Temporary, needed | (Flags & ~UpperFlags));
        _e.AluImmediate(Alu.Cmp, Temporary, needed);
        SlowIf(HostCondition.NotEqual);
        _e.Move64(Temporary, Scratch);
        if (pae)
        {
            FrameOfPae(Temporary);
        }
        else
        {
            _e.ShiftImmediate(Alu.ShiftRight, Temporary, 12);
            CheckFrame(Temporary);
        }

        ToHost(Temporary);
        Index(Found, 12, pae ? 0x1FF : 0x3FF);
        _e.Memory(0x8B, Found, Temporary, 0, Found, pae ? 3 : 2, wide: pae);

        // r12: the last entry.
        int used = needed | Accessed | (write ? Dirty : 0);
        _e.Move(Temporary, Found);
        _e.AluImmediate(Alu.And, Temporary, used | LargePage);
        _e.AluImmediate(Alu.Cmp, Temporary, used);
        SlowIf(HostCondition.NotEqual);
        // r10: not 0 if stores are good, too.
        _e.AluRegisters(Alu.And, Scratch, Found);
        _e.Move(Temporary, Found);
        _e.ShiftImmediate(Alu.ShiftRight, Temporary, 5); // D to where W is
        _e.AluRegisters(Alu.And, Scratch, Temporary);
        _e.AluImmediate(Alu.And, Scratch, Writable);
        if (pae)
        {
            FrameOfPae(Found);
        }
        else
        {
            _e.ShiftImmediate(Alu.ShiftRight, Found, 12);
            CheckFrame(Found);
        }

        _e.LoadState64(Temporary, Field(nameof(PageWalkerState.Code)));
        _e.Memory(0x83, Alu.Cmp, Temporary, 0, Found, 3, wide: true);
        _e.Byte(0);
        if (write)
        {
            SlowIf(HostCondition.NotEqual);
        }
        else
        {
            byte* plain = _e.JumpIfShort(HostCondition.Equal);
            _e.AluRegisters(Alu.Xor, Scratch, Scratch);
            _e.BindShort(plain);
        }

        ToHost(Found);
        _e.Move(Temporary, Address);
        _e.AluImmediate(Alu.And, Temporary, ~Flags);
        _e.Registers(0x29, Temporary, Found, wide: true); // sub r12, r11
        _e.ShiftImmediate(Alu.ShiftRight, Temporary, 12);
        // Page 0 is never entered (FlatTlb).
        SlowIf(HostCondition.Equal);

        int reads = TranslatorMemory.FlatTlbOffset(user, write: false), writes = TranslatorMemory.FlatTlbOffset(user, write: true);
        int filled = Field(user ? nameof(PageWalkerState.UserFilled) : nameof(PageWalkerState.SupervisorFilled));
        _e.Memory(0x83, Alu.Cmp, State, reads, Temporary, 3, wide: true);
        _e.Byte(0);
        byte* isListed = _e.JumpIfShort(HostCondition.NotEqual);
        _e.LoadState(Addend, filled);
        _e.AluImmediate(Alu.Cmp, Addend, TranslatorMemory.MaxFilled);
        SlowIf(HostCondition.Equal);
        _e.Memory(0x89, Temporary, State, TranslatorMemory.FilledListOffset(user), Addend, 2);
        _e.AluImmediate(Alu.Add, Addend, 1);
        _e.StoreState(Addend, filled);
        _e.BindShort(isListed);
        _e.Memory(0x89, Found, State, reads, Temporary, 3, wide: true);
        if (write)
        {
            _e.Memory(0x89, Found, State, writes, Temporary, 3, wide: true);
        }
        else
        {
            _e.AluImmediate(Alu.Cmp, Scratch, 1);
            _e.Registers(0x19, Scratch, Scratch, wide: true); // sbb: all ones if it was 0
            _e.Registers(0xF7, 2, Scratch, wide: true); // not
            _e.Registers(0x21, Found, Scratch, wide: true); // and
            _e.Memory(0x89, Scratch, State, writes, Temporary, 3, wide: true);
        }

        _e.Move64(Addend, Found);
        _e.LoadState64(Temporary, RuntimeStubs.Field(nameof(TranslatorState.SavedTemporary)));
        _e.Memory(0x83, Alu.Add, State, Field(nameof(PageWalkerState.Walks)), wide: true);
        _e.Byte(1);
        _e.Byte(0xF9); // stc
        _e.Byte(0xC3);

        for (int n = 0; n < _slowCount; n++)
        {
            _e.Bind(slow[n]);
        }

        _e.LoadState(Addend, Field(nameof(PageWalkerState.SavedInformation)));
        _e.LoadState64(Temporary, RuntimeStubs.Field(nameof(TranslatorState.SavedTemporary)));
        _e.JumpTo(slowly);
        return start;
    }

    private void SlowIf(int condition) => _slow[_slowCount++] = _e.JumpIf(condition);

    private void Index(int register, int shift, int mask)
    {
        _e.Move(register, Address);
        _e.ShiftImmediate(Alu.ShiftRight, register, shift);
        _e.AluImmediate(Alu.And, register, mask);
    }

    /// <summary>The page number in an entry of 8 bytes: bits 12 to 51.</summary>
    private void FrameOfPae(int register)
    {
        _e.ShiftImmediate64(Alu.ShiftLeft, register, 12);
        _e.ShiftImmediate64(Alu.ShiftRight, register, 24);
        CheckFrame(register);
    }

    private void CheckFrame(int register)
    {
        _e.Memory(0x3B, register, State, Field(nameof(PageWalkerState.Pages)), wide: true);
        SlowIf(HostCondition.AboveOrEqual);
    }

    /// <summary>Makes a host address of a page number.</summary>
    private void ToHost(int register)
    {
        _e.ShiftImmediate64(Alu.ShiftLeft, register, 12);
        _e.Memory(0x03, register, State, Field(nameof(PageWalkerState.Memory)), wide: true);
    }
}
