// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Virtio;

namespace LguestPlug.Host.Bus;

/// <summary>A device and the name of its plugin, by which the C launcher's messages call it.</summary>
internal sealed record BusDevice(string PluginName, VirtioDeviceRunner Runner);

/// <summary>A device with what the bus knows of it and where the bus has put it.</summary>
internal sealed record PlacedDevice(BusDevice Device, DeviceShape Shape, DevicePlace Place);
