// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Plugins;

/// <summary>A device announced by an assembly, as its metadata tells it; nothing of it has been loaded.</summary>
/// <param name="Name">The name on the command line.</param>
/// <param name="TypeName">The full name of the entry class.</param>
/// <param name="Summary">What the device is, in one line.</param>
/// <param name="Version">The assembly's version.</param>
/// <param name="Contract">The version of the device contract it was built for.</param>
/// <param name="Path">The assembly's file.</param>
/// <param name="Problem">Why it cannot be used here, or null.</param>
internal sealed record PluginCandidate(
    string Name, string TypeName, string Summary, string Version, Version Contract, string Path, string? Problem);

/// <summary>A file that should be a plugin, or could be one, and cannot be read.</summary>
internal sealed record PluginProblem(string Path, string Reason);
