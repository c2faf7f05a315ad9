// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace LguestPlug.Net;

/// <summary>An Ethernet address that a network card can have: not zero, and not a group's.</summary>
/// <param name="Value">The address as a number; the first byte on the wire is the most significant of the six.</param>
public readonly record struct MacAddress(ulong Value) : IParsable<MacAddress>
{
    /// <summary>The number of bytes.</summary>
    public const int Length = 6;

    private const int GroupDigits = 2;
    private const ulong GroupAddress = 1UL << 40;

    /// <inheritdoc/>
    public static MacAddress Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out MacAddress result)
            ? result
            : throw new FormatException("expected a MAC address of one card, six pairs of hexadecimal digits such as 02:11:22:33:44:55");

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out MacAddress result)
    {
        result = default;
        string[] groups = s?.Split(':') ?? [];
        if (groups.Length != Length)
            return false;

        ulong value = 0;
        foreach (string group in groups)
        {
            if (group.Length != GroupDigits || !byte.TryParse(group, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte part))
                return false;

            value = (value << 8) | part;
        }

        result = new MacAddress(value);
        return value != 0 && (value & GroupAddress) == 0;
    }

    /// <summary>Puts the six bytes in the order of the wire.</summary>
    public void CopyTo(Span<byte> destination)
    {
        for (int i = 0; i < Length; i++)
            destination[i] = (byte)(Value >> (8 * (Length - 1 - i)));
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Length];
        CopyTo(bytes);
        return Convert.ToHexStringLower(bytes[..1]) + string.Concat(bytes[1..].ToArray().Select(b => $":{b:x2}"));
    }
}
