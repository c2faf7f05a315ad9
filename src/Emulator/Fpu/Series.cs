// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Fpu;

/// <summary>Power series with 128-bit fixed-point coefficients, and the constants of the transcendental
/// instructions.</summary>
/// <remarks>A coefficient c is held as c * 2^128 rounded to nearest, upper half first. The numbers of terms make the
/// first one left out smaller than 2^-100 of the result over the argument ranges that the callers reduce to.</remarks>
internal static class Series
{
    /// <summary>1/3!, 1/5!, 1/7! ... for sin(r) = r * (1 - r^2 * (1/3! - r^2 * (1/5! - ...))).</summary>
    internal static ReadOnlySpan<ulong> Sine =>
    [
        0x2AAAAAAAAAAAAAAA, 0xAAAAAAAAAAAAAAAB,
        0x0222222222222222, 0x2222222222222222,
        0x000D00D00D00D00D, 0x00D00D00D00D00D0,
        0x00002E3BC74AAD8E, 0x671F5583911CA003,
        0x0000006B99159FD5, 0x138E3F9D1F92E0DF,
        0x00000000B092309D, 0x43684BE51C198E92,
        0x0000000000D73F9F, 0x399DC0F88EC32B58,
        0x000000000000CA96, 0x3B81856A53593029,
        0x0000000000000097, 0xA4DA340A0AB92651,
        0x0000000000000000, 0x5C6E3BDB73D5C630,
        0x0000000000000000, 0x002EC368262C7034,
        0x0000000000000000, 0x000013F3CCDD1660,
        0x0000000000000000, 0x0000000746AC70B7,
        0x0000000000000000, 0x00000000024B3F31,
        0x0000000000000000, 0x000000000000A1A7,
    ];

    /// <summary>1/2!, 1/4!, 1/6! ... for cos(r) = 1 - r^2 * (1/2! - r^2 * (1/4! - ...)).</summary>
    internal static ReadOnlySpan<ulong> Cosine =>
    [
        0x8000000000000000, 0x0000000000000000,
        0x0AAAAAAAAAAAAAAA, 0xAAAAAAAAAAAAAAAB,
        0x005B05B05B05B05B, 0x05B05B05B05B05B0,
        0x0001A01A01A01A01, 0xA01A01A01A01A01A,
        0x0000049F93EDDE27, 0xD71CBBC05B4FA99A,
        0x00000008F76C77FC, 0x6C4BDAA26D4C3D68,
        0x000000000C9CBA54, 0x603E4E905D6F8A2F,
        0x00000000000D73F9, 0xF399DC0F88EC32B6,
        0x0000000000000B41, 0x3C31DCBECBBDD802,
        0x0000000000000007, 0x950AE900808941EA,
        0x0000000000000000, 0x04338E5B6DFE14A5,
        0x0000000000000000, 0x0001F2CF01972F57,
        0x0000000000000000, 0x000000C4742FE352,
        0x0000000000000000, 0x0000000042862899,
        0x0000000000000000, 0x000000000013932C,
    ];

