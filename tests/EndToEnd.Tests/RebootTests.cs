// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>A machine that reboots again and again in one process.</summary>
public sealed class RebootTests : IDisposable
{
    /// <summary>By then the runtime has compiled again what is hot, which takes memory.</summary>
    private const int Settled = 15;
    // Enough for what each leaves to be collected to show, if nothing were.
    private const int Boots = 200;
    private const int Megabytes = 64;
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
        ProcessResources? early = null;
        for (var boot = 1; boot <= Boots; boot++)
        {
            process.WaitFor("puppy> ");
            process.Type("disk sum\n");
            process.WaitFor("2048 sectors, crc32 ");
            process.WaitFor("puppy> ");
            if (boot == Settled)
                early = ProcessResources.Of(process.Id, Megabytes);
            if (boot < Boots)
                process.Type("reboot\n");
        }
        var late = ProcessResources.Of(process.Id, Megabytes);
        process.Type("poweroff\n");
        Assert.Equal(0, process.WaitForExit());
        Assert.Equal("lguest: CRASH: Power down\n", process.Errors);

        ProcessResources.AssertNoGrowth(early!, late);
        TestContext.Current.TestOutputHelper?.WriteLine($"{early} at boot {Settled}, {late} at boot {Boots}");
    }
}
