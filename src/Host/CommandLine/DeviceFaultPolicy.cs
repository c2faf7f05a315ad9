// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.CommandLine;

/// <summary>What becomes of the guest when a device cannot go on: its driver broke a rule, or its plugin threw.</summary>
internal enum DeviceFaultPolicy
{
    /// <summary>The machine stops, as the C launcher does.</summary>
    Stop,

    /// <summary>The guest goes on; the device answers nothing until its driver or a reboot resets it.</summary>
    Detach,
}
