// SPDX-License-Identifier: GPL-2.0-or-later
using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>A real Linux with one device at a time: see <see cref="LinuxGuest"/>.</summary>
public sealed class LinuxTests : IDisposable
{
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [MemberData(nameof(LinuxGuest.Kernels), MemberType = typeof(LinuxGuest))]
    public void It_boots_to_a_shell_and_powers_off(string kernel)
    {
        using var process = LguestProcess.Start(LinuxGuest.Arguments(kernel));
        var guest = new LinuxGuest(process);
        guest.WaitForPrompt();
        Assert.Contains("Linux", guest.Run("uname -a"), StringComparison.Ordinal);
        guest.PowerOff();
    }

    [Theory]
    [MemberData(nameof(LinuxGuest.Kernels), MemberType = typeof(LinuxGuest))]
    public void Its_disk_has_the_hosts_bytes_and_keeps_what_is_written_over_a_reboot(string kernel)
    {
        const int Size = 16 << 20;
        LinuxGuest.Initrd(kernel);
        var disk = _scratch.Disk(Size);
#pragma warning disable CA5351 // md5sum is what every busybox has; nothing here is secret.
        var digest = Convert.ToHexStringLower(MD5.HashData(File.ReadAllBytes(disk)));
#pragma warning restore CA5351
        using var process = LguestProcess.Start(LinuxGuest.Arguments(kernel, "--block=" + disk));
        var guest = new LinuxGuest(process);
        guest.WaitForPrompt();
        Assert.Contains(digest, guest.Run("md5sum /dev/vda"), StringComparison.Ordinal);
        guest.Run("echo written by the guest | dd of=/dev/vda bs=512 seek=100 conv=notrunc,sync && sync");
        guest.Reboot();
        Assert.Contains("written by the guest", guest.Run("dd if=/dev/vda bs=512 skip=100 count=1 | head -n 1"), StringComparison.Ordinal);
        guest.PowerOff();
        Assert.Equal("written by the guest\n"u8.ToArray(), File.ReadAllBytes(disk)[51200..51221]);
    }

    [Theory]
    [MemberData(nameof(LinuxGuest.Kernels), MemberType = typeof(LinuxGuest))]
    public void Its_random_source_gives_bytes(string kernel)
    {
        using var process = LguestProcess.Start(LinuxGuest.Arguments(kernel, "--rng"));
        var guest = new LinuxGuest(process);
        guest.WaitForPrompt();
        var one = Regex.Match(guest.Run("head -c 32 /dev/hwrng | md5sum"), "[0-9a-f]{32}").Value;
        var other = Regex.Match(guest.Run("head -c 32 /dev/hwrng | md5sum"), "[0-9a-f]{32}").Value;
        Assert.NotEqual("", one);
        Assert.NotEqual(one, other);
    }

    [Theory]
    [MemberData(nameof(LinuxGuest.Kernels), MemberType = typeof(LinuxGuest))]
    public void Its_network_card_reaches_the_host(string kernel)
    {
        LinuxGuest.Initrd(kernel);
        Assert.SkipWhen(LguestProcess.WhyNoNetwork() is not null, LguestProcess.WhyNoNetwork() ?? "");
        using var process = LguestProcess.StartInOwnNetwork(LinuxGuest.Arguments(kernel, "--tunnet=192.168.19.1"));
        var guest = new LinuxGuest(process);
        guest.WaitForPrompt();
        guest.Run("ifconfig eth0 192.168.19.2 up");
        guest.Ping("192.168.19.1");
        guest.PowerOff();
    }

    [Theory]
    [MemberData(nameof(LinuxGuest.Kernels), MemberType = typeof(LinuxGuest))]
    public void A_panic_has_its_own_exit_code_and_says_why(string kernel)
    {
        var (code, _, errors) = LguestProcess.Run([.. LinuxGuest.Arguments(kernel), "rdinit=/bin/false"]);
        Assert.StartsWith("lguest: CRASH: ", errors, StringComparison.Ordinal);
        Assert.Contains("init", errors, StringComparison.Ordinal);
        Assert.Equal(4, code);
    }
}
