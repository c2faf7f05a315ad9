// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace LguestPlug;

/// <summary>A number of bytes, written on the command line as <c>4096</c>, <c>64K</c>, <c>10M</c>, <c>2G</c> or <c>1T</c> (powers of 1024).</summary>
/// <param name="Bytes">The number of bytes, never negative.</param>
public readonly record struct ByteSize(long Bytes) : IParsable<ByteSize>
{
    /// <inheritdoc/>
    public static ByteSize Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out ByteSize result)
            ? result
            : throw new FormatException("expected a number of bytes, with K, M, G or T for powers of 1024");

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out ByteSize result)
    {
        result = default;
        if (string.IsNullOrEmpty(s))
            return false;

        int shift = char.ToUpperInvariant(s[^1]) switch { 'K' => 10, 'M' => 20, 'G' => 30, 'T' => 40, _ => 0 };
        ReadOnlySpan<char> digits = shift == 0 ? s : s.AsSpan(0, s.Length - 1);
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long number) || number > long.MaxValue >> shift)
            return false;

        result = new ByteSize(number << shift);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Bytes.ToString(CultureInfo.InvariantCulture);
}
