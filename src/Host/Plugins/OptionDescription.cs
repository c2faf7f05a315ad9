// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Plugins;

/// <summary>An option of a device, as a user is told of it.</summary>
/// <param name="Key">How it is written: <c>read-only</c>.</param>
/// <param name="Type">What it takes: <c>text</c>, <c>number</c>, <c>1..256</c>, <c>size</c>, <c>on|off</c>, the words of an enum, or the name of a type of the plugin's own.</param>
/// <param name="Default">What it is when not given; null for nothing.</param>
/// <param name="IsRequired">Whether it must be given.</param>
/// <param name="IsPositional">Whether its key may be left out.</param>
/// <param name="Help">What it means; empty where the plugin does not say.</param>
internal sealed record OptionDescription(string Key, string Type, string? Default, bool IsRequired, bool IsPositional, string Help);
