// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.CommandLine;

/// <summary>What to print of a trace.</summary>
/// <param name="File">The trace.</param>
/// <param name="Devices">Names of devices or plugins; none for all.</param>
/// <param name="Summary">Totals instead of records.</param>
/// <param name="Data">The recorded bytes, too.</param>
internal sealed record TraceViewRequest(string File, IReadOnlyList<string> Devices, bool Summary, bool Data);

/// <summary>What to replay, and on what.</summary>
/// <param name="File">The trace.</param>
/// <param name="Device">The device to be made.</param>
/// <param name="From">The name of the recorded device; null when there is but one of the plugin.</param>
/// <param name="CompareData">Whether written bytes are compared where they were recorded.</param>
/// <param name="Timeout">How long anything is waited for.</param>
/// <param name="PluginDirectories">Where to look for plugins, too.</param>
internal sealed record ReplayRequest(
    string File, DeviceRequest Device, string? From, bool CompareData, TimeSpan Timeout, IReadOnlyList<string> PluginDirectories);
