// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Tests;

/// <summary>A device made of services given as lambdas, which notes what is done to it.</summary>
public sealed class LambdaDevice(params QueueService[] services) : VirtioDevice
{
    public List<string> Calls { get; } = [];

    public override ushort DeviceId => 42;

    public override ulong Features => OfferedFeatures;

    public ulong OfferedFeatures { get; init; }

    public ushort QueueSize { get; init; } = 256;

    public override IReadOnlyList<QueueDefinition> Queues =>
        [.. services.Select((service, i) => new QueueDefinition($"q{i}", service, QueueSize))];

    public override void Start(ulong acceptedFeatures) => Calls.Add($"start {acceptedFeatures:x}");

    public override void Reset() => Calls.Add("reset");

    protected override void Dispose(bool disposing)
    {
        Calls.Add("dispose");
        base.Dispose(disposing);
    }
}
