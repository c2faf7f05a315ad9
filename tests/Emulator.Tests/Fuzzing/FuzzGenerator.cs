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
internal sealed class FuzzGenerator(bool forHost)
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

    private void Arithmetic()
    {
        int operation = _random.Below(8);
        bool logic = operation is 1 or 4 or 6;
        Begin(operation is 2 or 3 ? C : 0);
        int form = _random.Below(8);
        if (form >= 5)
        {
            Segment();
        }

        int width = Width();
        int register = Value(width);
        switch (form)
        {
            case 0:
                if (_keepsCounter || _random.OneIn(2))
                {
                    _out.Byte((operation << 3) | 4 | width);
                    Immediate(SizeOf(width));
                }
                else
                {
                    // TEST
                    _out.Byte(0xA8 | width);
                    Immediate(SizeOf(width));
                    logic = true;
                }

                break;
            case 1 or 5:
                _out.Byte(0x80 | width);
                Operand(operation, width);
                Immediate(SizeOf(width));
                break;
            case 2 or 6 when width == 1:
                _out.Byte(0x83);
                Operand(operation, width);
                Immediate(1);
                break;
            case 3:
                _out.Byte((operation << 3) | 2 | width);
                Operand(register, width);
                break;
            case 7:
                // TEST
                logic = true;
                _out.Byte(0x84 | width);
                Operand(register, width);
                break;
            default:
                _out.Byte((operation << 3) | width);
                Operand(register, width);
                break;
        }

        End(All, logic ? A : 0);
    }

    private void Unary()
    {
        switch (_random.Below(6))
        {
            case < 2:
                Begin();
                if (_random.OneIn(3))
                {
                    _out.Byte(0x66);
                }

                _out.Byte(0x40 | (_random.Below(2) << 3) | Value(1));
                End(All & ~C);
                break;
            case 2:
                Begin();
                Segment();
                _out.Byte(0xFE | Width());
                Operand(_random.Below(2), _out.Code[^1] & 1);
                End(All & ~C);
                break;
            case 3:
                Begin();
                Segment();
                _out.Byte(0xF6 | Width());
                bool negate = _random.OneIn(2);
                Operand(negate ? 3 : 2, _out.Code[^1] & 1);
                End(negate ? All : 0);
                break;
            case 4:
                // XADD and CMPXCHG, on registers or (locked) on aligned memory
                Begin();
                bool memory = _random.OneIn(2);
                if (memory && _random.OneIn(2))
                {
                    _out.Byte(0xF0);
                }

                int width = Width();
                int other = Value(width);
                _out.Bytes(0x0F, (byte)(_random.Pick<byte>(0xB0, 0xC0) | width));
                if (memory)
                {
                    Aligned(other);
                }
                else
                {
                    _out.Byte(0xC0 | (other << 3) | Value(width));
                }

                End(All);
                break;
            default:
                if (_random.OneIn(2) && !_keepsCounter)
                {
                    Begin();
                    // CMPXCHG8B
                    _out.Bytes(0x0F, 0xC7);
                    Aligned(1);
                    End(Z);
                }
                else
                {
                    Begin();
                    _out.Byte(0xF0);
                    int size = Width();
                    _out.Byte(0x80 | size);
                    Aligned(_random.Pick(0, 1, 4, 5, 6));
                    Immediate(SizeOf(size));
                    End(All, A);
                }

                break;
        }
    }

    /// <summary>Memory that no lock across a cache line can come from.</summary>
    private void Aligned(int reg)
    {
        _out.Byte((reg << 3) | 5);
        _out.Dword(HostWindow.Data + ((uint)_random.Below(0x400) * 8));
    }

    private void Move()
    {
        Begin();
        switch (_random.Below(12))
        {
            case 0:
                _out.Byte(0xB0 | Value(0));
                Immediate(1);
                break;
            case 1:
                _out.Byte(0xB8 | Value(1));
                Immediate(4);
                break;
            case 2 or 3:
                Segment();
                int store = Width();
                _out.Byte(0x88 | store);
                Operand(Value(store), store);
                break;
            case 4 or 5:
                Segment();
                int load = Width();
                _out.Byte(0x8A | load);
                Operand(Value(load), load);
                break;
            case 6:
                int width = Width();
                _out.Byte(0xC6 | width);
                Operand(0, width);
                Immediate(SizeOf(width));
                break;
            case 7:
                // MOVZX, MOVSX
                Segment();
                int from = _random.Below(2);
                if (_random.OneIn(4))
                {
                    _out.Byte(0x66);
                }

                _out.Bytes(0x0F, (byte)(_random.Pick<byte>(0xB6, 0xBE) | from));
                Operand(Value(1), from);
                break;
            case 8:
                _out.Byte(0x8D);
                Memory(Value(1));
                break;
            case 9:
                int accumulator = Width();
                _out.Byte((_random.OneIn(2) ? 0xA0 : 0xA2) | accumulator);
                _out.Dword(Pointer());
                break;
            case 10:
                if (_random.OneIn(2))
                {
                    int exchange = Width();
                    _out.Byte(0x86 | exchange);
                    _out.Byte(0xC0 | (Value(exchange) << 3) | Value(exchange));
                }
                else
                {
                    _out.Byte(0x90 | Value(1));
                }

                break;
            default:
                switch (_random.Below(4))
                {
                    case 0:
                        _out.Bytes(0x0F, (byte)(0xC8 | Value(1)));
                        break;
                    case 1:
                        // CBW, CWDE; CDQ, CWD
                        if (_random.OneIn(2))
                        {
                            _out.Byte(0x66);
                        }

                        _out.Byte(_random.Pick(0x98, 0x99));
                        break;
                    case 2:
                        // MOV to and from segment registers
                        _out.Bytes(0x8C, (byte)(0xC0 | (_random.Pick(0, 1, 2, 3, 4, 5) << 3) | Value(1)));
                        break;
                    default:
                        // PUSH DS, POP ES
                        SegmentPush(0x1E);
                        End(0);
                        Begin();
                        SegmentPush(0x07);
                        break;
                }

                break;
        }

        End(0);
    }

    /// <summary>With 32 bits some processors write all of them, and others only 16.</summary>
    private void SegmentPush(int opcode)
    {
        if (forHost)
        {
            _out.Byte(0x66);
        }

        _out.Byte(opcode);
    }

    private void Shift()
    {
        if (_random.OneIn(5))
        {
            DoubleShift();
            return;
        }

        int operation = _random.Below(8);
        bool rotates = operation < 4;
        Begin(operation is 2 or 3 ? C : 0);
        int width = Width();
        int bits = 8 * SizeOf(width);
        switch (_random.Below(3))
        {
            case 0:
                _out.Byte(0xD0 | width);
                Operand(operation, width);
                Shifted(rotates, 1, bits);
                break;
            case 1:
                int count = _random.OneIn(4) ? _random.Below(256) : _random.Below(33);
                _out.Byte(0xC0 | width);
                Operand(operation, width);
                _out.Byte(count);
                Shifted(rotates, count & 31, bits);
                break;
            default:
                _out.Byte(0xD2 | width);
                Operand(operation, width);
                // Anything may have become undefined, and nothing defined.
                End(0, rotates ? O : A | O | (bits < 32 ? C : 0));
                break;
        }
    }

    private void Shifted(bool rotates, int count, int bits)
    {
        if (count != 0)
        {
            uint overflow = count > 1 ? O : 0;
            End(rotates ? C | O : All, rotates ? overflow : A | overflow | (count >= bits ? C : 0));
        }
    }

    private void DoubleShift()
    {
        Begin();
        bool left = _random.OneIn(2);
        if (_random.OneIn(2))
        {
            int count = _random.Below(32);
            _out.Bytes(0x0F, (byte)(left ? 0xA4 : 0xAC));
            Operand(Value(1), 1);
            _out.Byte(count);
            if (count != 0)
            {
                End(All, A | (count > 1 ? O : 0));
            }
        }
        else
        {
            _out.Bytes(0x0F, (byte)(left ? 0xA5 : 0xAD));
            Operand(Value(1), 1);
            End(0, A | O);
        }
    }

    private void MultiplyOrDivide()
    {
        switch (_random.Below(6))
        {
            case 0 when !_keepsCounter:
                Begin();
                int width = Width();
                _out.Byte(0xF6 | width);
                Operand(_random.Pick(4, 5), width);
                End(All, S | Z | A | P);
                break;
            case 1:
                Begin();
                if (_random.OneIn(3))
                {
                    _out.Byte(0x66);
                }

                _out.Bytes(0x0F, 0xAF);
                Operand(Value(1), 1);
                End(All, S | Z | A | P);
                break;
            case 2:
                Begin();
                _out.Byte(0x69);
                Operand(Value(1), 1);
                Immediate(4);
                End(All, S | Z | A | P);
                break;
            case 3:
                Begin();
                _out.Byte(0x6B);
                Operand(Value(1), 1);
                Immediate(1);
                End(All, S | Z | A | P);
                break;
            default:
                // Mostly with a dividend that fits.
                if (_random.Below(4) != 0)
                {
                    Begin();
                    _out.Byte(0x99);
                    End(0);
                }

                if (_random.OneIn(2))
                {
                    Begin();
                    _out.Bytes(0x83, 0xE2, 0x01);
                    End(All, A);
                }

                Begin();
                int size = Width();
                _out.Byte(0xF6 | size);
                Operand(_random.Pick(6, 7), size);
                End(All, All);
                break;
        }
    }

    private void Bits()
    {
        Begin();
        switch (_random.Below(4))
        {
            case 0:
                _out.Bytes(0x0F, (byte)_random.Pick(0xBC, 0xBD));
                Operand(Value(1), 1);
                End(All, All & ~Z);
                break;
            case 1:
                if (_random.OneIn(3))
                {
                    _out.Byte(0x66);
                }

                _out.Bytes(0x0F, 0xBA);
                Operand(4 + _random.Below(4), 1);
                _out.Byte((int)_random.NextUInt32());
                End(All & ~Z, O | S | A | P);
                break;
            default:
                int operation = _random.Below(4);
                bool memory = !forHost && _random.OneIn(3);
                _out.Bytes(0x0F, (byte)(0xA3 | (operation << 3)));
                if (memory)
                {
                    // The bit string reaches far: mostly a fault.
                    Memory(Value(1));
                }
                else
                {
                    _out.Byte(0xC0 | (Value(1) << 3) | Value(1));
                }

                End(All & ~Z, O | S | A | P);
                break;
        }
    }

    private void StackUse()
    {
        switch (_random.Below(12))
        {
            case < 3:
                Begin();
                _out.Byte(0x50 | _random.Below(8));
                End(0);
                break;
            case < 5:
                Begin();
                _out.Byte(0x58 | Value(1));
                End(0);
                break;
            case 5:
                Begin();
                _out.Byte(_random.OneIn(2) ? 0x6A : 0x68);
                Immediate(_out.Code[^1] == 0x6A ? 1 : 4);
                End(0);
                break;
            case 6:
                Begin();
                _out.Byte(0xFF);
                Memory(6);
                End(0);
                break;
            case 7:
                Begin();
                _out.Byte(0x8F);
                Memory(0);
                End(0);
                break;
            case 8:
                Begin(All);
                _out.Byte(0x9C);
                End(0);
                // AND DWORD [ESP], the status and direction flags; POPFD
                Begin();
                _out.Bytes(0x81, 0x24, 0x24);
                _out.Dword(All | Eflags.Direction);
                End(All, A);
                Begin();
                _out.Byte(0x9D);
                End(All);
                break;
            case 9 when !_keepsCounter:
                Begin();
                _out.Byte(0x60);
                End(0);
                Begin();
                _out.Byte(0x61);
                End(0);
                break;
            case 10:
                // ENTER, LEAVE
                Begin();
                _out.Bytes(0xC8, (byte)(_random.Below(8) * 4), 0, 0);
                End(0);
                Begin();
                _out.Byte(0xC9);
                End(0);
                break;
            default:
                // 16 bits: the stack is misaligned from here on.
                Begin();
                _out.Byte(0x66);
                _out.Byte((_random.OneIn(2) ? 0x50 : 0x58) | Value(1));
                End(0);
                break;
        }
    }

    private void FlagUse()
    {
        switch (_random.Below(9))
        {
            case 0:
                Begin(S | Z | A | P | C);
                _out.Byte(0x9F);
                End(0);
                break;
            case 1:
                Begin();
                _out.Byte(0x9E);
                End(S | Z | A | P | C);
                break;
            case 2:
                Begin(C);
                _out.Byte(0xD6);
                End(0);
                break;
            case 3:
                Begin(C);
                _out.Byte(0xF5);
                End(0);
                break;
            case 4:
                Begin();
                _out.Byte(_random.Pick(0xFC, 0xFD));
                End(0);
                break;
            case 5:
                Begin(All);
                _out.Byte(0x9C);
                End(0);
                break;
            default:
                Begin();
                _out.Byte(_random.Pick(0xF8, 0xF9));
                End(C);
                break;
        }
    }

    private void Decimal()
    {
        switch (_random.Below(4))
        {
            case 0:
                Begin(A | C);
                _out.Byte(_random.Pick(0x27, 0x2F));
                End(All, O);
                break;
            case 1:
                Begin(A);
                _out.Byte(_random.Pick(0x37, 0x3F));
                End(All, O | S | Z | P);
                break;
            default:
                Begin();
                _out.Bytes((byte)_random.Pick(0xD4, 0xD5), (byte)_random.Below(12));
                End(All, O | A | C);
                break;
        }
    }

    private void String()
    {
        // Which of the operands of CMPS faults first if both do is the processor's business.
        int kind = _random.Pick(0xA4, forHost ? 0xAE : 0xA6, 0xAA, 0xAC, 0xAE);
        bool compares = kind is 0xA6 or 0xAE;
        bool repeats = !_keepsCounter && _random.OneIn(2);
        if (repeats)
        {
            Begin();
            _out.Byte(0xB9);
            _out.Dword((uint)_random.Below(_random.OneIn(8) ? 300 : 12));
            End(0);
        }

        Begin(compares && repeats ? All : 0);
        if (repeats)
        {
            _out.Byte(compares ? _random.Pick(0xF2, 0xF3) : 0xF3);
        }

        _out.Byte(kind | Width());
        // With a count of 0 the flags stay; they are defined then.
        End(compares ? All : 0);
    }

    // ---- control --------------------------------------------------------------------------------------------------------

    private static uint ReadBy(int condition) => (condition >> 1) switch
    {
        0 => O,
        1 => C,
        2 => Z,
        3 => C | Z,
        4 => S,
        5 => P,
        6 => S | O,
        _ => S | O | Z,
    };

    private void Conditional()
    {
        int condition = _random.Below(16);
        Begin(ReadBy(condition));
        if (_random.OneIn(2))
        {
            _out.Bytes(0x0F, (byte)(0x90 | condition));
            Operand(0, 0);
        }
        else
        {
            if (_random.OneIn(4))
            {
                _out.Byte(0x66);
            }

            _out.Bytes(0x0F, (byte)(0x40 | condition));
            Operand(Value(1), 1);
        }

        End(0);
    }

    private void Branch(int depth)
    {
        if (_random.OneIn(5))
        {
            Jump();
            return;
        }

        int condition = _random.Below(16);
        Begin(ReadBy(condition));
        bool near = _random.OneIn(3);
        if (near)
        {
            _out.Bytes(0x0F, (byte)(0x80 | condition), 0, 0, 0, 0);
        }
        else
        {
            _out.Bytes((byte)(0x70 | condition), 0);
        }

        int site = _out.Length;
        uint undefined = _undefined;
        int inside = 1 + _random.Below(3);
        int limit = site + 90;
        for (int i = 0; i < inside && _out.Room > Reserve && _out.Length < limit - Reserve + 40; i++)
        {
            Step(depth + 2);
        }

        if (near)
        {
            _out.BindNear(site - 4);
        }
        else if (_out.Length - site <= 127)
        {
            _out.BindShort(site - 1);
        }

        _undefined |= undefined;
    }

    /// <summary>An unconditional jump over some bytes, direct or not.</summary>
    private void Jump()
    {
        int skipped = _random.Below(6);
        switch (_random.Below(3))
        {
            case 0:
                Begin();
                _out.Bytes(0xEB, (byte)skipped);
                break;
            case 1:
                Begin();
                int register = Value(1);
                _out.Byte(0xB8 | register);
                _out.Dword(_out.Here + 4 + 2 + (uint)skipped);
                End(0);
                Begin();
                _out.Bytes(0xFF, (byte)(0xE0 | register));
                break;
            default:
                uint at = HostWindow.Data + 0x80 + ((uint)_random.Below(16) * 4);
                Begin();
                _out.Bytes(0xC7, 0x05);
                _out.Dword(at);
                _out.Dword(_out.Here + 4 + 6 + (uint)skipped);
                End(0);
                Begin();
                _out.Bytes(0xFF, 0x25);
                _out.Dword(at);
                break;
        }

        End(0);
        for (int i = 0; i < skipped; i++)
        {
            _out.Byte((int)_random.NextUInt32());
        }
    }

    private void Loop(int depth)
    {
        if (_keepsCounter)
        {
            return;
        }

        Begin();
        _out.Byte(0xB9);
        _out.Dword((uint)_random.Below(6) + 1);
        End(0);
        Define();
        int top = _out.Length;
        _keepsCounter = true;
        for (int i = 0; i < 1 + _random.Below(4) && _out.Room > Reserve && _out.Length - top < 40; i++)
        {
            Step(depth + 2);
        }

        _keepsCounter = false;
        if (_undefined != 0)
        {
            Define();
        }

        if (_out.Length - top > 120)
        {
            return;
        }

        Begin();
        switch (_random.Below(3))
        {
            case 0:
                _out.Bytes((byte)_random.Pick(0xE0, 0xE1, 0xE2), (byte)(top - _out.Length - 2));
                End(0);
                break;
            default:
                _out.Byte(0x49);
                End(All & ~C);
                Begin();
                _out.Bytes(0x75, (byte)(top - _out.Length - 2));
                End(0);
                break;
        }
    }

    private void Call(int depth)
    {
        // CALL the subroutine behind the next jump
        Begin();
        if (_random.OneIn(2))
        {
            _out.Byte(0xE8);
            _out.Dword(2);
        }
        else
        {
            int register = Value(1);
            _out.Byte(0xB8 | register);
            _out.Dword(_out.Here + 4 + 2 + 2);
            End(0);
            Begin();
            _out.Bytes(0xFF, (byte)(0xD0 | register));
        }

        End(0);
        // What comes back has the flags of the subroutine's end, which are all defined.
        _out.Mark(0);
        _out.Bytes(0xEB, 0);
        int site = _out.Length - 1;
        for (int i = 0; i < 1 + _random.Below(2) && _out.Room > Reserve; i++)
        {
            if (_random.OneIn(2))
            {
                Arithmetic();
            }
            else
            {
                Move();
            }
        }

        if (_undefined != 0)
        {
            Define();
        }

        Begin();
        if (_random.OneIn(3))
        {
            _out.Bytes(0xC2, (byte)_random.Pick(0, 4, 8), 0);
        }
        else
        {
            _out.Byte(0xC3);
        }

        End(0);
        _out.BindShort(site);
    }

    // ---- code that changes itself ---------------------------------------------------------------------------------------

    private void ModifySelf()
    {
        switch (_random.Below(3))
        {
            case 0:
                // MOV BYTE [the immediate of what follows soon], imm8
                Begin();
                int between = _random.Below(4);
                _out.Bytes(0xC6, 0x05);
                _out.Dword(_out.Here + 4 + 1 + (uint)between + 2);
                _out.Byte((int)_random.NextUInt32());
                End(0);
                for (int i = 0; i < between; i++)
                {
                    Begin();
                    _out.Byte(0x40 | _random.Below(4));
                    End(All & ~C);
                }

                Begin();
                _out.Bytes(0x83, (byte)(0xC0 | _random.Below(4)), (byte)_random.NextUInt32());
                End(All);
                break;
            case 1:
                // MOV DWORD [the next four instructions], INC, DEC and NOP
                Begin();
                _out.Bytes(0xC7, 0x05);
                _out.Dword(_out.Here + 8);
                for (int i = 0; i < 4; i++)
                {
                    _out.Byte(_random.Pick(0x40, 0x41, 0x42, 0x43, 0x48, 0x49, 0x4A, 0x4B));
                }

                End(0);
                for (int i = 0; i < 4; i++)
                {
                    Begin();
                    _out.Byte(_random.Pick(0x40, 0x4A, 0x43));
                    End(All & ~C);
                }

                break;
            default:
                // A loop that turns INC into DEC and back: MOV ECX, n; XOR BYTE [it], 8; the INC; DEC ECX; JNE
                Begin();
                _out.Byte(0xB9);
                _out.Dword((uint)_random.Below(5) + 1);
                End(0);
                Define();
                int top = _out.Length;
                bool before = _random.OneIn(2);
                if (before)
                {
                    FlipBehind(0);
                }

                Begin();
                _out.Byte(_random.Pick(0x40, 0x42, 0x43));
                End(All & ~C);
                if (!before)
                {
                    FlipBehind(-8);
                }

                Begin();
                _out.Byte(0x49);
                End(All & ~C);
                Begin();
                _out.Bytes(0x75, (byte)(top - _out.Length - 2));
                End(0);
                break;
        }
    }

    /// <summary>XOR BYTE [so far behind this instruction], 8</summary>
    private void FlipBehind(int distance)
    {
        Begin();
        _out.Bytes(0x80, 0x35);
        _out.Dword((uint)((int)_out.Here + 5 + distance));
        _out.Byte(8);
        End(All, A);
    }
}
