// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug;
using LguestPlug.Rng;

[assembly: DevicePlugin("rng", typeof(RngPlugin), Summary = "random numbers from the host")]

namespace LguestPlug.Rng;

/// <summary>The entropy device takes no options.</summary>
public sealed class RngOptions;

/// <summary>Makes entropy devices.</summary>
public sealed class RngPlugin : DevicePlugin<RngOptions>
{
    /// <inheritdoc/>
    public override VirtioDevice Create(RngOptions options, IDeviceContext context) => new RngDevice();
}
