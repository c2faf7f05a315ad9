// SPDX-License-Identifier: GPL-2.0-or-later
using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// A real Linux built for lguest: LGUEST_TEST_KERNEL names one image or several (separated by ':'), LGUEST_TEST_INITRD an
/// initrd that starts a shell on the console.
/// </summary>
public sealed class LinuxTests : IDisposable
{
    private const string NoKernel = "(none)";
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    public static TheoryData<string> Kernels =>
        [.. Environment.GetEnvironmentVariable("LGUEST_TEST_KERNEL") is { Length: > 0 } kernels ? kernels.Split(':') : [NoKernel]];

    private static string Initrd(string kernel)
    {
        Assert.SkipWhen(kernel == NoKernel, "LGUEST_TEST_KERNEL names no kernel built for lguest");
        var initrd = Environment.GetEnvironmentVariable("LGUEST_TEST_INITRD");
        Assert.SkipWhen(string.IsNullOrEmpty(initrd), "LGUEST_TEST_INITRD names no initrd with a shell");
        return initrd!;
    }

    private static string[] Arguments(string kernel, params string[] options) =>
        [.. options, "--initrd=" + Initrd(kernel), "128", kernel, "console=hvc0", "panic=-1"];

    private sealed class Shell(LguestProcess process)
    {
        public void WaitForPrompt() => process.WaitFor("# ");

        /// <summary>Runs a command, which must succeed, and answers what it printed.</summary>
        public string Run(string command)
        {
            // The shell echoes and rewraps what is typed; the sum appears in its answer alone.
            process.Type($"{command}; echo @$((40+2))@$?@\n");
            var output = process.WaitFor("@42@");
            var status = process.WaitFor("@");
            Assert.True(status == "0@", $"{command}: exit status {status}, {output}");
            return output;
        }

        public void Reboot()
        {
            Type("reboot -f");
            // The prompt of the shell that is about to end must not be taken for that of the new one.
            process.WaitFor("Booting paravirtualized kernel on lguest");
            WaitForPrompt();
        }

        public void Type(string command) => process.Type(command + "\n");
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void It_boots_to_a_shell_and_powers_off(string kernel)
    {
        using var process = LguestProcess.Start(Arguments(kernel));
        var shell = new Shell(process);
        shell.WaitForPrompt();
        Assert.Contains("Linux", shell.Run("uname -a"), StringComparison.Ordinal);
        shell.Type("poweroff -f");
        Assert.Equal(0, process.WaitForExit());
        Assert.Equal("lguest: CRASH: Power down\n", process.Errors);
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Its_disk_has_the_hosts_bytes_and_keeps_what_is_written_over_a_reboot(string kernel)
    {
        const int Size = 16 << 20;
        var initrd = Initrd(kernel);
        Assert.NotEmpty(initrd);
        var disk = _scratch.Disk(Size);
#pragma warning disable CA5351 // md5sum is what every busybox has; nothing here is secret.
        var digest = Convert.ToHexStringLower(MD5.HashData(File.ReadAllBytes(disk)));
#pragma warning restore CA5351
        using var process = LguestProcess.Start(Arguments(kernel, "--block=" + disk));
        var shell = new Shell(process);
        shell.WaitForPrompt();
        Assert.Contains(digest, shell.Run("md5sum /dev/vda"), StringComparison.Ordinal);
        shell.Run("echo written by the guest | dd of=/dev/vda bs=512 seek=100 conv=notrunc,sync && sync");
        shell.Reboot();
        Assert.Contains("written by the guest", shell.Run("dd if=/dev/vda bs=512 skip=100 count=1 | head -n 1"), StringComparison.Ordinal);
        shell.Type("poweroff -f");
        Assert.Equal(0, process.WaitForExit());
        Assert.Equal("written by the guest\n"u8.ToArray(), File.ReadAllBytes(disk)[51200..51221]);
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Its_random_source_gives_bytes(string kernel)
    {
        using var process = LguestProcess.Start(Arguments(kernel, "--rng"));
        var shell = new Shell(process);
        shell.WaitForPrompt();
        var one = Regex.Match(shell.Run("head -c 32 /dev/hwrng | md5sum"), "[0-9a-f]{32}").Value;
        var other = Regex.Match(shell.Run("head -c 32 /dev/hwrng | md5sum"), "[0-9a-f]{32}").Value;
        Assert.NotEqual("", one);
        Assert.NotEqual(one, other);
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Its_network_card_reaches_the_host(string kernel)
    {
        Initrd(kernel);
        Assert.SkipWhen(LguestProcess.WhyNoNetwork() is not null, LguestProcess.WhyNoNetwork() ?? "");
        using var process = LguestProcess.StartInOwnNetwork(Arguments(kernel, "--tunnet=192.168.19.1"));
        var shell = new Shell(process);
        shell.WaitForPrompt();
        shell.Run("ifconfig eth0 192.168.19.2 up");
        Assert.Contains(" 0% packet loss", shell.Run("ping -c 20 -i 0.2 192.168.19.1 || ping -c 20 192.168.19.1"), StringComparison.Ordinal);
        shell.Type("poweroff -f");
        Assert.Equal(0, process.WaitForExit());
    }

    [Theory]
    [MemberData(nameof(Kernels))]
    public void A_panic_has_its_own_exit_code_and_says_why(string kernel)
    {
        var (code, _, errors) = LguestProcess.Run([.. Arguments(kernel), "rdinit=/bin/false"]);
        Assert.StartsWith("lguest: CRASH: ", errors, StringComparison.Ordinal);
        Assert.Contains("init", errors, StringComparison.Ordinal);
        Assert.Equal(4, code);
    }
}
