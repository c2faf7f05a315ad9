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
    [Required(ErrorMessage = "expected how much memory to take: 16M")]
    [Description("how much memory to take from the guest")]
    public ByteSize? Target { get; set; }

    [Description("take this much at a time, once a period; all at once without it")]
    public ByteSize? Grow { get; set; }

    [Description("seconds from one look at the guest's statistics to the next")]
    [Range(0.01, 3600)]
    public double Period { get; set; } = 1;
}

public sealed class BalloonPlugin : DevicePlugin<BalloonOptions>
{
    public override VirtioDevice Create(BalloonOptions options, IDeviceContext context)
    {
        if (options.Target!.Value.Bytes > BalloonDevice.LargestTarget)
            throw new DeviceSetupException($"target: {options.Target} bytes are more than a guest has; expected at most {BalloonDevice.LargestTarget >> 30}G");

        return new BalloonDevice(options, context);
    }
}
