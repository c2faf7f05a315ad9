// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>Two real Linux guests on one bridge: see <see cref="LinuxGuest"/>.</summary>
public sealed class BridgedLinuxTests
{
    [Theory]
    [MemberData(nameof(LinuxGuest.Kernels), MemberType = typeof(LinuxGuest))]
    public void Two_guests_on_a_bridge_ping_each_other(string kernel)
    {
        LinuxGuest.Initrd(kernel);
        Assert.SkipWhen(LguestProcess.WhyNoBridge() is not null, LguestProcess.WhyNoBridge() ?? "");
        using var firstProcess = LguestProcess.StartWithOwnBridge("br0", LinuxGuest.Arguments(kernel, "--tunnet=bridge:br0"));
        var first = new LinuxGuest(firstProcess);
        first.WaitForPrompt();
        using var secondProcess = LguestProcess.StartInNetworkOf(firstProcess, LinuxGuest.Arguments(kernel, "--tunnet=bridge:br0:02:00:00:00:00:02"));
        var second = new LinuxGuest(secondProcess);
        second.WaitForPrompt();

        first.Run("ifconfig eth0 10.9.8.1 up");
        second.Run("ifconfig eth0 10.9.8.2 up");
        Assert.Contains("02:00:00:00:00:02", second.Run("ifconfig eth0"), StringComparison.OrdinalIgnoreCase);
        first.Ping("10.9.8.2");
        second.Ping("10.9.8.1");
        second.PowerOff();
        first.PowerOff();
    }
}
