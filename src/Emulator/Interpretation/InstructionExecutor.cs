// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using Iced.Intel;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Interpretation;

/// <summary>
/// Executes single instructions in full generality (any operand size, address size and segment), in the manual's words rather
/// than fast. The handlers are grouped by purpose in the other parts of this class; this part reaches operands and raises faults.
/// </summary>
internal sealed unsafe partial class InstructionExecutor
{
    private readonly Cpu _cpu;
    private readonly CpuState* _s;
    private readonly Mmu _mmu;
    private readonly CpuSystem _system;

    public InstructionExecutor(Cpu cpu, Mmu mmu, CpuSystem system)
    {
        _cpu = cpu;
        _s = cpu.State;
        _mmu = mmu;
        _system = system;
    }

    /// <summary>Address of the instruction that raised the last trap.</summary>
    public uint FaultEip { get; set; }

    // ---- faults -------------------------------------------------------------------------------------------------------

    /// <summary>Leaves a fault in the CPU state.</summary>
    private SlowResult Raise(uint vector, uint errorCode = 0)
    {
        _s->FaultVector = vector;
        _s->FaultError = errorCode;
        return SlowResult.Fault;
    }

    private SlowResult RaiseProtection(uint errorCode = 0) => Raise(TrapVector.GeneralProtection, errorCode);

    /// <summary>As <see cref="Raise"/>, for checks that answer "may the access go on".</summary>
    private bool Deny(uint vector, uint errorCode)
    {
        Raise(vector, errorCode);
        return false;
    }

    // ---- registers ----------------------------------------------------------------------------------------------------

    private ref uint Eax => ref _s->Registers[0];

    private ref uint Ecx => ref _s->Registers[1];

    private ref uint Edx => ref _s->Registers[2];

    private ref uint Ebx => ref _s->Registers[3];

    private ref uint Esp => ref _s->Registers[4];

    private ref uint Ebp => ref _s->Registers[5];

    private ref uint Esi => ref _s->Registers[6];

    private ref uint Edi => ref _s->Registers[7];

    private uint GetRegister(Register r)
    {
        byte* file = (byte*)_s->Registers;
        return r switch
        {
            >= Register.EAX and <= Register.EDI => _s->Registers[r - Register.EAX],
            >= Register.AX and <= Register.DI => (ushort)_s->Registers[r - Register.AX],
            >= Register.AL and <= Register.BL => file[(r - Register.AL) * 4],
            >= Register.AH and <= Register.BH => file[((r - Register.AH) * 4) + 1],
            >= Register.ES and <= Register.GS => SegmentAt(r)->Selector,
            _ => 0,
        };
    }

    private void SetRegister(Register r, uint value)
    {
        byte* file = (byte*)_s->Registers;
        switch (r)
        {
            case >= Register.EAX and <= Register.EDI:
                _s->Registers[r - Register.EAX] = value;
                break;
            case >= Register.AX and <= Register.DI:
                *(ushort*)(file + ((r - Register.AX) * 4)) = (ushort)value;
                break;
            case >= Register.AL and <= Register.BL:
                file[(r - Register.AL) * 4] = (byte)value;
                break;
            case >= Register.AH and <= Register.BH:
                file[((r - Register.AH) * 4) + 1] = (byte)value;
                break;
        }
    }

    private static int SizeOf(Register r) => r switch
    {
        >= Register.EAX and <= Register.EDI => 4,
        >= Register.AL and <= Register.BH => 1,
        _ => 2,
    };

    private Segment* SegmentAt(Register r) => &_s->Es + (r - Register.ES);

    // ---- operands -----------------------------------------------------------------------------------------------------

    /// <summary>Size in bytes of an operand.</summary>
    private static int SizeOf(Instruction* i, int operand) => i->GetOpKind(operand) switch
    {
        OpKind.Register => SizeOf(i->GetOpRegister(operand)),
        OpKind.Memory => i->MemorySize.GetSize(),
        OpKind.Immediate8 => 1,
        OpKind.Immediate16 or OpKind.Immediate8to16 => 2,
        _ => 4,
    };

