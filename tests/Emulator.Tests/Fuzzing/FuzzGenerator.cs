// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Tests.HostComparison;
using LguestPlug.Emulator.Tests.HostComparison.Generators;

namespace LguestPlug.Emulator.Tests.Fuzzing;

/// <summary>
/// Makes random sequences as bytes, fast: flags that live over several instructions, operands around page edges, faults, branches,
/// loops, calls, and code that changes itself. No instruction reads a flag that another left undefined.
/// </summary>
/// <remarks>
/// ESI, EDI and EBP point into the data pages, ESP to a stack there, aligned or not. EAX, ECX, EDX and EBX hold anything.
/// </remarks>
/// <param name="forHost">Leave out what processors do differently.</param>
internal sealed partial class FuzzGenerator(bool forHost)
{
    private const uint C = Eflags.Carry, P = Eflags.Parity, A = Eflags.Adjust, Z = Eflags.Zero, S = Eflags.Sign, O = Eflags.Overflow, All = Eflags.Status;

    /// <summary>Bytes kept free for what one step may need, the end included.</summary>
    private const int Reserve = 80;

    private const int Esp = 4;

    private SplitMix _random = new(0);
    private FuzzSequence _out = new();
    private uint _undefined;
    private bool _keepsCounter;

    /// <summary>Makes a sequence for an address.</summary>
    public void Generate(SplitMix random, FuzzSequence sequence, uint address)
    {
        _random = random;
        _out = sequence;
        _undefined = 0;
        _keepsCounter = false;
        sequence.Begin(address);
        ChooseState(ref sequence.Start, address);
        Steps(3 + random.Below(12), depth: 0);
        _out.Mark(_undefined);
        _out.Byte(0xCC);
        _out.Mark(_undefined);
    }

    // ---- the state ------------------------------------------------------------------------------------------------------

    private void ChooseState(ref FuzzState state, uint address)
    {
        for (int i = 0; i < 4; i++)
        {
            state.Registers[i] = (uint)InterestingValues.Pick(_random, 4);
        }

        state.Registers[Esp] = Stack();
        for (int i = 5; i < 8; i++)
        {
            state.Registers[i] = Pointer();
        }

        state.Eip = address;
        state.Eflags = 2 | CaseBuilder.RandomStatus(_random) | (_random.OneIn(8) ? Eflags.Direction : 0);
        state.Fs = _random.Pick(HostWindow.FlatLocal, HostWindow.FlatLocal, HostWindow.FlatLocal, HostWindow.OnePage, (ushort)0);
    }

    /// <summary>Aligned, misaligned, across the pages' common edge, or near the edge where faults begin.</summary>
    private uint Stack() => _random.Below(16) switch
    {
        < 8 => HostWindow.DataMiddle + 0x400 + ((uint)_random.Below(0x100) * 4),
        < 11 => HostWindow.DataMiddle + 0x400 + (uint)_random.Below(0x400),
        < 14 => HostWindow.DataMiddle - 20 + (uint)_random.Below(40),
        14 => HostWindow.Data + (uint)_random.Below(24),
        _ => HostWindow.ReadOnly - 4 + (uint)_random.Below(12),
    };

    private uint Pointer() => _random.Below(16) switch
    {
        < 6 => HostWindow.Data + 0x100 + ((uint)_random.Below(0x700) * 4),
        < 10 => HostWindow.Data + 0x100 + (uint)_random.Below(0x1C00),
        < 13 => HostWindow.DataMiddle - 40 + (uint)_random.Below(60),
        13 => HostWindow.ReadOnly - 20 + (uint)_random.Below(40),
        14 => HostWindow.Data - 8 + (uint)_random.Below(40),
        _ => HostWindow.DataEnd - 40 + (uint)_random.Below(60),
    };

    // ---- the plan -------------------------------------------------------------------------------------------------------

    private void Steps(int count, int depth)
    {
        for (int i = 0; i < count && _out.Room > Reserve; i++)
        {
            Step(depth);
        }
    }

