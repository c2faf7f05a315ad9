// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Tests;

namespace LguestPlug.EndToEnd.Tests.Faults;

/// <summary>The host's end of the network goes away under a running guest: the guest has a cable that was pulled, and nothing worse.</summary>
public class NetworkFaultTests
{
    private const string End = "lguest: CRASH: Power down\n";

    [Theory]
    [InlineData("--tunnet=192.168.19.1", "link del tap0", "lguest: tap0 cannot be read any more: File descriptor in bad state; the guest receives nothing\n")]
    [InlineData("--tunnet=192.168.19.1", "link set tap0 down", "")]
    [InlineData("--tunnet=bridge:br0", "link del br0", "")]
    public void It_is_gone(string net, string command, string told) => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("link", "add", "br0", "type", "bridge");
        NetworkNamespace.Ip("addr", "add", "192.168.20.1/24", "dev", "br0");
        NetworkNamespace.Ip("link", "set", "br0", "up");
        var host = net.Contains("bridge", StringComparison.Ordinal) ? "192.168.20.1" : "192.168.19.1";
        using var guest = LguestProcess.Start(net, "64", LguestProcess.Puppy, "quiet");
        guest.WaitFor("puppy> ");
        guest.Type($"net ping {host} 1\n");
        Assert.Contains("1 sent, 1 received", guest.WaitFor("puppy> "), StringComparison.Ordinal);

        NetworkNamespace.Ip(command.Split(' '));
        guest.Type($"net ping {host} 1\n");
        Assert.DoesNotContain("1 received", guest.WaitFor("puppy> "), StringComparison.Ordinal);
        guest.Type("echo alive\n");
        guest.WaitFor("\nalive");
        guest.Type("poweroff\n");
        Assert.Equal(0, guest.WaitForExit());
        // A packet on its way out may have met it, too.
        var errors = string.Concat(guest.Errors.Split('\n').Where(l => l.Length > 0 && !l.Contains("a packet could not be sent to tap0", StringComparison.Ordinal)).Select(l => l + "\n"));
        Assert.Equal(told + End, errors);
    });
}