    /// <summary>1/2!, 1/3!, 1/4! ... for e^v - 1 = v * (1 + v * (1/2! + v * (1/3! + ...))).</summary>
    internal static ReadOnlySpan<ulong> Exponential =>
    [
        0x8000000000000000, 0x0000000000000000,
        0x2AAAAAAAAAAAAAAA, 0xAAAAAAAAAAAAAAAB,
        0x0AAAAAAAAAAAAAAA, 0xAAAAAAAAAAAAAAAB,
        0x0222222222222222, 0x2222222222222222,
        0x005B05B05B05B05B, 0x05B05B05B05B05B0,
        0x000D00D00D00D00D, 0x00D00D00D00D00D0,
        0x0001A01A01A01A01, 0xA01A01A01A01A01A,
        0x00002E3BC74AAD8E, 0x671F5583911CA003,
        0x0000049F93EDDE27, 0xD71CBBC05B4FA99A,
        0x0000006B99159FD5, 0x138E3F9D1F92E0DF,
        0x00000008F76C77FC, 0x6C4BDAA26D4C3D68,
        0x00000000B092309D, 0x43684BE51C198E92,
        0x000000000C9CBA54, 0x603E4E905D6F8A2F,
        0x0000000000D73F9F, 0x399DC0F88EC32B58,
        0x00000000000D73F9, 0xF399DC0F88EC32B6,
        0x000000000000CA96, 0x3B81856A53593029,
        0x0000000000000B41, 0x3C31DCBECBBDD802,
        0x0000000000000097, 0xA4DA340A0AB92651,
        0x0000000000000007, 0x950AE900808941EA,
        0x0000000000000000, 0x5C6E3BDB73D5C630,
        0x0000000000000000, 0x04338E5B6DFE14A5,
        0x0000000000000000, 0x002EC368262C7034,
        0x0000000000000000, 0x0001F2CF01972F57,
        0x0000000000000000, 0x000013F3CCDD1660,
        0x0000000000000000, 0x000000C4742FE352,
        0x0000000000000000, 0x0000000746AC70B7,
        0x0000000000000000, 0x0000000042862899,
        0x0000000000000000, 0x00000000024B3F31,
        0x0000000000000000, 0x000000000013932C,
    ];

    /// <summary>1/3 and 2/15, for tan(r) = r * (1 + r^2 * (1/3 + r^2 * 2/15)) of small r.</summary>
    internal static ReadOnlySpan<ulong> SmallTangent =>
    [
        0x5555555555555555, 0x5555555555555555,
        0x2222222222222222, 0x2222222222222222,
    ];

    /// <summary>1/3, 1/5, 1/7 ... for atan(t) = t * (1 - t^2 * (1/3 - t^2 * (1/5 - ...))), and with plus signs the area tangent.</summary>
    internal static ReadOnlySpan<ulong> Arctangent =>
    [
        0x5555555555555555, 0x5555555555555555,
        0x3333333333333333, 0x3333333333333333,
        0x2492492492492492, 0x4924924924924925,
        0x1C71C71C71C71C71, 0xC71C71C71C71C71C,
        0x1745D1745D1745D1, 0x745D1745D1745D17,
        0x13B13B13B13B13B1, 0x3B13B13B13B13B14,
        0x1111111111111111, 0x1111111111111111,
        0x0F0F0F0F0F0F0F0F, 0x0F0F0F0F0F0F0F0F,
        0x0D79435E50D79435, 0xE50D79435E50D794,
        0x0C30C30C30C30C30, 0xC30C30C30C30C30C,
        0x0B21642C8590B216, 0x42C8590B21642C86,
        0x0A3D70A3D70A3D70, 0xA3D70A3D70A3D70A,
        0x097B425ED097B425, 0xED097B425ED097B4,
        0x08D3DCB08D3DCB08, 0xD3DCB08D3DCB08D4,
        0x0842108421084210, 0x8421084210842108,
        0x07C1F07C1F07C1F0, 0x7C1F07C1F07C1F08,
        0x0750750750750750, 0x7507507507507507,
        0x06EB3E45306EB3E4, 0x5306EB3E45306EB4,
        0x0690690690690690, 0x6906906906906907,
        0x063E7063E7063E70, 0x63E7063E7063E706,
        0x05F417D05F417D05, 0xF417D05F417D05F4,
        0x05B05B05B05B05B0, 0x5B05B05B05B05B06,
    ];

