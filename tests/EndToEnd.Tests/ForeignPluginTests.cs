// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>A plugin compiled against another version of the device contract is refused in one line that says both.</summary>
public class ForeignPluginTests
{
    public static TheoryData<string, bool, string> Mismatches { get; } = new()
    {
        { "newer", false, "built for device contract 2.3, but this lguest has 1.0: it needs a newer lguest" },
        { "newer", true, "built for device contract 2.3, but this lguest has 1.0: it needs a newer lguest" },
        { "next", false, "built for device contract 1.1, but this lguest has 1.0: it needs a newer lguest" },
        { "next", true, "built for device contract 1.1, but this lguest has 1.0: it needs a newer lguest" },
        { "older", false, "built for device contract 0.9, but this lguest has 1.0: it must be built again for that" },
        { "older", true, "built for device contract 0.9, but this lguest has 1.0: it must be built again for that" },
    };

    [Theory]
    [MemberData(nameof(Mismatches))]
    public void IsRefusedWhenAskedFor(string contract, bool bringsIt, string reason)
    {
        using var scratch = new Scratch();
        var plugin = Place(scratch, contract, bringsIt);
        var (code, output, errors) = LguestProcess.Run("--plugin-dir", scratch.Folder, "--device", "foreign", "64", LguestProcess.Puppy);
        Assert.Equal((1, "", $"lguest: plugin 'foreign' ({plugin}) cannot be used: {reason}\n"), (code, output, errors));
    }

    [Theory]
    [MemberData(nameof(Mismatches))]
    public void IsListedAsBroken(string contract, bool bringsIt, string reason)
    {
        using var scratch = new Scratch();
        var plugin = Place(scratch, contract, bringsIt);
        var (code, output, errors) = LguestProcess.Run("plugins", "--plugin-dir", scratch.Folder);
        Assert.Equal((1, ""), (code, errors));
        var lines = output.TrimEnd().Split('\n');
        Assert.Equal(["NAME", "block", "console", "net", "rng", "broken:"], lines.Select(line => line.Split(' ')[0]));
        Assert.Equal($"broken: {plugin}: {reason}", lines[^1]);
    }

    [Fact]
    public void DoesNotDisturbAGuestThatDoesWithoutIt()
    {
        using var scratch = new Scratch();
        var plugin = Place(scratch, "newer", bringsIt: true);
        var (code, _, errors) = LguestProcess.Run("--plugin-dir", scratch.Folder, "--dry-run", "64", LguestProcess.Puppy);
        Assert.Equal(0, code);
        Assert.Equal($"lguest: plugin {plugin} ignored: built for device contract 2.3, but this lguest has 1.0: it needs a newer lguest\n", errors);
    }

    /// <summary>The four cases differ from this one in the version alone.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void OfTheSameContractIsAccepted(bool bringsIt)
    {
        using var scratch = new Scratch();
        Place(scratch, "same", bringsIt);
        var (code, output, errors) = LguestProcess.Run(
            "--plugin-dir", scratch.Folder, "--device", "foreign", "--dry-run", "--format", "{{ devices.foreign[0].type_id }}", "64", LguestProcess.Puppy);
        Assert.Equal((0, "4", ""), (code, output.Trim(), errors));
    }

    private static string Place(Scratch scratch, string contract, bool bringsIt)
    {
        var from = Path.Combine(AppContext.BaseDirectory, "foreign", contract);
        var plugin = Path.Combine(scratch.Folder, "ForeignPlugin.dll");
        File.Copy(Path.Combine(from, "ForeignPlugin.dll"), plugin);
        if (bringsIt)
            File.Copy(Path.Combine(from, "LguestPlug.Abstractions.dll"), Path.Combine(scratch.Folder, "LguestPlug.Abstractions.dll"));
        return plugin;
    }
}
