// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Tests.Fuzzing;

/// <content>Arithmetic, logic, shifts, bits, decimal.</content>
internal sealed partial class FuzzGenerator
{
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
}
