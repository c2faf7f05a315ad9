// SPDX-License-Identifier: MIT
using LguestPlug;

[assembly: DevicePlugin("foreign", typeof(ForeignPlugin), Summary = "a device built elsewhere")]

public sealed class ForeignOptions;

public sealed class ForeignPlugin : DevicePlugin<ForeignOptions>
{
    public override VirtioDevice Create(ForeignOptions options, IDeviceContext context) => new ForeignDevice();
}

internal sealed class ForeignDevice : VirtioDevice
{
    public override ushort DeviceId => 4;

    public override IReadOnlyList<QueueDefinition> Queues { get; } = [new("input", queue => queue.Take()?.Complete(0))];
}
