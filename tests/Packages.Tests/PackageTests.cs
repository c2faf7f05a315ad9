// SPDX-License-Identifier: GPL-2.0-or-later
using System.IO.Compression;
using System.Xml.Linq;

namespace LguestPlug.Packages.Tests;

/// <summary>What is in the packages, and that the tool works as installed.</summary>
public class PackageTests(Sdk sdk)
{
    public static TheoryData<string, string, string> Packages { get; } = new()
    {
        { "LguestPlug", "GPL-2.0-or-later", "GNU GENERAL PUBLIC LICENSE" },
        { "LguestPlug.Abstractions", "MIT", "MIT License" },
        { "LguestPlug.Templates", "MIT", "MIT License" },
        { "LguestPlug.Testing", "MIT", "MIT License" },
        { "LguestPlug.Virtio", "GPL-2.0-or-later", "GNU GENERAL PUBLIC LICENSE" },
    };

    [Fact]
    public void There_are_these_and_no_others() =>
        Assert.Equal(
            Packages.Select(row => row.Data.Item1).Order(),
            Directory.GetFiles(Sdk.Feed, "*.nupkg").Select(file => XElement.Parse(Read(file, ".nuspec")).Descendants().First(e => e.Name.LocalName == "id").Value).Order());

    [Theory]
    [MemberData(nameof(Packages))]
    public void Each_says_what_it_is_and_may_be_done_with_it(string id, string licence, string text)
    {
        var package = Sdk.Package(id);
        var metadata = XElement.Parse(Read(package, ".nuspec")).Descendants().ToLookup(e => e.Name.LocalName, e => e.Value);
        Assert.Equal(licence, metadata["license"].Single());
        Assert.Equal("README.md", metadata["readme"].Single());
        Assert.NotEqual("Package Description", metadata["description"].Single());
        Assert.Contains(text, Read(package, "LICENSE"), StringComparison.Ordinal);
        Assert.StartsWith("# ", Read(package, "README.md"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("LguestPlug", "lguest.pdb", "LguestPlug.Block.pdb", "LguestPlug.Emulator.pdb")]
    [InlineData("LguestPlug.Abstractions", "LguestPlug.Abstractions.pdb")]
    [InlineData("LguestPlug.Testing", "LguestPlug.Testing.pdb")]
    [InlineData("LguestPlug.Virtio", "LguestPlug.Virtio.pdb")]
    public void Symbols_are_beside_it(string id, params string[] symbols)
    {
        using var archive = ZipFile.OpenRead(Sdk.Package(id, ".snupkg"));
        var files = archive.Entries.Select(e => e.Name).ToList();
        Assert.All(symbols, symbol => Assert.Contains(symbol, files));
    }

    [Fact]
    public void The_test_kit_says_that_it_needs_a_package_under_the_gpl()
    {
        var package = Sdk.Package("LguestPlug.Testing");
        Assert.Equal(
            ["LguestPlug.Abstractions", "LguestPlug.Virtio"],
            XElement.Parse(Read(package, ".nuspec")).Descendants().Where(e => e.Name.LocalName == "dependency").Select(e => e.Attribute("id")!.Value).Order());
        Assert.Contains("`LguestPlug.Virtio`, the rings of the host, which is GPL-2.0-or-later", Read(package, "README.md"), StringComparison.Ordinal);
    }

    /// <summary>The build has packed it before, at another time and into another folder.</summary>
    [Theory]
    [InlineData("src/Host", "LguestPlug")]
    [InlineData("src/Testing", "LguestPlug.Testing")]
    [InlineData("templates", "LguestPlug.Templates")]
    public void Packing_again_gives_the_same_bytes(string project, string id)
    {
        var folder = Path.Combine(sdk.Scratch(), id);
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        Run.Start("dotnet", Repository, ["pack", project, "-c", configuration, "--no-build", "-o", folder], new Dictionary<string, string> { ["MSBUILDDISABLENODEREUSE"] = "1" }).Succeeds();
        var again = Directory.GetFiles(folder);
        Assert.NotEmpty(again);
        Assert.All(again, file => Assert.Equal(Hash(Path.Combine(Sdk.Feed, Path.GetFileName(file))), Hash(file)));
    }

    private static string Hash(string file) => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(file)));

    [Fact]
    public void The_tool_lists_its_plugins_and_runs_a_guest()
    {
        var folder = sdk.Scratch();
        var listing = sdk.Lguest(folder, "plugins").Succeeds().Output.TrimEnd().Split('\n');
        Assert.Equal(["NAME", "block", "console", "net", "rng"], listing.Select(line => line.Split(' ')[0]));
        Assert.All(listing.Skip(1), line => Assert.Contains("/tool/.store/", line, StringComparison.Ordinal));
        var guest = sdk.Lguest(folder, "--engine=soft", "--rng", "64", Path.Combine(Repository, "guests", "puppy", "puppy"), "quiet", "run=rng:8").Succeeds();
        Assert.Matches("(?m)^[0-9a-f]{16}\r?$", guest.Output);
        Assert.Equal("lguest: CRASH: Power down\n", guest.Errors);
    }

    internal static string Repository { get; } = FindRepository();

    private static string FindRepository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "LguestPlug.sln")))
            folder = folder.Parent!;
        return folder.FullName;
    }

    private static string Read(string package, string end)
    {
        using var archive = ZipFile.OpenRead(package);
        using var reader = new StreamReader(archive.Entries.First(e => e.FullName.EndsWith(end, StringComparison.Ordinal)).Open());
        return reader.ReadToEnd();
    }
}
