// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>What the command does besides running guests.</summary>
public class CommandTests
{
    [Fact]
    public void Plugins_lists_the_four_that_come_along()
    {
        var (code, output, errors) = LguestProcess.Run("plugins");
        Assert.Equal(0, code);
        Assert.Equal("", errors);
        Assert.Equal(["NAME", "block", "console", "net", "rng"], output.TrimEnd().Split('\n').Select(line => line.Split(' ')[0]));
    }

    [Fact]
    public void Help_and_version_succeed_on_stdout()
    {
        Assert.Equal((0, ""), (LguestProcess.Run("--help").ExitCode, LguestProcess.Run("--help").Errors));
        Assert.Equal(
            ["plugins", "trace", "replay", "completions"],
            LguestProcess.Run("--help").Output.Split("Commands:\n")[1].Split("\n\n")[0].Split('\n').Select(line => line.TrimStart().Split(' ')[0]));
        Assert.StartsWith("lguest ", LguestProcess.Run("--version").Output, StringComparison.Ordinal);
    }
}
