// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace LguestPlug.Net;

/// <summary>An IPv4 address, written as four decimal numbers and in no other way.</summary>
/// <param name="Value">The address as a number; the first of the four is the most significant.</param>
public readonly record struct IPv4Address(uint Value) : IParsable<IPv4Address>
{
    private const int Parts = 4;
    private const int DigitsOfPart = 3;

    /// <inheritdoc/>
    public static IPv4Address Parse(string s, IFormatProvider? provider) =>
        TryParse(s, provider, out IPv4Address result)
            ? result
            : throw new FormatException("expected an IPv4 address, four numbers up to 255 such as 192.168.19.1");

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, out IPv4Address result)
    {
        result = default;
        string[] parts = s?.Split('.') ?? [];
        if (parts.Length != Parts)
            return false;

        uint value = 0;
        foreach (string part in parts)
        {
            // A leading zero means octal to some programs and nothing to others: no address of ours may be read two ways.
            if (part.Length is 0 or > DigitsOfPart || (part.Length > 1 && part[0] == '0')
                || !byte.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out byte number))
            {
                return false;
            }

            value = (value << 8) | number;
        }

        result = new IPv4Address(value);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Value >> 24}.{(Value >> 16) & 0xFF}.{(Value >> 8) & 0xFF}.{Value & 0xFF}";
}
