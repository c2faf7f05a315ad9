// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>What the kernel says of the threads of a process (<c>/proc/PID/task/TID/status</c>).</summary>
internal static class ThreadStatus
{
    /// <summary>The values of the line <paramref name="name"/>, of all threads of <paramref name="process"/>, each once.</summary>
    public static string[] OfAll(int process, string name) =>
        [.. Directory.GetDirectories($"/proc/{process}/task").SelectMany(Lines)
            .Where(line => line.StartsWith(name + ":", StringComparison.Ordinal)).Select(line => line[(name.Length + 1)..].Trim()).Distinct()];

    private static string[] Lines(string task)
    {
        try
        {
            return File.ReadAllLines(task + "/status");
        }
        catch (IOException) when (!Directory.Exists(task))
        {
            // It has ended meanwhile.
            return [];
        }
    }
}
