// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Emulator.Fpu;

/// <summary>
/// The bits of one 80-bit double extended-precision value (Intel SDM vol. 1, 4.2.2 and 8.2), kept in 16 bytes.
/// </summary>
/// <remarks>Unlike the narrower formats the integer bit (bit 63 of the significand) is explicit, so there are
/// encodings that no operation produces: pseudo-denormals (accepted) and unnormals, pseudo-infinities and
/// pseudo-NaNs (invalid operands).</remarks>
/// <param name="signExponent">Sign in bit 15, exponent with a bias of 16383 in bits 0 to 14.</param>
/// <param name="significand">The significand with its explicit integer bit in bit 63.</param>
[StructLayout(LayoutKind.Sequential)]
public readonly struct Float80(ushort signExponent, ulong significand)
{
    /// <summary>Exponent bias (SDM vol. 1, table 8-3).</summary>
    internal const int Bias = 16383;

    /// <summary>Exponent field of infinities and NaNs.</summary>
    internal const int MaximumExponent = 0x7FFF;

    /// <summary>The integer bit of the significand.</summary>
    internal const ulong IntegerBit = 1UL << 63;

    /// <summary>The bit that tells a quiet NaN from a signaling one.</summary>
    internal const ulong QuietBit = 1UL << 62;

    private readonly ulong _significand = significand;

    // As wide as the significand: without padding the compiler keeps values in two machine registers, where a 16-bit
    // field would have it copy them through memory.
    private readonly ulong _signExponent = signExponent;

    /// <summary>The significand with its explicit integer bit in bit 63.</summary>
    public ulong Significand => _significand;

    /// <summary>Sign in bit 15, biased exponent in bits 0 to 14.</summary>
    public ushort SignExponent => (ushort)_signExponent;

    /// <summary>The real indefinite value: the quiet NaN that answers masked invalid operations.</summary>
    internal static Float80 Indefinite => new(0xFFFF, IntegerBit | QuietBit);

    /// <summary>The value +1.0.</summary>
    internal static Float80 One => new(Bias, IntegerBit);

    /// <summary>The biased exponent field.</summary>
    internal int Exponent => SignExponent & 0x7FFF;

    /// <summary>The sign in bit 15, everything else clear.</summary>
    internal int Sign => SignExponent & 0x8000;

    internal bool IsNegative => (SignExponent & 0x8000) != 0;

    internal bool IsZero => Exponent == 0 && Significand == 0;

    /// <summary>A normal finite number: the one case that needs no special care.</summary>
    internal bool IsNormal => (uint)(Exponent - 1) < MaximumExponent - 1 && (long)Significand < 0;

    /// <summary>A denormal or a pseudo-denormal: both raise the denormal-operand exception.</summary>
    internal bool IsDenormal => Exponent == 0 && Significand != 0;

    internal bool IsInfinity => Exponent == MaximumExponent && Significand == IntegerBit;

    /// <summary>A quiet or signaling NaN (pseudo-NaNs are <see cref="IsUnsupported"/>).</summary>
    internal bool IsNaN => Exponent == MaximumExponent && Significand > IntegerBit;

    internal bool IsSignalingNaN => IsNaN && (Significand & QuietBit) == 0;

    /// <summary>An encoding that every arithmetic instruction rejects as invalid (SDM vol. 1, 8.2.2).</summary>
    internal bool IsUnsupported => Exponent != 0 && (long)Significand >= 0;

    internal Float80 Negated => new((ushort)(SignExponent ^ 0x8000), Significand);

    /// <summary>The same value in the encoding that operations produce: pseudo-denormals turn into the smallest normal
    /// numbers.</summary>
    internal Float80 Canonical => Exponent == 0
        ? new Float80((ushort)(Sign | (int)(Significand >> 63)), Significand)
        : this;

    internal static Float80 Zero(int sign) => new((ushort)sign, 0);

    internal static Float80 Infinity(int sign) => new((ushort)(sign | MaximumExponent), IntegerBit);
}
