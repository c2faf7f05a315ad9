// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>What a process holds at one moment.</summary>
internal sealed record ProcessResources(int Descriptors, int Threads, int Mappings)
{
    public static ProcessResources Of(int process) => new(
        Directory.GetFileSystemEntries($"/proc/{process}/fd").Length,
        Directory.GetDirectories($"/proc/{process}/task").Length,
        File.ReadLines($"/proc/{process}/maps").Count());

    /// <summary>The runtime itself starts a thread or maps something now and then, but not at each boot.</summary>
    public static void AssertNoGrowth(ProcessResources early, ProcessResources late)
    {
        Assert.True(late.Descriptors <= early.Descriptors + 2, $"{early}, then {late}");
        Assert.True(late.Threads <= early.Threads + 3, $"{early}, then {late}");
        // A thread brings a stack and a heap of its own.
        Assert.True(late.Mappings <= early.Mappings + 30 + (10 * (late.Threads - early.Threads)), $"{early}, then {late}");
    }
}
