// SPDX-License-Identifier: GPL-2.0-or-later
using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>A real Linux, its launcher in an empty root directory as a user who may do nothing: see <see cref="LinuxGuest"/>.</summary>
public sealed class ConfinedLinuxTests : IDisposable
{
    private const string User = "nobody";
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [MemberData(nameof(LinuxGuest.Kernels), MemberType = typeof(LinuxGuest))]
    public void Disk_random_source_and_network_card_work_and_still_do_after_a_reboot(string kernel)
    {
        const int Size = 4 << 20;
        LinuxGuest.Initrd(kernel);
        Assert.SkipWhen(LguestProcess.WhyNoNetwork() is not null, LguestProcess.WhyNoNetwork() ?? "");
        Assert.SkipUnless(File.ReadLines("/etc/passwd").Any(line => line.StartsWith(User + ":", StringComparison.Ordinal)), $"needs the user {User}");
        var disk = _scratch.Disk(Size);
        var empty = Directory.CreateDirectory(Path.Combine(_scratch.Folder, "empty")).FullName;
        using var process = LguestProcess.StartInOwnNetwork(LinuxGuest.Arguments(
            kernel, "--chroot", empty, "--username", User, "--block=" + disk, "--rng", "--tunnet=192.168.19.1"));
        var guest = new LinuxGuest(process);
        guest.WaitForPrompt();
        for (var boot = 0; boot < 2; boot++)
        {
            if (boot > 0)
                guest.Reboot();
#pragma warning disable CA5351 // md5sum is what every busybox has; nothing here is secret.
            var digest = Convert.ToHexStringLower(MD5.HashData(File.ReadAllBytes(disk)));
#pragma warning restore CA5351
            Assert.Contains(digest, guest.Run("md5sum /dev/vda"), StringComparison.Ordinal);
            guest.Run($"echo boot {boot} of the guest | dd of=/dev/vda bs=512 seek={100 + boot} conv=notrunc,sync && sync");
            Assert.Matches(new Regex("[0-9a-f]{32}"), guest.Run("head -c 32 /dev/hwrng | md5sum"));
            guest.Run("ifconfig eth0 192.168.19.2 up");
            guest.Ping("192.168.19.1");
        }
        guest.PowerOff();
        var bytes = File.ReadAllBytes(disk);
        Assert.Equal("boot 0 of the guest\n"u8.ToArray(), bytes[(100 * 512)..((100 * 512) + 20)]);
        Assert.Equal("boot 1 of the guest\n"u8.ToArray(), bytes[(101 * 512)..((101 * 512) + 20)]);
        Assert.Empty(Directory.GetFileSystemEntries(empty));
    }
}
