// SPDX-License-Identifier: MIT
using Microsoft.Extensions.Logging;

namespace LguestPlug;

/// <summary>What the host offers one device. All members may be used on any thread, until the device is disposed.</summary>
public interface IDeviceContext
{
    /// <summary>The device's name, unique in its machine: "block0".</summary>
    string Name { get; }

    /// <summary>
    /// The device's log. Information: once per device or start; Debug: once per request (ask <see cref="ILogger.IsEnabled"/>
    /// first); Warning and Error are shown even when the host is quiet.
    /// </summary>
    ILogger Logger { get; }

    /// <summary>Asks the host to stop the guest in an orderly way and end. Returns at once.</summary>
    /// <param name="reason">Why, in one line, for the user.</param>
    void RequestStop(string reason);

    /// <summary>
    /// Tells the driver that <see cref="VirtioDevice.Config"/> has changed. On transports that cannot tell, such as the lguest
    /// bus, the new bytes become visible and no more.
    /// </summary>
    void ConfigChanged();
}
