// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Tests;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>However it is ended from outside, everything it made is gone: its tap interfaces, its processes, its temporary files.</summary>
public class NothingLeftBehindTests
{
    [Theory]
    [InlineData("SIGHUP", 1, 129)]
    [InlineData("SIGINT", 2, 130)]
    [InlineData("SIGTERM", 15, 143)]
    [InlineData("three ^C", 0, 130)]
    [InlineData("power-off", 0, 0)]
    public void Whatever_ends_it(string way, int signal, int exitCode) => NetworkNamespace.Run(() =>
    {
        LguestProcess.SkipWhenIgnored(signal);
        NetworkNamespace.Ip("link", "add", "br0", "type", "bridge");
        // One that was killed may have had the same number.
        var before = Directory.GetFileSystemEntries(Path.GetTempPath());
        using var process = LguestProcess.Start("--tunnet=192.168.19.1", "--tunnet=bridge:br0", "--rng", "64", LguestProcess.Puppy, "quiet");
        process.WaitFor("puppy> ");
        var up = NetworkNamespace.Ip("-o", "link");
        Assert.Contains(" tap0:", up, StringComparison.Ordinal);
        Assert.Contains(" tap1:", up, StringComparison.Ordinal);
        Assert.Empty(File.ReadAllText($"/proc/{process.Id}/task/{process.Id}/children"));

        if (signal != 0)
            process.Signal(signal);
        else if (exitCode == 0)
            process.Type("poweroff\n");
        else
        {
            for (var i = 0; i < 3; i++)
            {
                process.Type("\x03");
                Thread.Sleep(100);
            }
        }
        Assert.Equal(exitCode, process.WaitForExit());

        Assert.DoesNotContain(" tap", NetworkNamespace.Ip("-o", "link"), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(Path.GetTempPath(), $"*-{process.Id}-*").Except(before));
        var message = way.StartsWith("SIG", StringComparison.Ordinal) ? $"stopped by {way}" : exitCode == 0 ? "CRASH: Power down" : "three ^C within a second";
        Assert.Equal($"lguest: {message}\n", process.Errors);
    });
}
