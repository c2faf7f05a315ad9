// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>Whole guests with translator and interpreter side by side: no difference from the first instruction to the last.</summary>
public sealed class LockstepTests : IDisposable
{
    private static readonly string[] Options = ["--engine=soft", "--cpu=lockstep"];

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void Puppy_passes_its_own_checks()
    {
        SkipElsewhere();
        var (code, output, errors) = LguestProcess.Run(
            [.. Options, "--block=" + _scratch.Disk(1 << 20), "--rng", "64", LguestProcess.Puppy, "quiet", "run=self-test"]);
        Assert.True(output.Contains(" passed, 0 failed", StringComparison.Ordinal), output + errors);
        Assert.Equal("lguest: CRASH: Power down\n", errors);
        Assert.Equal(0, code);
    }

    [Theory]
    [MemberData(nameof(LinuxGuest.Kernels), MemberType = typeof(LinuxGuest))]
    public void Linux_boots_to_a_shell_and_powers_off(string kernel)
    {
        LinuxGuest.Initrd(kernel);
        SkipElsewhere();
        using var process = LguestProcess.Start(LinuxGuest.Arguments(kernel, [.. Options, "--block=" + _scratch.Disk(1 << 20)]));
        var guest = new LinuxGuest(process);
        guest.WaitForPrompt();
        Assert.Contains("Linux", guest.Run("uname -a"), StringComparison.Ordinal);
        guest.Run("md5sum /dev/vda");
        guest.Run("echo hello | gzip | gunzip");
        guest.PowerOff();
    }

    private static void SkipElsewhere() =>
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64, "there is no translator for this processor");
}
