// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Generation;

namespace LguestPlug.Host.Plugins;

/// <summary>What <c>lguest plugins</c> can do; each answers the exit code.</summary>
internal interface IPluginActions
{
    /// <summary>Lists what is found, in the extra folders too.</summary>
    int List(IReadOnlyList<string> folders);

    /// <summary>Tells all about one.</summary>
    int Info(DeviceRequest request, IReadOnlyList<string> folders);

    /// <summary>Installs one for this user.</summary>
    /// <param name="plugin">A package's file, a folder, or <c>ID[@VERSION]</c> of a package.</param>
    /// <param name="source">Where to look for a package; null for the configured feeds.</param>
    int Add(string plugin, string? source);

    /// <summary>Removes one that was installed.</summary>
    int Remove(string name);

    /// <summary>Writes a structure for a device's configuration space.</summary>
    int NewConfig(ConfigStructRequest request);
}
