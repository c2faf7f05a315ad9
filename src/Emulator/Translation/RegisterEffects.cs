// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Decoding;

namespace LguestPlug.Emulator.Translation;

/// <summary>Which general registers an instruction may change.</summary>
internal static class RegisterEffects
{
    private const uint Eax = 1, Ecx = 2, Edx = 4, Esp = 0x10, Ebp = 0x20, Esi = 0x40, Edi = 0x80, All = 0xFF;

    /// <summary>One bit for each register.</summary>
    public static uint Of(in GuestInstruction i) => i.Treatment switch
    {
        Treatment.Nop or Treatment.StoreOffset or Treatment.LoadSegment or Treatment.TestBit or Treatment.ClearDirection or Treatment.SetDirection
            or Treatment.JumpIf or Treatment.Jump or Treatment.JumpIndirect => 0,
        Treatment.Copy => OfCopy(i.Opcode),
        Treatment.Read or Treatment.Write => OfOperation(i),
        Treatment.IncrementRegister or Treatment.MoveImmediate or Treatment.SwapBytes => 1u << (i.Opcode & 7),
        Treatment.ExchangeEax => Eax | (1u << (i.Opcode & 7)),
        Treatment.Lea => 1u << i.Reg,
        Treatment.LoadOffset => Eax,
        Treatment.PushRegister or Treatment.PushImmediate or Treatment.PushMemory or Treatment.PushAll or Treatment.PushSegment or Treatment.PopSegment
            or Treatment.Call or Treatment.CallIndirect or Treatment.Return => Esp,
        Treatment.PopRegister => Esp | (1u << (i.Opcode & 7)),
        Treatment.Leave => Esp | Ebp,
        Treatment.StoreSegment => 1u << i.Rm,
        Treatment.Divide => Eax | Edx,
        Treatment.MoveString => Esi | Edi,
        Treatment.StoreString or Treatment.ScanString => Edi,
        Treatment.LoadString => Eax | Esi,
        Treatment.JumpOnCount => Ecx,
        Treatment.RepeatString => Ecx | Esi | Edi,
        Treatment.Fpu => i.Opcode == 0xDF && !i.HasMemory ? Eax : 0,
        Treatment.Simd => OfSimd(i),
        _ => All,
    };

    private static uint OfSimd(in GuestInstruction i) =>
        i.Simd.Has(SimdTraits.Stores) && i.HasMemory ? 0
        : i.Simd.Has(SimdTraits.GeneralReg) ? 1u << i.Reg
        : i.Simd.Has(SimdTraits.GeneralRm) && i.Simd.Has(SimdTraits.Stores) ? 1u << i.Rm
        : 0;

    private static uint OfCopy(int opcode) => opcode switch
    {
        0x3C or 0x3D or 0xA8 or 0xA9 or 0x9E or 0xF5 or 0xF8 or 0xF9 => 0,
        0x99 => Edx,
        >= 0xB0 and <= 0xB7 => 1u << (opcode & 3),
        _ => Eax,
    };

    private static uint OfOperation(in GuestInstruction i)
    {
        uint reg = 1u << (i.IsByteRegister ? i.Reg & 3 : i.Reg);
        uint rm = i.HasMemory ? 0 : 1u << (i.IsByteRegister ? i.Rm & 3 : i.Rm);
        int opcode = i.Opcode;
        return opcode switch
        {
            < 0x40 => opcode >> 3 == 7 ? 0 : (opcode & 2) == 0 ? rm : reg,
            0x80 or 0x81 or 0x83 => i.Reg == 7 ? 0 : rm,
            0x84 or 0x85 => 0,
            0x86 or 0x87 => rm | reg,
            0x8A or 0x8B or 0x69 or 0x6B => reg,
            0xF6 or 0xF7 => i.Reg switch { 0 or 1 => 0, 2 or 3 => rm, _ => Eax | Edx },
            0x0FA3 => 0,
            0x0FBA => i.Reg == 4 ? 0 : rm,
            (>= 0x0F40 and <= 0x0F4F) or 0x0FAF or 0x0FB6 or 0x0FB7 or (>= 0x0FBC and <= 0x0FBF) => reg,
            0x0FB0 or 0x0FB1 => rm | Eax,
            0x0FC7 => Eax | Edx,
            0x0FC0 or 0x0FC1 => rm | reg,
            _ => rm,
        };
    }
}