    private void Step(int depth)
    {
        switch (_random.Below(100))
        {
            case < 30:
                Arithmetic();
                break;
            case < 40:
                Unary();
                break;
            case < 52:
                Move();
                break;
            case < 59:
                Shift();
                break;
            case < 64:
                MultiplyOrDivide();
                break;
            case < 70:
                Bits();
                break;
            case < 77:
                StackUse();
                break;
            case < 81:
                FlagUse();
                break;
            case < 84:
                Decimal();
                break;
            case < 87:
                String();
                break;
            case < 94 when depth < 3:
                Branch(depth);
                break;
            case < 96 when depth < 3:
                Loop(depth);
                break;
            case < 98 when depth < 3:
                Call(depth);
                break;
            case >= 98 when depth == 0:
                ModifySelf();
                break;
            default:
                Conditional();
                break;
        }
    }

    // ---- one instruction ------------------------------------------------------------------------------------------------

    /// <summary>Starts an instruction that reads some flags.</summary>
    private void Begin(uint reads = 0)
    {
        if ((_undefined & reads) != 0)
        {
            Define();
        }

        _out.Mark(_undefined);
    }

    private void End(uint modified, uint undefined = 0) => _undefined = (_undefined & ~modified) | undefined;

    /// <summary>Gives every status flag a value.</summary>
    private void Define()
    {
        // CMP EAX, imm8
        _out.Mark(_undefined);
        _out.Bytes(0x83, 0xF8, (byte)_random.NextUInt32());
        _undefined = 0;
    }

    /// <summary>0 for bytes, else 1, with the prefix for words written.</summary>
    private int Width()
    {
        switch (_random.Below(6))
        {
            case < 2:
                return 0;
            case 2:
                _out.Byte(0x66);
                _lastSize = 2;
                return 1;
            default:
                _lastSize = 4;
                return 1;
        }
    }

    private int _lastSize;

    private int SizeOf(int width) => width == 0 ? 1 : _lastSize;

    /// <summary>A register that holds anything; as a byte register any of the eight.</summary>
    private int Value(int width)
    {
        while (true)
        {
            int register = width == 0 ? _random.Below(8) : _random.Below(4);
            if (!_keepsCounter || (register & 3) != 1)
            {
                return register;
            }
        }
    }

    private void Immediate(int size)
    {
        ulong value = InterestingValues.Pick(_random, size);
        for (int i = 0; i < size; i++)
        {
            _out.Byte((int)(value >> (8 * i)));
        }
    }

    /// <summary>A ModRM byte: memory one time in three.</summary>
    private void Operand(int reg, int width, bool allowMemory = true)
    {
        if (allowMemory && _random.OneIn(3))
        {
            Memory(reg);
        }
        else
        {
            _out.Byte(0xC0 | (reg << 3) | Value(width));
        }
    }

    private void Memory(int reg)
    {
        int pointer = 5 + _random.Below(3);
        int near = _random.Below(16) * _random.Pick(1, 4, -4);
        // On the host a wild address may be one of its program's own.
        switch (_random.Below(forHost ? 29 : 32))
        {
            case < 20:
                _out.Bytes((byte)(0x40 | (reg << 3) | pointer), (byte)near);
                break;
            case < 23:
                _out.Byte(0x80 | (reg << 3) | pointer);
                _out.Dword((uint)(near * 4));
                break;
            case < 26:
                _out.Byte((reg << 3) | 5);
                _out.Dword(Pointer());
                break;
            case < 29:
                _out.Bytes((byte)(0x44 | (reg << 3)), 0x24, (byte)near);
                break;
            case < 31:
                // The index is what it is: mostly a fault. ESP as index means none.
                _out.Bytes((byte)(0x44 | (reg << 3)), (byte)((_random.Below(4) << 6) | (_random.Pick(0, 1, 2, 3, 4) << 3) | pointer), (byte)near);
                break;
            default:
                _out.Byte(0x80 | (reg << 3) | _random.Below(4));
                _out.Dword(_random.NextUInt32());
                break;
        }
    }

    /// <summary>A prefix for a memory operand, perhaps.</summary>
    private void Segment()
    {
        if (_random.OneIn(24))
        {
            _out.Byte(_random.Pick<byte>(0x64, 0x64, 0x3E, 0x26, 0x36));
        }
    }
}
