// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Bench.Throughput;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// The whole launcher with its <c>kernel</c> engine, over a stand-in for the device file that plays the kernel and a guest's
/// driver: the benchmark's own operations, each for a moment.
/// </summary>
public sealed class DrivenLauncherTests(Oracle oracle) : IClassFixture<Oracle>
{
    private const double Moment = 0.02;
    private const int Trials = 3;

    [Fact]
    public void Every_operation_is_served_without_errors_lost_wake_ups_or_allocations()
    {
        Assert.SkipWhen(oracle.WhyNot is not null, oracle.WhyNot ?? "");
        using var scratch = new Scratch();
        var disk = scratch.Disk(1 << 20);
        string[] specs = [.. Operation.All.Select(o => o.Spec(Moment))];

        IReadOnlyList<Measurement> served = [];
        // The driver calls 200 ms without progress a lost wake-up: a busy machine may stand still that long, but not each time.
        for (var trial = 0; trial < Trials && (trial == 0 || served.Any(m => m.Stalls > 0)); trial++)
        {
            // The first pass lets the runtime load and compile what a request needs, which does allocate.
            served = [.. oracle.DriveHere(disk, [.. specs, .. specs]).Skip(specs.Length)];
            Assert.All(served, m => Assert.True(m.Requests > 0 && m.Errors == 0, m.ToString()));
        }

        Assert.Equal(specs.Length, served.Count);
        Assert.All(served, m => Assert.Equal(0, m.Stalls));
        // The runtime may still compile meanwhile; a request that allocated would take 24 bytes or more.
        Assert.All(served, m => Assert.True(m.AllocatedBytes < m.Requests || m.AllocatedBytes < 4096, m.ToString()));
    }
}
