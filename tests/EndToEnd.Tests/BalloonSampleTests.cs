// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.Text.RegularExpressions;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>The device of samples/Balloon, which shares nothing with the host but the contract, used by a real Linux.</summary>
public class BalloonSampleTests
{
    private const int Slack = 2048;

    private static string PluginFolder => Path.GetDirectoryName(LguestProcess.BuiltIn("samples/Balloon/src/Acme.Balloon", "Acme.Balloon.dll"))!;

    [Theory]
    [MemberData(nameof(LinuxGuest.Kernels), MemberType = typeof(LinuxGuest))]
    public void A_guest_has_less_free_memory_by_what_is_in_the_balloon(string kernel)
    {
        var (without, _) = FreeMemory(kernel, "balloon,0", _ => true);
        var (with, errors) = FreeMemory(kernel, "balloon,32M", free => free <= without - (32 * 1024) + Slack);
        Assert.InRange(without - with, (32 * 1024) - Slack, (32 * 1024) + Slack);
        Assert.Contains("balloon0: 8192 pages were in the balloon at the end\n", errors, StringComparison.Ordinal);
        Assert.Contains("balloon0: the guest says that 8192 of 8192 pages are in the balloon\n", errors, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(LinuxGuest.Kernels), MemberType = typeof(LinuxGuest))]
    public void A_balloon_grows_while_the_guest_runs(string kernel)
    {
        using var process = Start(kernel, "balloon,48M,grow=16M,period=0.2");
        var guest = new LinuxGuest(process);
        guest.WaitForPrompt();
        SkipWithoutDriver(guest);
        // Its driver was shown a target of 4096 pages when it started, and is interrupted for queues alone.
        WaitFor(() => process.Errors.Contains("says that 12288 of 12288 pages", StringComparison.Ordinal), "the balloon never was full");
        // A reboot is a new guest: it has its memory back, and loses it again.
        guest.Reboot();
        WaitFor(() => process.Errors.Split("says that 12288 of 12288 pages").Length == 3, "the balloon of the second boot never was full");
        guest.Type("poweroff -f");
        Assert.Equal(0, process.WaitForExit());
        Assert.Equal(2, process.Errors.Split("balloon0: 12288 pages were in the balloon at the end\n").Length - 1);
    }

    /// <summary>KiB that a guest with this balloon has free at its shell, once that is as expected, and what the host said.</summary>
    private static (int Free, string Errors) FreeMemory(string kernel, string balloon, Func<int, bool> expected)
    {
        using var process = Start(kernel, balloon);
        var guest = new LinuxGuest(process);
        guest.WaitForPrompt();
        SkipWithoutDriver(guest);
        var free = 0;
        WaitFor(
            () => expected(free = int.Parse(Regex.Match(guest.Run("grep MemFree /proc/meminfo"), @"MemFree:\s+(\d+) kB").Groups[1].Value, CultureInfo.InvariantCulture)),
            "the guest never had as little free memory as its balloon was to leave");
        guest.Type("poweroff -f");
        Assert.Equal(0, process.WaitForExit());
        return (free, process.Errors);
    }

    private static LguestProcess Start(string kernel, string balloon) =>
        LguestProcess.Start(LinuxGuest.Arguments(kernel, "--verbose", "--plugin-dir", PluginFolder, "--device", balloon));

    /// <summary>Skips the test where this kernel has no driver for the device.</summary>
    internal static void SkipWithoutDriver(string kernel)
    {
        using var process = LguestProcess.Start(LinuxGuest.Arguments(kernel));
        var guest = new LinuxGuest(process);
        guest.WaitForPrompt();
        SkipWithoutDriver(guest);
        guest.PowerOff();
    }

    private static void SkipWithoutDriver(LinuxGuest guest)
    {
        guest.Run("mkdir -p /sys && mount -t sysfs sysfs /sys || true");
        var drivers = guest.Run("ls /sys/bus/virtio/drivers");
        if (!drivers.Contains("virtio_balloon", StringComparison.Ordinal))
            Assert.Skip("this kernel has no driver for balloons (CONFIG_VIRTIO_BALLOON)");
    }

    internal static void WaitFor(Func<bool> condition, string otherwise)
    {
        // Looks are counted and not time, of which a busy machine may take much from all of us at once.
        for (var looks = 0; !condition(); looks++)
        {
            Assert.True(looks < 2400, otherwise);
            Thread.Sleep(50);
        }
    }
}
