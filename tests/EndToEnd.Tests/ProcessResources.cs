// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>What a process that runs a guest holds at one moment.</summary>
internal sealed record ProcessResources(int Descriptors, int Threads, int Mappings, int OwnKilobytes)
{
    // What was compiled, collected and translated goes up and down by so much.
    private const int MemoryTolerance = 24 * 1024;
    // Each assembly the runtime loads late stays open twice.
    private const int DescriptorTolerance = 6;
    // The runtime's pool of threads grows when a timer fires, and shrinks when it likes.
    private const int ThreadTolerance = 8;

    /// <summary>Of process <paramref name="process"/>, whose guest has <paramref name="megabytes"/> MiB of memory.</summary>
    public static ProcessResources Of(int process, int megabytes) => new(
        Directory.GetFileSystemEntries($"/proc/{process}/fd").Length,
        Directory.GetDirectories($"/proc/{process}/task").Length,
        File.ReadLines($"/proc/{process}/maps").Count(),
        MemoryBesides(process, megabytes << 10));

    public override string ToString() => $"{OwnKilobytes >> 10} MiB besides the guest's, {Descriptors} descriptors, {Threads} threads, {Mappings} mappings";

    /// <summary>The runtime itself starts a thread, opens or maps something now and then, but not at each boot: dozens of boots belong between the two.</summary>
    public static void AssertNoGrowth(ProcessResources early, ProcessResources late)
    {
        Assert.True(late.Descriptors <= early.Descriptors + DescriptorTolerance, $"{early}, then {late}");
        Assert.True(late.Threads <= early.Threads + ThreadTolerance, $"{early}, then {late}");
        // A thread brings a stack and a heap of its own.
        Assert.True(late.Mappings <= early.Mappings + 30 + (10 * (late.Threads - early.Threads)), $"{early}, then {late}");
        Assert.True(late.OwnKilobytes <= early.OwnKilobytes + MemoryTolerance, $"{early}, then {late}");
    }

    /// <summary>What is resident, without the mapping of the guest's size.</summary>
    private static int MemoryBesides(int process, int guest)
    {
        int own = 0, size = 0;
        foreach (var line in File.ReadLines($"/proc/{process}/smaps"))
        {
            if (line.StartsWith("Size:", StringComparison.Ordinal))
                size = Kilobytes(line);
            else if (line.StartsWith("Rss:", StringComparison.Ordinal) && (size < guest || size > guest + 1024))
                own += Kilobytes(line);
        }

        return own;
    }

    private static int Kilobytes(string line) => int.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);
}
