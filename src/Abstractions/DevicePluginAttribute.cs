// SPDX-License-Identifier: MIT
namespace LguestPlug;

/// <summary>
/// Announces a device in this assembly. A host finds plugins by this attribute alone, read from metadata: no code of the
/// assembly runs until the device is asked for on the command line. An assembly may announce several.
/// </summary>
/// <example><code>[assembly: DevicePlugin("block", typeof(BlockPlugin), Summary = "a disk backed by a file")]</code></example>
[AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
public sealed class DevicePluginAttribute : Attribute
{
    /// <summary>Announces a device.</summary>
    /// <param name="name">The name on the command line: lower-case letters, digits and hyphens, starting with a letter.</param>
    /// <param name="pluginType">A public class derived from <see cref="DevicePlugin{TOptions}"/>, with a public constructor without parameters.</param>
    /// <param name="contractMinor">Leave this out: the compiler fills in what the plugin is built against.</param>
    public DevicePluginAttribute(string name, Type pluginType, int contractMinor = DeviceContract.Minor)
    {
        Name = name;
        PluginType = pluginType;
        ContractMinor = contractMinor;
    }

    /// <summary>The name on the command line.</summary>
    public string Name { get; }

    /// <summary>The plugin's entry class.</summary>
    public Type PluginType { get; }

    /// <summary>The <see cref="DeviceContract.Minor"/> version the plugin was built against.</summary>
    public int ContractMinor { get; }

    /// <summary>What the device is, in one line without a full stop, for the list of plugins.</summary>
    public string Summary { get; set; } = "";
}
