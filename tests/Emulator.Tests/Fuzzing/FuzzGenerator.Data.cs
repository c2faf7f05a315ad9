// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Tests.HostComparison;

namespace LguestPlug.Emulator.Tests.Fuzzing;

/// <content>Moves, the stack, flags as data, strings.</content>
internal sealed partial class FuzzGenerator
{
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
}
