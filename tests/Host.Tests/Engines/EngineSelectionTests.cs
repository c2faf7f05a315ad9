// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Engines;

namespace LguestPlug.Host.Tests.Engines;

public sealed class EngineSelectionTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("lguest-root").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private static LaunchRequest Request(EngineChoice choice = EngineChoice.Auto) => new() { MemoryBytes = 1 << 20, Kernel = "k", Engine = choice };

    [Theory]
    [InlineData("Auto", true, "kernel")]
    [InlineData("Auto", false, "soft")]
    [InlineData("Kernel", true, "kernel")]
    [InlineData("Soft", true, "soft")]
    [InlineData("Soft", false, "soft")]
    public void Auto_takes_the_kernels_where_it_is(string choice, bool kernelExists, string expected) =>
        Assert.Equal(expected, EngineSelection.Select(Request(Enum.Parse<EngineChoice>(choice)), kernelExists).Name);

    [Fact]
    public void The_kernels_where_it_is_not_is_one_line() =>
        Assert.Equal(
            "--engine kernel: this machine has no /dev/lguest (--engine soft needs none)",
            Assert.Throws<HostException>(() => EngineSelection.Select(Request(EngineChoice.Kernel), kernelExists: false)).Message);

    [Fact]
    public void A_profile_of_the_embedded_cpu_needs_it()
    {
        var statistics = Request() with { Statistics = StatisticsFormat.Table };
        var trace = Request() with { CpuTrace = new("f", 0, 1) };
        Assert.Equal("soft", EngineSelection.Select(statistics, kernelExists: false).Name);
        Assert.Equal("soft", EngineSelection.Select(trace with { Engine = EngineChoice.Soft }, kernelExists: true).Name);
        Assert.StartsWith("--stats is about the embedded CPU", Assert.Throws<HostException>(() => EngineSelection.Select(statistics, true)).Message, StringComparison.Ordinal);
        Assert.StartsWith("--trace-cpu is about the embedded CPU", Assert.Throws<HostException>(() => EngineSelection.Select(trace, true)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_outside_the_root_stays_open_only_where_a_reboot_needs_it()
    {
        Assert.False(EngineSelection.NeedsFolder(Request()));
        var confined = Request() with { ChangeRoot = _root };
        Assert.True(EngineSelection.NeedsFolder(confined));
        Assert.False(EngineSelection.NeedsFolder(confined with { Reboot = false }));
        Directory.CreateDirectory(Path.Combine(_root, "dev"));
        File.WriteAllBytes(Path.Combine(_root, "dev", "lguest"), []);
        Assert.False(EngineSelection.NeedsFolder(confined));
    }
}
