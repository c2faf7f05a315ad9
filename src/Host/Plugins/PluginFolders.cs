// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Plugins;

/// <summary>Where plugins are looked for without being told to.</summary>
internal static class PluginFolders
{
    /// <summary>Where the plugins are that come with this lguest.</summary>
    public static string Standard => Path.Combine(AppContext.BaseDirectory, "plugins");

    /// <summary>
    /// Where <c>lguest plugins add</c> puts a user's own: below $XDG_DATA_HOME, which counts only if it is absolute, or else
    /// below ~/.local/share. Null for a user without a home.
    /// </summary>
    public static string? OfUser
    {
        get
        {
            var data = Environment.GetEnvironmentVariable("XDG_DATA_HOME");
            if (data is not ['/', ..])
            {
                var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
                if (home is not ['/', ..])
                    return null;
                data = Path.Combine(home, ".local", "share");
            }
            return Path.Combine(data, "lguest", "plugins");
        }
    }
}
