// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Testing.Tests;

/// <summary>The device of the README and its tests in docs/testing-devices.md, word for word.</summary>
public class ZeroDeviceTests
{
    [Fact]
    public void Fills_every_buffer_with_zeros()
    {
        using var driver = TestDriver.Create(new ZeroPlugin(), new ZeroOptions()).Start();
        Completion answer = driver.Queue("input").Send(new Chain().Writable(100));
        Assert.Equal(new byte[100], answer.Written);
    }

    [Fact]
    public void Takes_any_layout()
    {
        using var driver = TestDriver.Create(new ZeroPlugin(), new ZeroOptions()).Start();
        for (int seed = 0; seed < 100; seed++)
            Assert.Equal(100u, driver.Queue("input").Send(new Chain().Writable(100).Scattered(seed)).Length);
    }

    [Theory]
    [InlineData(RingDefect.Loop)]
    [InlineData(RingDefect.BufferOutsideMemory)]
    public void Survives_a_hostile_driver(RingDefect defect)
    {
        using var driver = TestDriver.Create(new ZeroPlugin(), new ZeroOptions()).Start();
        driver.Queue("input").Inject(defect);
        driver.WaitForFault();
        driver.Reset();
        driver.Start().Queue("input").Send(new Chain().Writable(100));
    }

    [Theory]
    [InlineData("README.md", "public sealed class ZeroOptions;", "")]
    [InlineData("docs/testing-devices.md", "[Fact]", "    ")]
    public void Is_what_the_documentation_shows(string document, string from, string indent)
    {
        DirectoryInfo root = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "LguestPlug.sln")))
            root = root.Parent!;

        string text = File.ReadAllText(Path.Combine(root.FullName, document));
        text = text[text.IndexOf($"\n{from}\n", StringComparison.Ordinal)..];
        text = text[1..text.IndexOf("```", StringComparison.Ordinal)];
        string shown = string.Concat(text.TrimEnd().Split('\n').Select(line => line.Length == 0 ? "\n" : $"{indent}{line}\n"));
        Assert.Contains(shown, File.ReadAllText(Path.Combine(root.FullName, "tests/Testing.Tests/ZeroDeviceTests.cs")), StringComparison.Ordinal);
    }
}

public sealed class ZeroOptions;

public sealed class ZeroPlugin : DevicePlugin<ZeroOptions>
{
    public override VirtioDevice Create(ZeroOptions options, IDeviceContext context) => new ZeroDevice();
}

internal sealed class ZeroDevice : VirtioDevice
{
    public override ushort DeviceId => 4; // looks like an entropy device to Linux

    public override IReadOnlyList<QueueDefinition> Queues { get; } = [new("input", Fill)];

    private static void Fill(IVirtqueue queue)
    {
        if (queue.Take() is not { } chain)
            return;
        var total = chain.Writable.Length;
        while (chain.Writable.Length > 0)
        {
            var piece = chain.Writable.Span;
            piece.Clear();
            chain.Writable.Advance(piece.Length);
        }
        chain.Complete(total);
    }
}