    private bool ReadOperand(Instruction* i, int operand, out uint value)
    {
        switch (i->GetOpKind(operand))
        {
            case OpKind.Register:
                value = GetRegister(i->GetOpRegister(operand));
                return true;
            case OpKind.Memory:
                value = 0;
                int size = i->MemorySize.GetSize();
                return TryAddress(i, size, write: false, out uint linear) && Load(linear, size, out value);
            default:
                value = (uint)i->GetImmediate(operand);
                return true;
        }
    }

    /// <summary>Reads an operand that will be written back: it faults as a write.</summary>
    private bool ReadForWrite(Instruction* i, out uint value, out uint linear)
    {
        linear = 0;
        if (i->Op0Kind == OpKind.Register)
        {
            value = GetRegister(i->Op0Register);
            return true;
        }

        value = 0;
        int size = i->MemorySize.GetSize();
        return TryAddress(i, size, write: true, out linear) && _mmu.ProbeWrite(linear, (uint)size) && Load(linear, size, out value);
    }

    /// <summary>Writes back what <see cref="ReadForWrite"/> read; cannot fault.</summary>
    private void WriteBack(Instruction* i, uint linear, uint value)
    {
        if (i->Op0Kind == OpKind.Register)
        {
            SetRegister(i->Op0Register, value);
        }
        else
        {
            Store(linear, i->MemorySize.GetSize(), value);
        }
    }

    private bool WriteOperand(Instruction* i, uint value, int size)
    {
        if (i->Op0Kind == OpKind.Register)
        {
            SetRegister(i->Op0Register, value);
            return true;
        }

        return TryAddress(i, size, write: true, out uint linear) && Store(linear, size, value);
    }

    /// <summary>Offset of the memory operand in its segment.</summary>
    private uint Offset(Instruction* i)
    {
        Register b = i->MemoryBase;
        Register x = i->MemoryIndex;
        uint offset = i->MemoryDisplacement32;
        if (b != Register.None)
        {
            offset += GetRegister(b);
        }

        if (x != Register.None)
        {
            offset += GetRegister(x) * (uint)i->MemoryIndexScale;
        }

        return IsAddress16(i) ? (ushort)offset : offset;
    }

    private static bool IsAddress16(Instruction* i) =>
        i->MemoryDisplSize == 2 || i->MemoryBase is >= Register.AX and <= Register.DI || i->MemoryIndex is >= Register.AX and <= Register.DI;

    private bool TryAddress(Instruction* i, int size, bool write, out uint linear) =>
        TryLinear(i->MemorySegment, Offset(i), (uint)size, write, out linear);

    /// <summary>Applies a segment: base, limit and rights (Intel SDM vol. 3, 5.3 and 5.5).</summary>
    private bool TryLinear(Register segment, uint offset, uint size, bool write, out uint linear)
    {
        Segment* g = SegmentAt(segment);
        linear = g->Base + offset;
        uint vector = segment == Register.SS ? TrapVector.StackFault : TrapVector.GeneralProtection;
        if (!g->IsUsable)
        {
            return Deny(vector, 0);
        }

        bool code = (g->Access & 8) != 0;
        // Bit 1: writable for data, readable for code.
        if (write ? code || (g->Access & 2) == 0 : code && (g->Access & 2) == 0)
        {
            return Deny(vector, 0);
        }

        uint last = offset + size - 1;
        bool expandDown = !code && (g->Access & 4) != 0;
        uint top = (g->Access & 0x4000) != 0 ? uint.MaxValue : 0xFFFFu;
        bool inside = expandDown ? offset > g->Limit && last <= top && last >= offset : last <= g->Limit && last >= offset;
        // Processors do not look at the limit of the flat segment at all, so that an operand may wrap around in it.
        return inside || (g->Base == 0 && g->Limit == uint.MaxValue && !expandDown) || Deny(vector, 0);
    }

    // ---- memory -------------------------------------------------------------------------------------------------------

    private bool Load(uint linear, int size, out uint value)
    {
        ulong v = size switch { 4 => Mmu.Load32(_mmu, _s, linear), 2 => Mmu.Load16(_mmu, _s, linear), _ => Mmu.Load8(_mmu, _s, linear) };
        value = (uint)v;
        return v <= uint.MaxValue;
    }

