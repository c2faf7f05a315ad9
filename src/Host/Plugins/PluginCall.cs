// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Plugins;

/// <summary>Asks a plugin something that none should have trouble with. One that has is named.</summary>
internal static class PluginCall
{
    /// <summary>What a device answers.</summary>
    /// <param name="device">Its name in the machine.</param>
    /// <param name="question">Asks it.</param>
    /// <exception cref="HostException">It threw.</exception>
    public static T Ask<T>(string device, Func<T> question)
    {
        try
        {
            return question();
        }
        catch (Exception e) when (e is not HostException)
        {
            throw new HostException(Failure(device, e), inner: e);
        }
    }

    /// <summary>The same where nothing depends on it: what it threw is the answer.</summary>
    public static string? Text(string device, Func<string?> question)
    {
        try
        {
            return question();
        }
        catch (Exception e)
        {
            return Failure(device, e);
        }
    }

    /// <summary>What to say of an exception that came from a device.</summary>
    public static string Failure(string device, Exception e) =>
        // What there is too little of is nobody's fault.
        e is InsufficientMemoryException ? e.Message : $"{device}: the plugin threw {e.GetType().Name}: {e.Message.ReplaceLineEndings(" ")}";
}
