// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Globalization;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// puppy and a real Linux (<see cref="LinuxGuest"/>), each in a process of its own and both at once, under mixed load for as long as
/// LGUEST_TEST_SOAK_MINUTES says: processor, disk, network, random numbers, console, faults and reboots. No process may grow, and no round
/// of the load may take long.
/// </summary>
public sealed class SoakTests : IDisposable
{
    private const double ShortMinutes = 0.4;
    private const int RoundsBeforeReboot = 20, WarmUpRounds = 2;
    private static readonly TimeSpan s_stall = TimeSpan.FromSeconds(60);
    private readonly Scratch _scratch = new();
    private volatile bool _isOver;

    public void Dispose() => _scratch.Dispose();

    private static TimeSpan Duration { get; } = TimeSpan.FromMinutes(
        double.TryParse(Environment.GetEnvironmentVariable("LGUEST_TEST_SOAK_MINUTES"), NumberStyles.Float, CultureInfo.InvariantCulture, out var minutes) ? minutes : ShortMinutes);

    [Fact]
    public async Task No_process_grows_and_nothing_stalls_under_mixed_load()
    {
        Assert.SkipWhen(LguestProcess.WhyNoNetwork() is not null, LguestProcess.WhyNoNetwork() ?? "");
        var output = TestContext.Current.TestOutputHelper!;
        List<Task<string>> guests = [OnThread(Puppy)];
        if (Environment.GetEnvironmentVariable("LGUEST_TEST_KERNEL") is { Length: > 0 } kernels)
            guests.Add(OnThread(() => Linux(kernels.Split(':')[0])));
        else
            output.WriteLine("without Linux: LGUEST_TEST_KERNEL names no kernel built for lguest");
        await foreach (var guest in Task.WhenEach(guests))
        {
            // One that has failed ends the others after their round.
            _isOver |= guest.IsFaulted;
            if (!guest.IsFaulted)
                output.WriteLine(await guest);
        }

        await Task.WhenAll(guests);
    }

    private static Task<string> OnThread(Func<string> load) => Task.Factory.StartNew(load, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

    private string Puppy()
    {
        const int Megabytes = 16;
        using var process = LguestProcess.StartInOwnNetwork(
            "--on-device-fault=detach", "--block=" + _scratch.Disk(4 << 20, seed: 2), "--rng", "--tunnet=192.168.19.1", $"{Megabytes}", LguestProcess.Puppy, "quiet");
        var done = 0;
        void Run(string command)
        {
            // What it echoes has the words apart.
            process.Type($"{command}\necho done{++done} .\n");
            var answer = process.WaitFor($"\ndone{done} .");
            Assert.DoesNotContain("FAIL", answer, StringComparison.Ordinal);
            Assert.DoesNotContain("failed\r", answer.Replace(" 0 failed\r", "", StringComparison.Ordinal), StringComparison.Ordinal);
        }

        return Soak("puppy", process, Megabytes, round =>
        {
            Run("self-test");
            Run($"disk write 0 2048 {round + 1000}");
            Run($"disk verify 0 2048 {round + 1000}");
            Run("disk flush");
            Run("net ping 192.168.19.1 200");
            Run("rng 2000");
            Run("bench quick crc32 fib");
            Run("sleep 1500");
            if (round % RoundsBeforeReboot == WarmUpRounds - 1)
            {
                // What is typed before the prompt is there would go to the guest that ends.
                process.Type("reboot\n");
                process.WaitFor("reboot");
                process.WaitFor("puppy> ");
            }
        });
    }

    private string Linux(string kernel)
    {
        using var process = LguestProcess.StartInOwnNetwork(
            LinuxGuest.Arguments(kernel, "--block=" + _scratch.Disk(16 << 20, seed: 3), "--rng", "--tunnet=192.168.19.1"));
        var guest = new LinuxGuest(process);
        guest.WaitForPrompt();
        void SetUp()
        {
            guest.Run("ip link set eth0 up 2>/dev/null; ip addr add 192.168.19.2/24 dev eth0 2>/dev/null || ifconfig eth0 192.168.19.2; mount -t tmpfs none /mnt 2>/dev/null; true");
            // All of its memory is touched once, so that what is touched later is no growth.
            guest.Run("dd if=/dev/zero of=/mnt/x bs=1M count=55 2>/dev/null; rm -f /mnt/x");
        }

        SetUp();
        return Soak("Linux", process, LinuxGuest.Megabytes, round =>
        {
            guest.Run($"dd if=/dev/urandom of=/mnt/r bs=64k count=16 2>/dev/null && dd if=/mnt/r of=/dev/vda bs=64k seek={round % 200} conv=fsync 2>/dev/null");
            guest.Run($"echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/vda bs=64k skip={round % 200} count=16 2>/dev/null | cmp - /mnt/r");
            guest.Run("ping -c 20 -i 0.02 192.168.19.1 > /mnt/p || ping -c 3 192.168.19.1 > /mnt/p; grep -q ' 0% packet loss' /mnt/p");
            guest.Run("i=0; while [ $i -lt 40 ]; do /bin/true; i=$((i+1)); done; gzip -c /mnt/r | gzip -d | cmp - /mnt/r");
            guest.Run("head -c 500 /dev/hwrng > /dev/null; head -c 3000 /mnt/r | od -x | head -n 20; sleep 3");
            if (round % RoundsBeforeReboot == WarmUpRounds - 1)
            {
                guest.Reboot();
                SetUp();
            }
        });
    }

    private string Soak(string name, LguestProcess process, int megabytes, Action<int> load)
    {
        var clock = Stopwatch.StartNew();
        ProcessResources? early = null;
        TimeSpan longest = default;
        var rounds = 0;

        // Enough for everything to have happened once, reboots too.
        while (!_isOver && (clock.Elapsed < Duration || early is null))
        {
            var start = clock.Elapsed;
            load(rounds++);
            var took = clock.Elapsed - start;
            longest = took > longest ? took : longest;
            Assert.True(took < s_stall, $"{name}: round {rounds} took {took.TotalSeconds:f0} s");
            if (early is null && rounds >= WarmUpRounds && (clock.Elapsed > Duration / 10 && (rounds > RoundsBeforeReboot + WarmUpRounds || Duration.TotalMinutes < 10)))
                early = ProcessResources.Of(process.Id, megabytes);
        }

        if (early is null)
            return $"{name}: given up";
        var late = ProcessResources.Of(process.Id, megabytes);
        var report = $"{name}: {rounds} rounds in {clock.Elapsed.TotalMinutes:f1} min, the longest {longest.TotalSeconds:f1} s; {early}, then {late}";
        ProcessResources.AssertNoGrowth(early, late);
        return report;
    }
}
