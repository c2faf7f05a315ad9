// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.CommandLine;

namespace LguestPlug.Host.Plugins;

/// <summary>Makes a device as it was asked for; what goes wrong is one line that begins with how it was asked for.</summary>
internal static class DeviceMaker
{
    /// <param name="request">How it was asked for.</param>
    /// <param name="plugin">Its plugin.</param>
    /// <param name="context">What the device is given.</param>
    /// <param name="use">Puts it where it runs; if that fails the device is disposed.</param>
    public static T Make<T>(DeviceRequest request, DevicePlugin plugin, IDeviceContext context, Func<VirtioDevice, T> use)
    {
        VirtioDevice? device = null;
        try
        {
            device = plugin.CreateDevice(DeviceOptions.Bind(request, plugin.OptionsType), context);
            return use(device);
        }
        catch (Exception e)
        {
            Release(device);
            while (e is System.Reflection.TargetInvocationException { InnerException: { } inner })
                e = inner;
            throw e switch
            {
                HostException => e,
                DeviceSetupException or InsufficientMemoryException => new HostException($"{request.Spelling}: {e.Message}", inner: e),
                _ => new HostException($"{request.Spelling}: the plugin threw {e.GetType().Name}: {e.Message}", inner: e),
            };
        }
    }

    /// <summary>Of a device that could not be made it is the reason that counts.</summary>
    private static void Release(VirtioDevice? device)
    {
        try
        {
            device?.Dispose();
        }
        catch (Exception)
        {
            // A second line would only hide the first.
        }
    }
}
