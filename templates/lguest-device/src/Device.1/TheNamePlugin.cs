using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Device._1;
using LguestPlug;

[assembly: DevicePlugin("the-device", typeof(TheNamePlugin), Summary = "fills what the guest reads with a text")]

namespace Device._1;

/// <summary>The options: --device the-device,text=...</summary>
public sealed class TheNameOptions
{
    [PositionalOption]
    [Required(AllowEmptyStrings = false)]
    [Description("what the guest reads, over and over")]
    public string Text { get; set; } = "Hello from the-device! ";
}

/// <summary>Makes the device from its options. Open here what it will need: later the host may give up its privileges.</summary>
public sealed class TheNamePlugin : DevicePlugin<TheNameOptions>
{
    public override VirtioDevice Create(TheNameOptions options, IDeviceContext context) => new TheNameDevice(options, context.Logger);
}
