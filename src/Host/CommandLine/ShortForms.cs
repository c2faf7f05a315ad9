// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.CommandLine;

/// <summary>An option of the C launcher that stands for a device.</summary>
/// <param name="Option">The option, for example <c>--block</c>.</param>
/// <param name="ValueName">What follows the option in <c>--help</c>, or null if it takes no value.</param>
/// <param name="Device">The plugin it asks for.</param>
/// <param name="Help">The line in <c>--help</c>.</param>
internal sealed record ShortForm(string Option, string? ValueName, string Device, string Help);

/// <summary>
/// The only place where the Host names devices: the C launcher's options, and the device it always adds.
/// To the rest of the Host, and to a plugin, <c>--block=X</c> and <c>--device block,X</c> are the same.
/// </summary>
internal static class ShortForms
{
    public static IReadOnlyList<ShortForm> All { get; } =
    [
        new("--tunnet", "IP[:MAC]|bridge:NAME[:MAC]", "net", "A network card on a tap device of this machine; short for --device net,..."),
        new("--block", "FILE", "block", "A disk kept in FILE; short for --device block,FILE"),
        new("--rng", null, "rng", "A source of random bytes; short for --device rng"),
    ];

    /// <summary>Every guest has it, and it comes last, as in the C launcher.</summary>
    public static DeviceRequest AlwaysLast { get; } = new("console", null, [], "the console");
}