    /// <summary>The arcs whose tangents are 1/32, 2/32 ... 32/32.</summary>
    internal static ReadOnlySpan<ulong> ArctangentOfSteps =>
    [
        0x07FF556EEA5D892A, 0x13BCEBBB6ED46311,
        0x0FFAADDB967EF4E3, 0x6CB2792DC0E2E0D5,
        0x17EE182602F10E8C, 0x126ACFCF099F06CF,
        0x1FD5BA9AAC2F6DC6, 0x5912F313E7D111DF,
        0x27ADDDD18CC4D8B0, 0xD1D8674940D83FA1,
        0x2F72F6979CB6044D, 0x1EC2D3E207271D22,
        0x3721AEA524C14408, 0xBD88697072D54BC1,
        0x3EB6EBF25901BAC5, 0x5B71E7BD7DE885F9,
        0x462FD68C2FC5E098, 0x6523A458DFC414C7,
        0x4D89DCDC1FAF2F34, 0xE2D5DA4C693D7994,
        0x54C2B6654735276D, 0x4CDBFBBDFBECF461,
        0x5BD86507937BC239, 0xC55190916E7F2242,
        0x62C934E5286C95B6, 0xD0BA3748FA85146F,
        0x6993BB0F308FF2DB, 0x213E4AF4800F389B,
        0x7036D3253B27BE33, 0xE318F6CB3CC65C02,
        0x76B19C1586ED3DA2, 0xB7F222F65E1D4682,
        0x7D03742D50505F2E, 0x33691E3EAEE47661,
        0x832BF4A6D9867E2A, 0x4B6A09CB61A515C1,
        0x892AECDFDE9547B5, 0x094478FC472B4AFC,
        0x8F005D5EF7F59F9B, 0x5C835E1665C43748,
        0x94AC72C9847186F6, 0x18C4F393F78A32F9,
        0x9A2F80E671BDDA20, 0x4226F8E2204FF3BD,
        0x9F89FDC4F4B7A1EC, 0xF8B492644F0701E0,
        0xA4BC7D1934F70924, 0x19A87F2A457DAC9F,
        0xA9C7ABDC4830F5C8, 0x916A84B5BE7933F6,
        0xAEAC4C38B4D8C080, 0x14725E2F3E52070A,
        0xB36B31C91F043691, 0x590141744462F93A,
        0xB8053E2BC2319E73, 0xCB2DA55210A4443D,
        0xBC7B5DEAE98AF280, 0xD4113006E80FB290,
        0xC0CE85B8AC526640, 0x89DD62C46E92FA25,
        0xC4FFAFFABF8FBD54, 0x8CB43D10BC9E0221,
        0xC90FDAA22168C234, 0xC4C6628B80DC1CD1,
    ];

    /// <summary>A quarter turn.</summary>
    internal static Wide HalfPi => new(false, 0, new UInt128(0xC90FDAA22168C234, 0xC4C6628B80DC1CD1));

    /// <summary>The natural logarithm of two.</summary>
    internal static Wide LogarithmOfTwo => new(false, -1, new UInt128(0xB17217F7D1CF79AB, 0xC9E3B39803F2F6AF));

    /// <summary>Turns half a natural logarithm into one of base two.</summary>
    internal static Wide TwoOverLogarithmOfTwo => new(false, 1, new UInt128(0xB8AA3B295C17F0BB, 0xBE87FED0691D3E89));

    /// <summary>Sums x * (c0 + x * (c1 + ...)), or with alternating signs x * (c0 - x * (c1 - ...)).</summary>
    /// <param name="coefficients">Coefficients in the layout of this class.</param>
    /// <param name="count">How many of them to use.</param>
    /// <param name="argument">x in units of 2^-128.</param>
    /// <param name="alternating">Whether the signs alternate.</param>
    /// <returns>The sum, which must be below one, in units of 2^-128.</returns>
    internal static UInt128 Sum(ReadOnlySpan<ulong> coefficients, int count, UInt128 argument, bool alternating)
    {
        UInt128 sum = UInt128.Zero;
        for (int i = count - 1; i >= 0; i--)
        {
            UInt128 product = Integers.MultiplyHigh(argument, sum);
            UInt128 coefficient = At(coefficients, i);
            sum = alternating ? coefficient - product : coefficient + product;
        }

        return Integers.MultiplyHigh(argument, sum);
    }

    /// <summary>One coefficient in units of 2^-128.</summary>
    internal static UInt128 At(ReadOnlySpan<ulong> coefficients, int index) =>
        new(coefficients[2 * index], coefficients[(2 * index) + 1]);
}
