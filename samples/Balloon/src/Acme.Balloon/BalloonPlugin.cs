// SPDX-License-Identifier: MIT
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Acme.Balloon;
using LguestPlug;

[assembly: DevicePlugin("balloon", typeof(BalloonPlugin), Summary = "takes memory away from the guest")]

namespace Acme.Balloon;

public sealed class BalloonOptions
{
    [PositionalOption]
    [Required]
    [Description("how much memory to take from the guest")]
    public ByteSize? Target { get; set; }

    [Description("take this much at a time, and more each period; all at once without it")]
    public ByteSize? Grow { get; set; }

    [Description("seconds from one look at the guest's statistics to the next")]
    [Range(0.01, 3600)]
    public double Period { get; set; } = 1;
}

public sealed class BalloonPlugin : DevicePlugin<BalloonOptions>
{
    public override VirtioDevice Create(BalloonOptions options, IDeviceContext context)
    {
        if (options.Target!.Value.Bytes > PageSet.Capacity * (long)PageSet.PageSize)
            throw new DeviceSetupException($"a balloon of {options.Target} bytes is more than a guest can have; expected at most 4G");

        return new BalloonDevice(options, context);
    }
}
