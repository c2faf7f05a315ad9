// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Privileges;

/// <summary>
/// The socket and pipes by which .NET's debugging tools reach a process. The runtime removes them when the process ends, which
/// it cannot do from inside another root directory, as another user or under Landlock; and nobody is to reach a confined process that way.
/// </summary>
internal static class RuntimeFiles
{
    public static void Remove()
    {
        try
        {
            // Their names have the process's number and its time of start, so they cannot be another's.
            var own = $"{Environment.ProcessId}-{StartTime()}";
            foreach (var name in new[] { $"dotnet-diagnostic-{own}-socket", $"clr-debug-pipe-{own}-in", $"clr-debug-pipe-{own}-out" })
                File.Delete(Path.Combine(Path.GetTempPath(), name));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Without /proc, or with them out of reach already, they stay; nothing depends on it.
        }
    }

    /// <summary>Field 22 of the process's status; the second, its name, may have spaces in it and ends with the last ')'.</summary>
    private static string StartTime()
    {
        var status = File.ReadAllText("/proc/self/stat");
        return status[(status.LastIndexOf(')') + 2)..].Split(' ')[22 - 3];
    }
}
