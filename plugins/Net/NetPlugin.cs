// SPDX-License-Identifier: GPL-2.0-or-later
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using LguestPlug;
using LguestPlug.Net;

[assembly: DevicePlugin("net", typeof(NetPlugin), Summary = "a network card, connected to a tap interface of the host")]

namespace LguestPlug.Net;

/// <summary>Options of the network card.</summary>
public sealed class NetOptions : IValidatableObject
{
    /// <summary>The host's end in short.</summary>
    [PositionalOption]
    [Description("the host's end in short: IPADDRESS[:MAC] or bridge:NAME[:MAC]")]
    public HostLink? Link { get; set; }

    /// <summary>The host's address.</summary>
    [Description("the IPv4 address of the host's end")]
    public IPv4Address? Ip { get; set; }

    /// <summary>The bridge.</summary>
    [Description("the bridge of which the host's end becomes a port")]
    public string? Bridge { get; set; }

    /// <summary>The guest's address.</summary>
    [Description("the guest's MAC address; by default the guest chooses one")]
    public MacAddress? Mac { get; set; }

    /// <summary>The tap interface.</summary>
    [Description("the tap interface; by default a new one. With neither ip nor bridge it is used as it is, which needs no privileges if it is yours")]
    public string? Tap { get; set; }

    internal IPv4Address? HostAddress => Ip ?? Link?.Address;

    internal string? BridgeName => Bridge ?? Link?.Bridge;

    internal MacAddress? GuestMac => Mac ?? Link?.Mac;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Link is not null && (Ip is not null || Bridge is not null))
            yield return new ValidationResult("expected link, ip or bridge, not two of them", [nameof(Link)]);
        else if (Ip is not null && Bridge is not null)
            yield return new ValidationResult("expected ip or bridge, not both", [nameof(Bridge)]);
        else if (Link is null && Ip is null && Bridge is null && Tap is null)
            yield return new ValidationResult("expected the host's address (192.168.19.1), a bridge (bridge:br0) or tap=NAME", [nameof(Link)]);

        if (Link?.Mac is not null && Mac is not null)
            yield return new ValidationResult("expected the guest's MAC address once, not twice", [nameof(Mac)]);

        if (Bridge is not null && !InterfaceName.IsValid(Bridge))
            yield return new ValidationResult($"expected the name of a bridge; {InterfaceName.Rule}", [nameof(Bridge)]);

        if (Tap is not null && !InterfaceName.IsValid(Tap))
            yield return new ValidationResult($"expected the name of a tap interface; {InterfaceName.Rule}", [nameof(Tap)]);
    }
}

/// <summary>Makes network cards.</summary>
public sealed class NetPlugin : DevicePlugin<NetOptions>
{
    /// <inheritdoc/>
    public override VirtioDevice Create(NetOptions options, IDeviceContext context)
    {
        TapInterface tap = TapInterface.Open(options.Tap);
        try
        {
            if (options.BridgeName is { } bridge)
                tap.AddToBridge(bridge);

            if (options.HostAddress is { } address)
                tap.SetAddress(address);

            if (options.BridgeName is not null || options.HostAddress is not null)
                tap.BringUp();
        }
        catch
        {
            tap.Dispose();
            throw;
        }

        string connection = options.BridgeName is { } name ? $" attached to bridge: {name}" : $": {options.HostAddress}";
        return new NetDevice(tap, $"tun {tap.Name}{(connection == ": " ? "" : connection)}", options.GuestMac, context.Logger);
    }
}
