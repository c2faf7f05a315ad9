// SPDX-License-Identifier: MIT
namespace LguestPlug;

/// <summary>The version of the device contract.</summary>
public static class DeviceContract
{
    /// <summary>
    /// Grows by one whenever something is added to the contract. Compiled into every plugin by
    /// <see cref="DevicePluginAttribute"/>, so that a host can tell, before it loads any code, whether the plugin may expect
    /// more than the host has.
    /// </summary>
    public const int Revision = 1;
}
