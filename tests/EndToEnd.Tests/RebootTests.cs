// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>A machine that reboots again and again in one process.</summary>
public sealed class RebootTests : IDisposable
{
    // The runtime compiles again what is hot, and loads and starts what that needs: after so many calls, but also only after seconds.
    private const int BootsToSettle = 15;
    // Enough for what each leaves to be collected to show, if nothing were.
    private const int Boots = 200;
    private const int Megabytes = 64;
    private static readonly TimeSpan s_timeToSettle = TimeSpan.FromSeconds(4);
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Two_hundred_boots_leave_nothing_behind() => RebootOften();

    [Fact]
    public void Two_hundred_boots_leave_nothing_behind_when_confined()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root to change the root directory and the user");
        var empty = Directory.CreateDirectory(Path.Combine(_scratch.Folder, "empty")).FullName;
        RebootOften("--chroot", empty, "--username", "nobody");
    }

    private void RebootOften(params string[] options)
    {
        var initrd = _scratch.Disk(10_000, seed: 2);
        using var process = LguestProcess.Start(
            [.. options, "--initrd=" + initrd, "--rng", "--block=" + _scratch.Disk(1 << 20), $"{Megabytes}", LguestProcess.Puppy, "quiet"]);
        void UseTheDisk()
        {
            process.WaitFor("puppy> ");
            process.Type("disk sum\n");
            process.WaitFor("2048 sectors, crc32 ");
            process.WaitFor("puppy> ");
        }

        void Reboot()
        {
            process.Type("reboot\n");
            UseTheDisk();
        }

        var clock = Stopwatch.StartNew();
        UseTheDisk();
        for (var boot = 1; boot < BootsToSettle || clock.Elapsed < s_timeToSettle; boot++)
            Reboot();
        var early = ProcessResources.Of(process.Id, Megabytes);
        for (var boot = 0; boot < Boots; boot++)
            Reboot();
        var late = ProcessResources.Of(process.Id, Megabytes);
        process.Type("poweroff\n");
        Assert.Equal(0, process.WaitForExit());
        Assert.Equal("lguest: CRASH: Power down\n", process.Errors);

        ProcessResources.AssertNoGrowth(early, late);
        TestContext.Current.TestOutputHelper?.WriteLine($"{early}, {Boots} boots later {late}");
    }
}
