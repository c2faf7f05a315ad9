// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics.CodeAnalysis;

namespace LguestPlug.Net;

/// <summary>
/// How the host's end of the network is connected, in the C launcher's way of writing it:
/// <c>IPADDRESS[:MAC]</c> or <c>bridge:NAME[:MAC]</c>.
/// </summary>
/// <param name="Address">The address of the host's end, or null.</param>
/// <param name="Bridge">The bridge the host's end is a port of, or null.</param>
/// <param name="Mac">The guest's address, or null.</param>
public sealed record HostLink(IPv4Address? Address, string? Bridge, MacAddress? Mac) : IParsable<HostLink>
{
    private const string BridgePrefix = "bridge:";

    /// <inheritdoc/>
    public static HostLink Parse(string s, IFormatProvider? provider)
    {
        ArgumentNullException.ThrowIfNull(s);
        bool isBridge = s.StartsWith(BridgePrefix, StringComparison.Ordinal);
        string rest = isBridge ? s[BridgePrefix.Length..] : s;
        int colon = rest.IndexOf(':', StringComparison.Ordinal);
        string end = colon < 0 ? rest : rest[..colon];
        MacAddress? mac = colon < 0 ? null : MacAddress.Parse(rest[(colon + 1)..], provider);
        if (!isBridge)
            return new HostLink(IPv4Address.Parse(end, provider), null, mac);

        if (!InterfaceName.IsValid(end))
            throw new FormatException($"expected a bridge, as in bridge:br0; {InterfaceName.Rule}");

        return new HostLink(null, end, mac);
    }

    /// <inheritdoc/>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, [MaybeNullWhen(false)] out HostLink result)
    {
        try
        {
            result = s is null ? null : Parse(s, provider);
        }
        catch (FormatException)
        {
            result = null;
        }

        return result is not null;
    }
}
