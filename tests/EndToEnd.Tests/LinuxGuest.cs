// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// A real Linux built for lguest: LGUEST_TEST_KERNEL names one image or several (separated by ':'), LGUEST_TEST_INITRD an
/// initrd that starts a shell on the console. This is that shell.
/// </summary>
internal sealed class LinuxGuest(LguestProcess process)
{
    /// <summary>Its memory, in MiB.</summary>
    public const int Megabytes = 128;

    private const string NoKernel = "(none)";

    public static TheoryData<string> Kernels =>
        [.. Environment.GetEnvironmentVariable("LGUEST_TEST_KERNEL") is { Length: > 0 } kernels ? kernels.Split(':') : [NoKernel]];

    /// <summary>Skips the test where there is no such Linux.</summary>
    public static string Initrd(string kernel)
    {
        Assert.SkipWhen(kernel == NoKernel, "LGUEST_TEST_KERNEL names no kernel built for lguest");
        var initrd = Environment.GetEnvironmentVariable("LGUEST_TEST_INITRD");
        Assert.SkipWhen(string.IsNullOrEmpty(initrd), "LGUEST_TEST_INITRD names no initrd with a shell");
        return initrd!;
    }

    /// <summary>The command line that boots it with these options in front.</summary>
    public static string[] Arguments(string kernel, params string[] options) =>
        [.. options, "--initrd=" + Initrd(kernel), $"{Megabytes}", kernel, "console=hvc0", "panic=-1"];

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

    /// <summary>Sends twenty pings, all of which must come back.</summary>
    public void Ping(string address) =>
        Assert.Contains(" 0% packet loss", Run($"ping -c 20 -i 0.2 {address} || ping -c 20 {address}"), StringComparison.Ordinal);

    public void Reboot()
    {
        Type("reboot -f");
        // The prompt of the shell that is about to end must not be taken for that of the new one.
        process.WaitFor("Booting paravirtualized kernel on lguest");
        WaitForPrompt();
    }

    /// <summary>Powers off, which must be a clean end with nothing to complain of.</summary>
    public void PowerOff()
    {
        Type("poweroff -f");
        Assert.Equal(0, process.WaitForExit());
        Assert.Equal("lguest: CRASH: Power down\n", process.Errors);
    }

    public void Type(string command) => process.Type(command + "\n");
}
