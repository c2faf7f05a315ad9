// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Fpu;

/// <summary>The constants of FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2 and FLDZ, rounded as the rounding control
/// says (Intel SDM vol. 2, FLD1); the precision control does not matter.</summary>
internal static class Constants
{
    internal static Float80 Load(int index, int rounding) => index switch
    {
        0 => Float80.One,
        1 => Rounded(rounding, Float80.Bias + 1, 0xD49A784BCD1B8AFE, 0x492BF6FF4DAFDB4D),
        2 => Rounded(rounding, Float80.Bias, 0xB8AA3B295C17F0BB, 0xBE87FED0691D3E89),
        3 => Rounded(rounding, Float80.Bias + 1, 0xC90FDAA22168C234, 0xC4C6628B80DC1CD1),
        4 => Rounded(rounding, Float80.Bias - 2, 0x9A209A84FBCFF798, 0x8F8959AC0B7C9178),
        5 => Rounded(rounding, Float80.Bias - 1, 0xB17217F7D1CF79AB, 0xC9E3B39803F2F6AF),
        _ => default,
    };

    private static Float80 Rounded(int rounding, int exponent, ulong significand, ulong tail) => new(
        (ushort)exponent, Rounder.IsRoundedUp(rounding, 0, tail, odd: false) ? significand + 1 : significand);
}
