// SPDX-License-Identifier: GPL-2.0-or-later
using System.Numerics;
using System.Text.Json.Serialization;
using LguestPlug.Host.Bus;
using LguestPlug.Host.Plugins;

namespace LguestPlug.Host.Inspection;

/// <summary>
/// What a machine is made of, for people and scripts: the JSON of a dry run, and what templates see, under the same names in
/// snake case. The names are documented in <c>docs/dry-run.md</c>; new ones may come, none may go.
/// </summary>
internal sealed record MachineModel
{
    public required MemoryModel Memory { get; init; }

    /// <summary>The first page behind all the guest may touch.</summary>
    public required uint PageLimit { get; init; }

    public required string Kernel { get; init; }

    public string? Initrd { get; init; }

    public required IReadOnlyList<DeviceModel> Devices { get; init; }

    /// <summary>Where the guest starts; not there before the kernel has been loaded.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public uint? EntryPoint { get; init; }

    /// <summary>Not there for the templates it is made of.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? CommandLine { get; init; }
}

/// <summary>The guest's RAM, without the device pages above it.</summary>
internal sealed record MemoryModel(ulong Bytes, ulong Megabytes);

/// <summary>A device and its place on the bus.</summary>
internal sealed record DeviceModel
{
    /// <summary>Its place in bus order, from 0.</summary>
    public required int Index { get; init; }

    /// <summary>Its name in the machine, such as the plugin's with a number.</summary>
    public required string Name { get; init; }

    public required string Plugin { get; init; }

    /// <summary>The virtio device type.</summary>
    public required int TypeId { get; init; }

    public required string Description { get; init; }

    /// <summary>The address of its descriptor.</summary>
    public required ulong Descriptor { get; init; }

    /// <summary>The bits it offers, as one number.</summary>
    public required ulong Features { get; init; }

    /// <summary>The bits it offers, one by one.</summary>
    public required IReadOnlyList<int> FeatureBits { get; init; }

    /// <summary>Its configuration bytes in hexadecimal.</summary>
    public required string Config { get; init; }

    public required IReadOnlyList<QueueModel> Queues { get; init; }

    /// <summary>All options the plugin has: the text given, true for a key alone, null for what was not given.</summary>
    public required IReadOnlyDictionary<string, object?> Options { get; init; }

    public static DeviceModel Of(int index, PlacedDevice device, IReadOnlyDictionary<string, object?> options)
    {
        var runner = device.Device.Runner;
        var features = device.Shape.Features;
        return new()
        {
            Index = index,
            Name = runner.Name,
            Plugin = device.Device.PluginName,
            TypeId = device.Shape.DeviceId,
            Description = PluginCall.Ask(runner.Name, () => runner.Device.Description),
            Descriptor = device.Place.Descriptor,
            Features = features,
            FeatureBits = [.. Enumerable.Range(0, BitOperations.Log2(features) + 1).Where(bit => (features >> bit & 1) != 0)],
            Config = PluginCall.Ask(runner.Name, () => Convert.ToHexStringLower(runner.Device.Config.Span)),
            Queues = [.. device.Place.Queues.Zip(runner.Queues, (place, queue) => new QueueModel(queue.Name, place.Size, place.Irq, place.RingAddress))],
            Options = options,
        };
    }
}

/// <summary>A queue: its name in the plugin, how many descriptors it has, its interrupt line, and where its ring lies.</summary>
internal sealed record QueueModel(string Name, int Size, int Irq, ulong RingAddress);
