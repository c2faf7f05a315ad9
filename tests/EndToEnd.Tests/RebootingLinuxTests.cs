// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>A real Linux that reboots again and again in one process: see <see cref="LinuxGuest"/>.</summary>
public sealed class RebootingLinuxTests : IDisposable
{
    private const int Reboots = 20;
    private const int Settled = 5;
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [MemberData(nameof(LinuxGuest.Kernels), MemberType = typeof(LinuxGuest))]
    public void Twenty_reboots_in_a_row_leave_nothing_behind(string kernel)
    {
        using var process = LguestProcess.Start(LinuxGuest.Arguments(kernel, "--block=" + _scratch.Disk(1 << 20), "--rng"));
        var guest = new LinuxGuest(process);
        guest.WaitForPrompt();
        ProcessResources? early = null;
        for (var reboot = 1; reboot <= Reboots; reboot++)
        {
            guest.Reboot();
            guest.Run("dd if=/dev/vda of=/dev/null bs=64k && head -c 32 /dev/hwrng > /dev/null");
            if (reboot == Settled)
                early = ProcessResources.Of(process.Id, LinuxGuest.Megabytes);
        }
        var late = ProcessResources.Of(process.Id, LinuxGuest.Megabytes);
        guest.PowerOff();
        ProcessResources.AssertNoGrowth(early!, late);
        TestContext.Current.TestOutputHelper?.WriteLine($"{early} after {Settled} reboots, {late} after {Reboots}");
    }
}
