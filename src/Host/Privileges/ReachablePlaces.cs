// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.Loader;

namespace LguestPlug.Host.Privileges;

/// <summary>What the process may still open when its guest runs: what the runtime comes to need, and nothing of the user's.</summary>
internal static class ReachablePlaces
{
    /// <summary>Where shared libraries and what describes the machine are. No file in them is one user's.</summary>
    private static readonly string[] s_ofTheSystem =
    [
        "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/usr/share/terminfo", "/etc/ld.so.cache", "/etc/localtime",
        "/proc/self", "/proc/meminfo", "/proc/stat", "/proc/cpuinfo", "/sys/fs/cgroup", "/sys/devices/system",
        "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom",
    ];

    /// <summary>The folders of the runtime, the program and the plugins: parts of each are loaded when they are first used.</summary>
    public static IEnumerable<string> Readable
    {
        get
        {
            string[] own = [AppContext.BaseDirectory, Path.GetDirectoryName(typeof(object).Assembly.Location)!];
            // Each plugin has a context of its own.
            var plugins = AssemblyLoadContext.All.Where(context => context != AssemblyLoadContext.Default)
                .SelectMany(context => context.Assemblies).Where(assembly => !assembly.IsDynamic).Select(assembly => Path.GetDirectoryName(assembly.Location)!);
            return [.. s_ofTheSystem, .. own.Concat(plugins).Where(folder => folder.Length > 0).Distinct()];
        }
    }
}
