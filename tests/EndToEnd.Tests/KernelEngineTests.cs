// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// The kernel engine as it is chosen and confined, in a mount namespace whose <c>/dev/lguest</c> is an ordinary file: it takes
/// what prepares the guest, and the first word of it, 0, is read back as a notify of an empty text, over and over. A guest that
/// runs and does nothing.
/// </summary>
public sealed class KernelEngineTests : IDisposable
{
    private const string OwnDevices =
        """
        set -e
        mount -t tmpfs lguest-test "$DEVICES"
        for name in null zero urandom random; do touch "$DEVICES/$name"; mount --bind "/dev/$name" "$DEVICES/$name"; done
        touch "$DEVICES/lguest"
        mount --move "$DEVICES" /dev
        exec "$@"
        """;

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private LguestProcess Start(params string[] arguments)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root for a /dev of its own");
        Assert.SkipWhen(LguestProcess.WhyNot("no", "unshare", "--mount", "--", "sh", "-c", "mount -t tmpfs x /mnt") is not null, "needs mount namespaces (unshare --mount)");
        var devices = Directory.CreateDirectory(Path.Combine(_scratch.Folder, "dev")).FullName;
        return LguestProcess.StartBehind(
            ["unshare", "--mount", "--", "env", "DEVICES=" + devices, "sh", "-c", OwnDevices, "sh"], [.. arguments, "64", LguestProcess.Puppy]);
    }

    private static void WaitForErrors(LguestProcess process, string text)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        while (!process.Errors.Contains(text, StringComparison.Ordinal))
        {
            Assert.True(clock.Elapsed < TimeSpan.FromMinutes(1), $"'{text}' did not appear in:\n{process.Errors}");
            Thread.Sleep(10);
        }
    }

    /// <summary>Where the process's descriptors lead that are files or directories of names.</summary>
    private static List<string> OpenNames(LguestProcess process) => [.. Directory.GetFileSystemEntries($"/proc/{process.Id}/fd")
        .Select(entry => File.ResolveLinkTarget(entry, returnFinalTarget: false)?.FullName).OfType<string>()];

    private static bool HasDirectory(LguestProcess process) => OpenNames(process).Contains("/dev");

    private static void Stop(LguestProcess process)
    {
        process.Signal(15);
        Assert.Equal(143, process.WaitForExit());
        Assert.EndsWith("lguest: stopped by SIGTERM\n", process.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Auto_runs_the_guest_in_the_kernel_where_the_device_is()
    {
        using var process = Start("--verbose");
        WaitForErrors(process, "Notify on address 0x0\n");
        Assert.StartsWith("launcher: Engine: kernel\n", process.Errors, StringComparison.Ordinal);
        Assert.Contains("/dev/lguest", OpenNames(process));
        Assert.False(HasDirectory(process));
        Stop(process);
    }

    [Fact]
    public void Soft_does_not_touch_it()
    {
        using var process = Start("--engine=soft", "--verbose");
        process.WaitFor("puppy> ");
        Assert.StartsWith("launcher: Engine: soft\n", process.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("/dev/lguest", OpenNames(process));
        Stop(process);
    }

    [Theory]
    [InlineData(true, false, true)]
    [InlineData(false, false, false)]
    [InlineData(true, true, false)]
    public void Confined_a_directory_outside_stays_open_only_where_a_reboot_needs_it(bool reboot, bool deviceInside, bool expected)
    {
        var root = Directory.CreateDirectory(Path.Combine(_scratch.Folder, "root")).FullName;
        if (deviceInside)
        {
            Directory.CreateDirectory(Path.Combine(root, "dev"));
            File.WriteAllBytes(Path.Combine(root, "dev", "lguest"), []);
        }
        using var process = Start(["--verbose", "--chroot", root, "--username", "nobody", .. reboot ? Array.Empty<string>() : ["--no-reboot"]]);
        WaitForErrors(process, "Notify on address 0x0\n");
        Assert.Contains("chroot done\n", process.Errors, StringComparison.Ordinal);
        Assert.Equal(expected, HasDirectory(process));
        Stop(process);
    }
}
