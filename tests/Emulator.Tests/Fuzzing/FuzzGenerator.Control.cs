// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Tests.HostComparison;

namespace LguestPlug.Emulator.Tests.Fuzzing;

/// <content>Jumps, loops, calls, and code that changes itself.</content>
internal sealed partial class FuzzGenerator
{
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

        if (_random.OneIn(3))
        {
            Begin();
            _out.Bytes((byte)_random.Pick(0xE0, 0xE1, 0xE2), (byte)(top - _out.Length - 2));
            End(0);
        }
        else
        {
            CountDown(top);
        }
    }

    /// <summary>DEC ECX, JNZ top: the end of a loop.</summary>
    private void CountDown(int top)
    {
        Begin();
        _out.Byte(0x49);
        End(All & ~C);
        Begin();
        _out.Bytes(0x75, (byte)(top - _out.Length - 2));
        End(0);
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

                CountDown(top);
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
