// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Bench.Cpu;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>The CPU benchmark's workloads, made small: the embedded CPU computes what this machine's own processor does.</summary>
public sealed class CpuBenchTests
{
    /// <summary>A few rounds of each.</summary>
    private const int Divide = 2000;

    [Fact]
    public void Every_workload_answers_what_the_host_answers()
    {
        var reason = GuestImages.WhyNot();
        Assert.SkipWhen(reason is not null, reason ?? "");
        // Not in a folder of this run's own: compiling the wide workload takes a while.
        var images = GuestImages.Build(Path.Combine(AppContext.BaseDirectory, "cpu-bench"));
        // The machine of the tests' own launcher, which is built with them.
        var guest = new Machine("lguest", null, words => new(LguestProcess.Executable, ["64", images[Platform.Lguest], .. words]));
        var native = Checksums(Machine.Native(images[Platform.Native]));
        var embedded = Checksums(guest);
        Assert.NotEmpty(native);
        Assert.Equal(native, embedded.Where(pair => native.ContainsKey(pair.Key)).ToDictionary());
        // What only a kernel can do has a known answer: every system call, fault and switch of address spaces counted.
        Assert.Equal(["calls", "faults", "spaces"], embedded.Keys.Except(native.Keys));
        Assert.Equal($"{500 ^ 500 << 4:x8}", embedded["calls"]);
        Assert.Equal($"{FaultSum(2) ^ 128 << 4:x8}", embedded["faults"]);
        Assert.Equal($"{SpacesSum(50):x8}", embedded["spaces"]);
    }

    private static Dictionary<string, string> Checksums(Machine machine) =>
        GuestRun.Run(machine, [], Divide).ToDictionary(s => s.Name, s => s.Checksum);

    /// <summary>Sixty-four pages, each with a counter that every round increments, added up before.</summary>
    private static uint FaultSum(uint rounds)
    {
        uint sum = 0;
        for (uint r = 0; r < rounds; r++)
            sum = (sum * 31) + (64 * r);
        return sum;
    }

    /// <summary>Sixteen pages read in the one and in the other address space by turns.</summary>
    private static uint SpacesSum(uint rounds)
    {
        uint sum = 0;
        for (uint r = 0; r < rounds; r++)
        {
            for (uint page = 0; page < 16; page++)
                sum = (sum * 31) + (r % 2 * 100) + page;
        }
        return sum;
    }
}