    private bool Store(uint linear, int size, uint value) => size switch
    {
        4 => Mmu.Store32(_mmu, _s, linear, value),
        2 => Mmu.Store16(_mmu, _s, linear, value),
        _ => Mmu.Store8(_mmu, _s, linear, value),
    };

    // ---- the stack ----------------------------------------------------------------------------------------------------

    /// <summary>True if the stack segment's B flag makes ESP, not SP, the stack pointer.</summary>
    private bool WideStack => (_s->Ss.Access & 0x4000) != 0;

    private uint StackPointer
    {
        get => WideStack ? Esp : (ushort)Esp;
        set => Esp = WideStack ? value : (Esp & 0xFFFF0000) | (ushort)value;
    }

    /// <summary>Pushes a value and moves the stack pointer, or faults and moves nothing.</summary>
    private bool Push(uint value, int size)
    {
        uint sp = StackAfter(-size);
        if (!TryLinear(Register.SS, sp, (uint)size, write: true, out uint linear) || !Store(linear, size, value))
        {
            return false;
        }

        StackPointer = sp;
        return true;
    }

    private bool Pop(out uint value, int size)
    {
        if (!Peek(0, size, out value))
        {
            return false;
        }

        StackPointer = StackAfter(size);
        return true;
    }

    /// <summary>Reads the stack at a distance from its top.</summary>
    private bool Peek(int distance, int size, out uint value)
    {
        value = 0;
        return TryLinear(Register.SS, StackAfter(distance), (uint)size, write: false, out uint linear) && Load(linear, size, out value);
    }

    private uint StackAfter(int change)
    {
        uint sp = StackPointer + (uint)change;
        return WideStack ? sp : (ushort)sp;
    }

    // ---- flags --------------------------------------------------------------------------------------------------------

    private uint CarryFlag => _s->FlagCarries >> 31;

    private static uint Mask(int size) => size == 4 ? uint.MaxValue : (1u << (size * 8)) - 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long SignExtend(uint value, int size) => size switch { 4 => (int)value, 2 => (short)value, _ => (sbyte)value };

    /// <summary>Sets the flags from a result and the carries out of each of its bits.</summary>
    private void SetFlags(int size, uint result, uint carries)
    {
        _s->FlagResult = SignExtend(result, size);
        _s->FlagCarries = size switch { 4 => carries, 2 => (carries << 16) | (carries & 8), _ => (carries << 24) | (carries & 8) };
    }

    /// <summary>Sets ZF, SF and PF from a result, CF and OF as given, and clears AF.</summary>
    private void SetFlags(int size, uint result, uint carry, uint overflow)
    {
        _s->FlagResult = SignExtend(result, size);
        _s->FlagCarries = (carry << 31) | ((carry ^ overflow) << 30);
    }

    /// <summary>Sets CF and OF only.</summary>
    private void SetCarryAndOverflow(uint carry, uint overflow) =>
        _s->FlagCarries = (_s->FlagCarries & 8) | (carry << 31) | ((carry ^ overflow) << 30);

    private uint OverflowFlag => (_s->FlagCarries ^ (_s->FlagCarries << 1)) >> 31;

    private void SetCarryKeepOthers(uint carry) => SetCarryAndOverflow(carry, OverflowFlag);

    /// <summary>Evaluates a condition by its number in Jcc (Intel SDM vol. 1, appendix B).</summary>
    internal static bool Condition(CpuState* s, int condition)
    {
        long r = s->FlagResult;
        uint c = s->FlagCarries;
        bool result = (condition >> 1) switch
        {
            0 => (int)(c ^ (c << 1)) < 0,
            1 => (int)c < 0,
            2 => (uint)r == 0,
            3 => (int)c < 0 || (uint)r == 0,
            4 => r < 0,
            5 => Eflags.IsParityEven(r),
            6 => ((int)(r >> 32) ^ (int)(c ^ (c << 1))) < 0,
            _ => (uint)r == 0 || ((int)(r >> 32) ^ (int)(c ^ (c << 1))) < 0,
        };
        return result != ((condition & 1) != 0);
    }
}
