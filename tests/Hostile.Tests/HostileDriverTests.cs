// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using LguestPlug.Host;
using LguestPlug.Host.Tests;
using LguestPlug.Testing;
using LguestPlug.Tests;

namespace LguestPlug.Hostile.Tests;

/// <summary>
/// The hostile-driver suite: every queue of every device, and each thing that a driver must not do. Whatever it is, nothing may
/// crash or hang, no byte of guest memory may change that was not handed over, nothing may leak, and after a reset the device
/// must serve as ever.
/// </summary>
[Collection(nameof(Alone))]
public class HostileDriverTests(ITestOutputHelper output)
{
    /// <summary>128 of it are 4 GiB.</summary>
    private const int MemoryMegabytes = 32;

    private const int ArenaBytes = 512 * 1024;

    public static TheoryData<string> Subjects => [.. Subject.All.Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(Subjects))]
    public void NothingADriverDoesHarmsAnybodyElse(string name)
    {
        Subject subject = Subject.All.Single(s => s.Name == name);
        if (subject.Device == "net")
            NetworkNamespace.Run(() => Run(subject));
        else
            Run(subject);
    }

    public static TheoryData<string> BusSubjects => [.. BusSubject.All.Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(BusSubjects))]
    public void NothingAGuestDoesToTheBusHarmsAnybodyElse(string name)
    {
        BusSubject subject = BusSubject.All.Single(s => s.Name == name);
        if (subject.Device == "net")
            NetworkNamespace.Run(() => Run(subject));
        else
            Run(subject);
    }

    private void Run(Subject subject)
    {
        // Once beforehand, for all that is opened on first use and kept.
        RunCases(subject, subject.Cases.Take(1), []);
        string[] descriptors = Descriptors();
        var failures = new List<string>();
        RunCases(subject, subject.Cases, failures);
        Report(subject.Name, subject.Cases.Select(c => c.Verdict), failures);
        Assert.Equal(descriptors, Descriptors());
        Assert.DoesNotContain(ThreadNames(), thread => thread.StartsWith(subject.Device, StringComparison.Ordinal));
    }

    private void Run(BusSubject subject)
    {
        var failures = new List<string>();
        RunCase(subject, BusCases.All[0], failures);
        string[] descriptors = Descriptors();
        foreach (HostileCase<BusBench> hostile in BusCases.All)
            RunCase(subject, hostile, failures);

        Report(subject.Name, BusCases.All.Select(c => c.Verdict), failures);
        Assert.Equal(descriptors, Descriptors());
    }

    private static void RunCase(BusSubject subject, HostileCase<BusBench> hostile, List<string> failures)
    {
        try
        {
            using Rig rig = subject.CreateRig();
            using (var bench = new BusBench(rig, subject.Use))
                RunCase(bench, hostile);

            rig.CheckWorld();
        }
#pragma warning disable CA1031 // One case that fails does not hide the others.
        catch (Exception e)
#pragma warning restore CA1031
        {
            failures.Add($"{subject.Name}: {hostile.Name}: {e.Message}");
        }
    }

    private static void RunCase(BusBench bench, HostileCase<BusBench> hostile)
    {
        if (hostile.Verdict != Verdict.Refused)
        {
            hostile.Commit(bench);
            Assert.Null(bench.Fault);
        }
        else
        {
            // What the bus refuses ends the machine, what a device refuses ends that device.
            var end = Record.Exception(() => hostile.Commit(bench)) as HostException;
            Assert.Equal(Fill(bench, hostile.Reason), end?.Message ?? bench.Fault);
            bench.CheckMemory();
            if (end is not null)
                bench.Reboot();
        }

        bench.CheckServes();
        bench.CheckMemory();
    }

    private static string Fill(BusBench bench, string reason) => reason
        .Replace("{queue}", bench.Use.Queue, StringComparison.Ordinal)
        .Replace("{size}", bench.Queue.Size.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{last}", (bench.Bus.Limit - 1).ToString("x", CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{limit}", bench.Bus.Limit.ToString("x", CultureInfo.InvariantCulture), StringComparison.Ordinal)
        .Replace("{next}", (bench.Bus.Limit + 0x3000).ToString("x", CultureInfo.InvariantCulture), StringComparison.Ordinal);

    private void Report(string name, IEnumerable<Verdict> verdicts, List<string> failures)
    {
        output.WriteLine($"{name}: {string.Join(", ", verdicts.GroupBy(v => v).OrderBy(g => g.Key).Select(g => $"{g.Count()} {g.Key.ToString().ToLowerInvariant()}"))}");
        Assert.True(failures.Count == 0, string.Join("\n", failures));
    }

    private static void RunCases(Subject subject, IEnumerable<HostileCase<Attack>> cases, List<string> failures)
    {
        using Rig rig = subject.CreateRig();
        using (var driver = new TestDriver(rig.Device, rig.Context, MemoryMegabytes))
        {
            GuestBuffer arena = driver.Allocate(ArenaBytes, 4096);
            foreach (HostileCase<Attack> hostile in cases)
            {
                try
                {
                    RunCase(subject, rig, driver, arena, hostile);
                }
#pragma warning disable CA1031 // One case that fails does not hide the others.
                catch (Exception e)
#pragma warning restore CA1031
                {
                    failures.Add($"{subject.Name}: {hostile.Name}: {e.Message}");
                    driver.Reset();
                }
            }

            driver.Verify();
        }

        rig.CheckWorld();
    }

    private static void RunCase(Subject subject, Rig rig, TestDriver driver, GuestBuffer arena, HostileCase<Attack> hostile)
    {
        driver.Start();
        var attack = new Attack(subject, rig, driver, arena);
        hostile.Commit(attack);
        if (hostile.Verdict == Verdict.Refused)
        {
            DeviceFaultException fault = driver.WaitForFault();
            Assert.Equal(subject.Queue, fault.Queue);
            Assert.NotEmpty(fault.Reason);
            if (hostile.Reason.Length > 0)
            {
                Assert.Equal(attack.Fill(hostile.Reason), fault.Message);
                Assert.Equal(attack.Answered, attack.Ring.UsedIndex);
            }
        }

        driver.Reset();
        driver.Start();
        Attack.CheckServes(subject, rig, driver);
        driver.Reset();
    }

    /// <summary>What kinds of descriptors are open, but for what others left to be collected, and for code.</summary>
    private static string[] Descriptors()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return
        [
            .. Directory.GetFiles("/proc/self/fd")
                .Select(path => new FileInfo(path).LinkTarget ?? "")
                .Where(target => !target.EndsWith(".dll", StringComparison.Ordinal))
                .Select(target => target.TrimEnd(']').TrimEnd("0123456789".ToCharArray()))
                .Order(StringComparer.Ordinal),
        ];
    }

    private static IEnumerable<string> ThreadNames() => Directory.GetDirectories("/proc/self/task").Select(NameOf);

    private static string NameOf(string task)
    {
        try
        {
            return File.ReadAllText(task + "/comm");
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return "";
        }
    }
}
