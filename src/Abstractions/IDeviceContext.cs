// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace LguestPlug;

/// <summary>
/// What the host offers one device. All members may be used on any thread, from the device's creation until it is disposed;
/// none blocks.
/// </summary>
/// <remarks>Hosts implement it, plugins use it: it may gain members in a minor version.</remarks>
public interface IDeviceContext
{
    /// <summary>The device's name, unique in its machine: "block0".</summary>
    string Name { get; }

    /// <summary>
    /// The device's log. Information: once per device or start; Debug: once per request (ask <see cref="ILogger.IsEnabled"/>
    /// first); Warning and Error are shown even when the host is quiet. One line a message, without the device's name.
    /// </summary>
    ILogger Logger { get; }

    /// <summary>
    /// Asks the host to stop the guest in an orderly way and end. Returns at once; the services go on until the device is
    /// stopped. Of several reasons the first counts.
    /// </summary>
    /// <param name="reason">Why, in one line, for the user.</param>
    void RequestStop(string reason);

    /// <summary>
    /// Tells the driver that <see cref="VirtioDevice.Config"/> has changed; the host reads it anew, on the calling thread, before
    /// this returns. Its length must not change; only bytes that differ from the last time are put in place. On transports that cannot tell the driver, such as the lguest bus, the new bytes
    /// become visible and no more.
    /// </summary>
    void ConfigChanged();

    /// <summary>
    /// Tells the host what the guest has printed through the device, as through a console. When the guest dies, the host shows the
    /// last lines of it on standard error, without escape sequences, unless they were written to the same place anyway.
    /// </summary>
    /// <param name="text">The bytes as the guest wrote them, in pieces of any length. Valid during the call.</param>
    /// <param name="writtenTo">Where the device has written them; null if nowhere.</param>
    void GuestPrinted(ReadOnlySpan<byte> text, SafeHandle? writtenTo);
}
