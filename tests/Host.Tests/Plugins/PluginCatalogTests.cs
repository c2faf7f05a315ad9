// SPDX-License-Identifier: GPL-2.0-or-later
using System.Reflection;
using LguestPlug.Host.Plugins;

namespace LguestPlug.Host.Tests.Plugins;

public sealed class PluginCatalogTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lguest-plugins").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Write(TinyAssembly assembly, string? subfolder = null)
    {
        var path = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, subfolder ?? assembly.Name)).FullName, assembly.Name + ".dll");
        assembly.Write(path);
        return path;
    }

    private PluginCatalog Scan(params string[] extra) => PluginCatalog.Scan([_folder], extra);

    private string Refused(string name)
    {
        var error = Assert.Throws<HostException>(() => Scan().Load(name));
        Assert.Equal(ExitCode.HostError, error.ExitCode);
        Assert.DoesNotContain('\n', error.Message);
        return error.Message;
    }

    [Fact]
    public void An_announcement_is_read_without_loading_anything()
    {
        var path = Write(new TinyAssembly { Device = "tiny", TypeName = "Some.Where+Nested", Summary = "süß, and small" });
        var candidate = Assert.Single(Scan().Candidates);
        Assert.Equal(new PluginCandidate("tiny", "Some.Where+Nested", "süß, and small", "1.2.3", new Version(DeviceContract.Major, DeviceContract.Minor), path, null), candidate);
    }

    [Fact]
    public void Both_the_extra_folder_itself_and_its_subfolders_are_searched()
    {
        Write(new TinyAssembly { Name = "A", Device = "a" }, "extra");
        Write(new TinyAssembly { Name = "B", Device = "b" }, "extra/b");
        Write(new TinyAssembly { Name = "C", Device = "c" }, "extra/b/deeper");
        var catalog = PluginCatalog.Scan([Path.Combine(_folder, "none")], [Path.Combine(_folder, "extra")]);
        Assert.Equal(["a", "b"], catalog.Candidates.Select(c => c.Name));
    }

    [Fact]
    public void The_same_folder_given_twice_is_searched_once()
    {
        Write(new TinyAssembly(), "one");
        Assert.Single(Scan(_folder, Path.Combine(_folder, "one")).Candidates);
    }

    [Fact]
    public void Assemblies_without_an_announcement_are_no_plugins_and_no_problem()
    {
        Write(new TinyAssembly { Device = null });
        File.Copy(typeof(PluginCatalog).Assembly.Location, Path.Combine(_folder, "other.dll"));
        Assert.Empty(Scan().Candidates);
        Assert.Empty(Scan().Problems);
    }

    [Fact]
    public void A_missing_extra_folder_is_an_error() =>
        Assert.Contains("no such folder", Assert.Throws<HostException>(() => Scan("/no/such/folder")).Message, StringComparison.Ordinal);

    [Fact]
    public void A_real_plugin_is_loaded_with_the_hosts_contract()
    {
        File.Copy(typeof(SamplePlugin).Assembly.Location, Path.Combine(_folder, "LguestPlug.Host.Tests.dll"));
        // A copy of the contract beside the plugin does no harm while its version is the host's.
        File.Copy(typeof(DevicePlugin).Assembly.Location, Path.Combine(_folder, "LguestPlug.Abstractions.dll"));
        var plugin = Scan().Load("sample");
        Assert.NotSame(typeof(SamplePlugin), plugin.GetType());
        Assert.Equal(typeof(SampleOptions).FullName, plugin.OptionsType.FullName);
    }

    [Fact]
    public void An_unknown_device_is_told_what_there_is()
    {
        Write(new TinyAssembly { Device = "tiny" });
        Write(new TinyAssembly { Name = "B", Device = "other" });
        Assert.Equal("no plugin for device 'tniy'; did you mean 'tiny'? (available: other, tiny)", Refused("tniy"));
        Assert.Equal("no plugin for device 'xyzzy-x' (available: other, tiny)", Refused("xyzzy-x"));
    }

    [Fact]
    public void An_empty_folder_is_named() =>
        Assert.Equal($"no plugin for device 'tiny': no plugins in {_folder}", Refused("tiny"));

    [Fact]
    public void Two_plugins_of_one_name_are_both_named()
    {
        var one = Write(new TinyAssembly(), "one");
        var two = Write(new TinyAssembly(), "two");
        Assert.Equal($"device 'tiny' is announced by 2 plugins: {one}, {two}", Refused("tiny"));
    }

    [Theory]
    [InlineData("2.0.0.0", 3, "2.3", "it needs a newer lguest")]
    [InlineData("1.1.0.0", 0, "1.1", "it needs a newer lguest")]
    [InlineData("1.0.0.0", 1, "1.1", "it needs a newer lguest")]
    [InlineData("0.9.0.0", 0, "0.9", "it must be built again for that")]
    [InlineData("0.0.0.0", 7, "0.7", "it must be built again for that")]
    public void A_plugin_for_another_contract_is_refused_with_both_versions_and_its_path(string assembly, int minor, string version, string remedy)
    {
        var path = Write(new TinyAssembly { ContractVersion = new Version(assembly), ContractMinor = minor });
        Assert.Equal($"plugin 'tiny' ({path}) cannot be used: built for device contract {version}, but this lguest has 1.0: {remedy}", Refused("tiny"));
    }

    [Fact]
    public void The_contract_and_its_package_say_one_version()
    {
        var assembly = typeof(DevicePlugin).Assembly;
        Assert.Equal(new Version(DeviceContract.Major, 0, 0, 0), assembly.GetName().Version);
        Assert.StartsWith($"{DeviceContract.Major}.{DeviceContract.Minor}.", assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plugin_with_a_contract_of_its_own_is_refused()
    {
        Write(new TinyAssembly { ContractName = "Renamed.Contract", ContractVersion = new Version(3, 1, 0, 0) });
        Assert.Contains("a device contract of its own (Renamed.Contract 3.1.0.0); this lguest has LguestPlug.Abstractions 1.0", Refused("tiny"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_entry_class_is_named()
    {
        Write(new TinyAssembly { TypeName = "Tiny.Gone, Tiny" });
        Assert.EndsWith("cannot be used: it has no class Tiny.Gone", Refused("tiny"), StringComparison.Ordinal);
    }

    [Fact]
    public void An_entry_class_that_is_no_plugin_is_named()
    {
        Write(new TinyAssembly { DefinesType = true });
        Assert.EndsWith("Tiny.Plugin does not derive from DevicePlugin<TOptions>", Refused("tiny"), StringComparison.Ordinal);
    }

    [Fact]
    public void A_plugin_that_vanishes_between_finding_and_loading_is_an_error()
    {
        var path = Write(new TinyAssembly());
        var catalog = Scan();
        File.Delete(path);
        Assert.Contains(path, Assert.Throws<HostException>(() => catalog.Load("tiny")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_files_are_listed_and_reported_but_do_no_harm()
    {
        Write(new TinyAssembly());
        var garbage = Path.Combine(_folder, "garbage.dll");
        File.WriteAllText(garbage, "not an assembly");
        var cut = Path.Combine(_folder, "cut.dll");
        File.WriteAllBytes(cut, File.ReadAllBytes(typeof(DevicePlugin).Assembly.Location)[..600]);
        var old = Write(new TinyAssembly { Name = "Old", Device = "old", ContractVersion = new Version(0, 1, 0, 0) });

        var catalog = Scan();
        Assert.Equal([cut, garbage], catalog.Problems.Select(p => p.Path));
        using var output = new StringWriter();
        Assert.Equal(ExitCode.HostError, PluginListing.Write(catalog, output));
        Assert.Contains("tiny  1.2.3    a tiny device  ", output.ToString(), StringComparison.Ordinal);
        Assert.Contains($"broken: {garbage}: not a .NET assembly, or a damaged one", output.ToString(), StringComparison.Ordinal);
        Assert.Contains($"broken: {old}: built for device contract 0.1, but this lguest has 1.0: it must be built again for that", output.ToString(), StringComparison.Ordinal);

        var log = new ListLogger();
        catalog.Report(log, new HashSet<string> { "old" });
        Assert.Equal(2, log.Lines.Count);
        Assert.All(log.Lines, line => Assert.StartsWith("Warning: plugin ", line, StringComparison.Ordinal));
    }

    [Fact]
    public void A_damaged_assembly_never_breaks_the_scan()
    {
        var good = File.ReadAllBytes(Write(new TinyAssembly(), "fuzz"));
        var path = Path.Combine(_folder, "fuzz", "Tiny.dll");
        var random = new Random(7);
        for (var i = 0; i < 500; i++)
        {
            var bytes = (byte[])good.Clone();
            for (var changes = random.Next(1, 10); changes > 0; changes--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(path, bytes);
            _ = Scan();
        }
    }

    [Fact]
    public void A_sound_list_is_a_table()
    {
        Write(new TinyAssembly());
        using var output = new StringWriter();
        Assert.Equal(0, PluginListing.Write(Scan(), output));
        Assert.StartsWith("NAME  VERSION  SUMMARY        PATH\n", output.ToString(), StringComparison.Ordinal);
    }
}
