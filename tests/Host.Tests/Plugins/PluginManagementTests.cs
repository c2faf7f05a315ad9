// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Plugins;

namespace LguestPlug.Host.Tests.Plugins;

public sealed class PluginManagementTests : IDisposable
{
    /// <summary>A real plugin, as its build left it; here nothing comes along, so that its name is free.</summary>
    private static readonly string s_rng = Path.Combine(Repository(), "src", "Host", "bin", Configuration, "net10.0", "plugins", "LguestPlug.Rng");
    private const string RngName = "LguestPlug.Rng.dll";

    private readonly string _folder = Directory.CreateTempSubdirectory("lguest-manage").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Standard => Path.Combine(_folder, "standard");

    private string Own => Path.Combine(_folder, "own", "plugins");

    private static string Configuration => new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    private static string Repository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "LguestPlug.sln")))
            folder = folder.Parent!;
        return folder.FullName;
    }

    private (int Code, string Output) Do(Func<PluginManagement, int> action)
    {
        using var output = new StringWriter();
        var code = action(new PluginManagement(output, Standard, Own));
        return (code, output.ToString());
    }

    private string Added(string plugin, string? source = null)
    {
        var (code, output) = Do(m => m.Add(plugin, source));
        Assert.Equal(0, code);
        return output;
    }

    private string Refused(Func<PluginManagement, int> action, int exitCode = ExitCode.HostError)
    {
        var before = Everything();
        var refusal = Assert.ThrowsAny<HostException>(() => Do(action));
        Assert.Equal(exitCode, refusal.ExitCode);
        Assert.DoesNotContain('\n', refusal.Message);
        // Whatever is refused changes nothing and leaves nothing.
        Assert.Equal(before, Everything());
        return refusal.Message;
    }

    private string[] Everything() =>
        Directory.Exists(Own) ? [.. Directory.GetFileSystemEntries(Own, "*", SearchOption.AllDirectories).Order().Select(p => p + (File.Exists(p) ? " " + Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(p))) : ""))] : [];

    private string Write(TinyAssembly assembly, string folder)
    {
        var path = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, folder)).FullName, assembly.Name + ".dll");
        assembly.Write(path);
        return path;
    }

    private string Package(string id, string version, params (string Name, string From)[] files) => PackageFile.Write(Path.Combine(_folder, "feed"), id, version, files);

    private string RngPackage(string version = "1.0.0") =>
        Package("Some.Rng", version, ($"lib/net10.0/{RngName}", Path.Combine(s_rng, RngName)), ("lib/net10.0/data/more.txt", Path.Combine(s_rng, "LguestPlug.Rng.deps.json")));

    [Fact]
    public void A_folder_is_added_found_and_removed()
    {
        var place = Path.Combine(Own, "LguestPlug.Rng");
        Assert.Equal($"added LguestPlug.Rng 0.1.0: device 'rng', in {place}\n", Added(s_rng));
        Assert.Equal(Directory.GetFiles(s_rng).Select(Path.GetFileName).Order(), Directory.GetFiles(place).Select(Path.GetFileName).Order());
        Assert.Contains(Path.Combine(place, RngName), Do(m => m.List([])).Output, StringComparison.Ordinal);
        Assert.Equal((0, "removed LguestPlug.Rng\n"), Do(m => m.Remove("rng")));
        Assert.Empty(Everything());
        Assert.Equal((0, "no plugins\n"), Do(m => m.List([])));
    }

    [Fact]
    public void A_package_is_added_with_all_that_is_in_its_folder()
    {
        Added(RngPackage());
        Assert.Equal(["LguestPlug.Rng.dll", "data/more.txt"], Files());
    }

    [Fact]
    public void The_folder_for_the_nearest_framework_is_taken()
    {
        var other = Write(new TinyAssembly { Name = "LguestPlug.Rng", Device = "wrong" }, "other");
        Added(Package("Some.Rng", "1.0.0", ($"lib/net10.0/{RngName}", Path.Combine(s_rng, RngName)), ($"lib/net8.0/{RngName}", other), ($"lib/net11.0/{RngName}", other)));
        Assert.Contains("rng ", Do(m => m.List([])).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Adding_again_replaces_all_of_it()
    {
        Added(s_rng);
        File.WriteAllText(Path.Combine(Own, "LguestPlug.Rng", "left-over"), "");
        Assert.StartsWith("replaced LguestPlug.Rng 0.1.0 by 0.1.0: device 'rng', in ", Added(RngPackage()), StringComparison.Ordinal);
        Assert.Equal(["LguestPlug.Rng.dll", "data/more.txt"], Files());
    }

    [Fact]
    public void What_cannot_be_used_does_not_replace_what_can()
    {
        Added(s_rng);
        var newer = Write(new TinyAssembly { Name = "LguestPlug.Rng", Device = "rng", ContractVersion = new Version(2, 0, 0, 0) }, "newer");
        Assert.Equal(
            $"plugin 'rng' ({Path.GetDirectoryName(newer)}) cannot be used: built for device contract 2.0, but this lguest has 1.0: it needs a newer lguest",
            Refused(m => m.Add(Path.GetDirectoryName(newer)!, null)));
        var package = Package("Some.Rng", "2.0.0", ($"lib/net10.0/{RngName}", newer));
        Assert.Contains("built for device contract 2.0", Refused(m => m.Add(package, null)), StringComparison.Ordinal);
    }

    [Fact]
    public void The_highest_release_of_a_folder_of_packages_is_taken_unless_a_version_is_given()
    {
        var broken = Write(new TinyAssembly { Name = "LguestPlug.Rng", Device = "rng", ContractMinor = 9 }, "broken");
        RngPackage("1.0.0");
        RngPackage("1.10.0");
        Package("Some.Rng", "2.0.0-beta", ($"lib/net10.0/{RngName}", broken));
        Package("Some.Rng", "1.9.0", ($"lib/net10.0/{RngName}", broken));
        var feed = Path.Combine(_folder, "feed");
        Added("some.rng", feed);
        Assert.StartsWith("replaced", Added("Some.Rng@1.0.0", feed), StringComparison.Ordinal);
        Assert.Contains("device contract 1.9", Refused(m => m.Add("Some.Rng@1.9.0", feed)), StringComparison.Ordinal);
        Assert.Contains("device contract 1.9", Refused(m => m.Add("Some.Rng@2.0.0-beta", feed)), StringComparison.Ordinal);
        Assert.Equal($"package 'Some.Rng' 3.0.0 is not found, only 1.0.0, 1.9.0, 1.10.0, 2.0.0-beta; looked in {feed}", Refused(m => m.Add("Some.Rng@3.0.0", feed)));
        Assert.Equal($"package 'Other' is not found; looked in {feed}", Refused(m => m.Add("Other", feed)));
    }

    [Fact]
    public void A_package_of_prereleases_alone_is_taken_at_its_highest()
    {
        RngPackage("1.0.0-a");
        RngPackage("1.0.0-b");
        Assert.StartsWith("added", Added("Some.Rng", Path.Combine(_folder, "feed")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Some.Rng@one", "'one' is not a version of a package (example: Some.Rng@1.2.0)")]
    [InlineData("no package", "'no package' is neither a file, nor a folder, nor the name of a package")]
    public void Words_that_mean_nothing_are_mistakes_of_the_command_line(string plugin, string expected) =>
        Assert.Equal(expected, Refused(m => m.Add(plugin, _folder), ExitCode.Usage));

    [Fact]
    public void A_source_is_for_names_and_must_be_there()
    {
        Assert.Contains("is a path", Refused(m => m.Add(s_rng, _folder), ExitCode.Usage), StringComparison.Ordinal);
        Assert.Equal("--source '/no/such': no such folder", Refused(m => m.Add("Some.Rng", "/no/such")));
    }

    [Theory]
    [InlineData("/no/such/file.nupkg", "'/no/such/file.nupkg': no such file")]
    [InlineData("/no/such/folder", "'/no/such/folder': no such file or folder")]
    public void Paths_that_are_not_there_are_named(string plugin, string expected) => Assert.Equal(expected, Refused(m => m.Add(plugin, null)));

    [Fact]
    public void A_file_that_is_no_package_is_refused()
    {
        var text = Path.Combine(_folder, "text.nupkg");
        File.WriteAllText(text, "not a package");
        Assert.StartsWith($"'{text}' cannot be read as a package: ", Refused(m => m.Add(text, null)), StringComparison.Ordinal);
        var cut = Path.Combine(_folder, "cut.nupkg");
        File.WriteAllBytes(cut, File.ReadAllBytes(RngPackage())[..2000]);
        Assert.StartsWith($"'{cut}' cannot be read as a package: ", Refused(m => m.Add(cut, null)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_package_without_a_plugin_is_refused()
    {
        var library = Write(new TinyAssembly { Device = null }, "library");
        var garbage = Path.Combine(_folder, "garbage");
        File.WriteAllText(garbage, "garbage");
        (string Reason, string Package)[] cases =
        [
            ("it has no folder lib/net10.0", Package("A", "1.0.0", ("tools/a.dll", library))),
            ("no assembly in it announces a device", Package("B", "1.0.0", ("lib/net10.0/b.dll", library))),
            ("no assembly in it announces a device", Package("C", "1.0.0", ($"lib/net10.0/deeper/{RngName}", Path.Combine(s_rng, RngName)))),
            ("d.dll is not a .NET assembly, or a damaged one", Package("D", "1.0.0", ("lib/net10.0/d.dll", garbage))),
        ];
        foreach (var (reason, package) in cases)
            Assert.Equal($"'{package}' holds no plugin: {reason}", Refused(m => m.Add(package, null)));
        var foreign = Package("E", "1.0.0", ("lib/net48/e.dll", library));
        Assert.Equal($"'{foreign}' is for net48; this lguest needs net10.0", Refused(m => m.Add(foreign, null)));
    }

    [Fact]
    public void A_folder_without_a_plugin_is_refused_before_it_is_copied()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "empty", "deeper"));
        File.Copy(Path.Combine(s_rng, RngName), Path.Combine(_folder, "empty", "deeper", RngName));
        Assert.EndsWith("holds no plugin: no assembly in it announces a device", Refused(m => m.Add(Path.Combine(_folder, "empty"), null)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../evil.dll")]
    [InlineData("lib/net10.0/../../../evil.dll")]
    [InlineData("lib/net10.0/..\\evil.dll")]
    [InlineData("lib/net10.0/%2e%2e/%2e%2e/evil.dll")]
    [InlineData("/lib/net10.0/evil.dll")]
    public void A_package_with_a_file_outside_of_itself_is_refused(string name)
    {
        var package = Package("Evil", "1.0.0", ($"lib/net10.0/{RngName}", Path.Combine(s_rng, RngName)), (name, Path.Combine(s_rng, RngName)));
        Assert.StartsWith($"'{package}' is refused: it holds a file that would land outside of its folder, '", Refused(m => m.Add(package, null)), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_folder, "evil.dll", SearchOption.AllDirectories));
    }

    [Fact]
    public void Two_plugins_in_one_are_refused()
    {
        Write(new TinyAssembly { Name = "A", Device = "a" }, "two");
        Write(new TinyAssembly { Name = "B", Device = "b" }, "two");
        Assert.EndsWith("holds more than one plugin: A.dll, B.dll", Refused(m => m.Add(Path.Combine(_folder, "two"), null)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Big")]
    [InlineData("9p")]
    [InlineData("a,b")]
    [InlineData("")]
    public void A_name_that_is_none_is_refused(string name)
    {
        Write(new TinyAssembly { Device = name }, "named");
        Assert.Contains("a device's name has lower-case letters, digits and hyphens, and begins with a letter", Refused(m => m.Add(Path.Combine(_folder, "named"), null)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_plugin_that_does_not_load_is_refused()
    {
        Write(new TinyAssembly { DefinesType = true }, "plain");
        var plain = Path.Combine(_folder, "plain");
        Assert.Equal($"plugin 'tiny' ({plain}) cannot be used: Tiny.Plugin does not derive from DevicePlugin<TOptions>", Refused(m => m.Add(plain, null)));
    }

    [Fact]
    public void A_plugin_without_what_it_needs_is_refused()
    {
        var alone = Directory.CreateDirectory(Path.Combine(_folder, "alone")).FullName;
        File.Copy(typeof(SamplePlugin).Assembly.Location, Path.Combine(alone, "LguestPlug.Host.Tests.dll"));
        Assert.Matches($"^plugin 'sample' \\({alone}\\) cannot be used: it needs \\S+ [0-9.]+, which is not there$", Refused(m => m.Add(alone, null)));
    }

    [Fact]
    public void A_device_that_is_there_already_is_named_with_its_place()
    {
        var standard = Path.Combine(Standard, "X", "X.dll");
        Directory.CreateDirectory(Path.GetDirectoryName(standard)!);
        new TinyAssembly { Name = "X", Device = "rng" }.Write(standard);
        Assert.Equal($"'{s_rng}' cannot be added: there is a plugin for device 'rng' already, {standard}", Refused(m => m.Add(s_rng, null)));
        Assert.Equal("plugin 'rng' comes with this lguest and stays", Refused(m => m.Remove("rng")));
        File.Delete(standard);
        Added(s_rng);
        new TinyAssembly { Name = "X", Device = "rng" }.Write(standard);
        Directory.Move(Path.Combine(Standard, "X"), Path.Combine(Own, "X"));
        Assert.Contains("for device 'rng' already, " + Path.Combine(Own, "X", "X.dll"), Refused(m => m.Add(s_rng, null)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rgn", "; did you mean 'rng'? (there: rng)")]
    [InlineData("../own", " (there: rng)")]
    [InlineData("..", " (there: rng)")]
    public void Only_what_was_added_can_be_removed(string name, string more)
    {
        Added(s_rng);
        Assert.Equal($"no plugin '{name}' in {Own}{more}", Refused(m => m.Remove(name)));
    }

    [Fact]
    public void A_damaged_plugin_is_removed_by_the_name_of_its_folder()
    {
        Added(s_rng);
        File.WriteAllText(Path.Combine(Own, "LguestPlug.Rng", RngName), "damaged");
        Assert.Equal((0, "removed LguestPlug.Rng\n"), Do(m => m.Remove("LguestPlug.Rng")));
        Assert.Empty(Everything());
    }

    [Fact]
    public void A_plugin_for_another_contract_can_be_removed_by_its_name()
    {
        Directory.CreateDirectory(Path.Combine(Own, "Old"));
        new TinyAssembly { Name = "Old", Device = "old", ContractVersion = new Version(0, 5, 0, 0) }.Write(Path.Combine(Own, "Old", "Old.dll"));
        Assert.Equal((0, "removed Old\n"), Do(m => m.Remove("old")));
    }

    [Fact]
    public void One_process_changes_the_folder_at_a_time()
    {
        using (UserPlugins.Open(Own))
            Assert.StartsWith($"the plugins in {Own} cannot be changed: ", Assert.Throws<HostException>(() => Do(m => m.Add(s_rng, null))).Message, StringComparison.Ordinal);
        Added(s_rng);
    }

    [Fact]
    public void What_an_interrupted_change_left_is_cleaned_up()
    {
        Directory.CreateDirectory(Path.Combine(Own + ".incoming", "ready", "LguestPlug.Rng"));
        Added(s_rng);
        Assert.False(Directory.Exists(Own + ".incoming"));
    }

    [Fact]
    public void A_user_without_a_home_is_told()
    {
        var management = new PluginManagement(TextWriter.Null, Standard, null);
        Assert.StartsWith("there is no folder for your plugins", Assert.Throws<HostException>(() => management.Add(s_rng, null)).Message, StringComparison.Ordinal);
        Assert.Equal(0, management.List([]));
    }

    [Fact]
    public void Info_tells_options_and_what_a_device_offers()
    {
        Added(s_rng);
        Assert.Equal(
            $"""
            rng 0.1.0: random numbers from the host
            path:      {Path.Combine(Own, "LguestPlug.Rng", RngName)}
            contract:  1.0; this lguest has 1.0
            device id: 4
            features:  none
            queues:    0 input, 256 entries
            config:    none
            options:   none

            """,
            Do(m => m.Info(DeviceRequest.Parse("rng"), [])).Output);
        Assert.Contains("unknown option 'x'; it has no options", Refused(m => m.Info(DeviceRequest.Parse("rng,x=1"), [])), StringComparison.Ordinal);
    }

    [Fact]
    public void Info_makes_the_device_with_the_options_given()
    {
        var block = Path.Combine(Path.GetDirectoryName(s_rng)!, "LguestPlug.Block");
        var output = Do(m => m.Info(DeviceRequest.Parse("block"), [block])).Output;
        Assert.Contains("\ndevice:    not made, option 'file' is missing; ", output, StringComparison.Ordinal);
        Assert.Matches("\nfile +text +required +the file or block device that holds the disk \\(the key may be left out\\)\n", output);
        Assert.Matches("\nread-only +on\\|off +off +offer the disk read-only; ", output);

        var disk = Path.Combine(_folder, "disk");
        File.WriteAllBytes(disk, new byte[1024]);
        output = Do(m => m.Info(DeviceRequest.Parse($"block,{disk}"), [block])).Output;
        Assert.Contains("\ndevice id: 2\nfeatures:  0x00000204 (bits 2, 9)\nqueues:    0 requests, 256 entries\nconfig:    16 bytes\n", output, StringComparison.Ordinal);
        Assert.Contains("/no/such/disk", Refused(m => m.Info(DeviceRequest.Parse("block,/no/such/disk"), [block])), StringComparison.Ordinal);
    }

    private string[] Files()
    {
        var place = Path.Combine(Own, "LguestPlug.Rng");
        return [.. Directory.GetFiles(place, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(place, file)).Order(StringComparer.Ordinal)];
    }
}
