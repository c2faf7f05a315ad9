// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace LguestPlug.Tests;

/// <summary>Runs a test on a thread that has a network of its own, so that nothing of the machine's is touched.</summary>
internal static partial class NetworkNamespace
{
    private const int NewNetwork = 0x4000_0000; // CLONE_NEWNET

    internal static void Run(Action test)
    {
        Assert.SkipUnless(File.Exists("/dev/net/tun"), "no /dev/net/tun: no real tap");
        OwnThread.Run(() =>
        {
            Assert.SkipUnless(Unshare(NewNetwork) == 0, "no right to make a network namespace: no real tap");
            test();
        });
    }

    /// <summary>A new interface is silent without it: of itself IPv6 looks for neighbours and routers.</summary>
    internal static void SwitchOffIPv6()
    {
        const string Switch = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
        if (File.Exists(Switch))
            File.WriteAllText(Switch, "1");
    }

    /// <summary>Runs <c>ip</c> in the namespace of the calling thread.</summary>
    internal static string Ip(params string[] arguments)
    {
        try
        {
            using Process process = Process.Start(new ProcessStartInfo("ip", arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            string output = process.StandardOutput.ReadToEnd();
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.True(process.ExitCode == 0, errors);
            return output;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("the program ip is not there");
            throw;
        }
    }

    [LibraryImport("libc", EntryPoint = "unshare", SetLastError = true)]
    private static partial int Unshare(int flags);
}
