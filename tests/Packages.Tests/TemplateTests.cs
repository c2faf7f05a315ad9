// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text.RegularExpressions;

namespace LguestPlug.Packages.Tests;

/// <summary><c>dotnet new lguest-device</c>: what it writes builds, passes its tests, is packed, and runs in the installed tool.</summary>
public partial class TemplateTests(Sdk sdk)
{
    [Fact]
    public void A_dotted_name_with_no_options_is_tested_packed_installed_and_used_by_a_guest()
    {
        var folder = sdk.Scratch();
        sdk.New(folder, "-n", "Acme.Foo").Succeeds();
        var project = Path.Combine(folder, "Acme.Foo");
        var test = sdk.Dotnet(project, "test");
        Sdk.SkipWithoutRegistry(test);
        Assert.Contains("Passed:     5", test.Succeeds().Output, StringComparison.Ordinal);
        // None of the host's own assemblies are beside the plugin.
        Assert.Equal(["Acme.Foo.dll"], Directory.GetFiles(BuiltPlugin(project, "Acme.Foo", "Debug"), "*.dll").Select(Path.GetFileName));

        sdk.Dotnet(project, "pack", "src/Acme.Foo", "-o", "artifacts").Succeeds();
        Assert.StartsWith("added Acme.Foo 0.1.0: device 'foo', in ", sdk.Lguest(folder, "plugins", "add", Path.Combine(project, "artifacts", "Acme.Foo.0.1.0.nupkg")).Succeeds().Output, StringComparison.Ordinal);
        var info = sdk.Lguest(folder, "plugins", "info", "foo").Succeeds().Output;
        Assert.Contains("\ndevice id: 4\nfeatures:  none\nqueues:    0 requests, 256 entries\nconfig:    none\n", info, StringComparison.Ordinal);
        Assert.Matches(@"\ntext +text +Hello from foo!  +what the guest reads, over and over \(the key may be left out\)\n", info);

        // The guest takes it for the entropy device it says it is.
        var guest = sdk.Lguest(folder, "--engine=soft", "--device", "foo,text=AB", "64", Path.Combine(PackageTests.Repository, "guests", "puppy", "puppy"), "quiet", "run=rng:8").Succeeds();
        Assert.Contains("4142414241424142", guest.Output, StringComparison.Ordinal);

        RefusesWhatIsBroken(project, folder);
        Assert.Equal("removed Acme.Foo\n", sdk.Lguest(folder, "plugins", "remove", "foo").Succeeds().Output);
    }

    [Fact]
    public void A_dashed_name_with_a_configuration_space_and_queues() =>
        Works(
            "acme-foo", "acme-foo", tests: 8, "device id: 4\nfeatures:  none\nqueues:    0 requests, 256 entries; 1 queue1, 256 entries; 2 queue2, 256 entries\nconfig:    12 bytes\n",
            "--with-config", "--queues", "3");

    [Fact]
    public void A_name_that_starts_with_a_digit_with_a_type_features_and_authors()
    {
        var project = Works(
            "9p.Server", "server", tests: 5, "device id: 16\nfeatures:  0x00000009 (bits 0, 3)\nqueues:    0 requests, 256 entries\nconfig:    none\n",
            "--device-id", "16", "--features", "0,3", "--authors", "A & B <x@y>");
        sdk.Dotnet(project, "pack", "src/9p.Server", "-o", "artifacts", "--no-build").Succeeds();
        using var package = System.IO.Compression.ZipFile.OpenRead(Path.Combine(project, "artifacts", "9p.Server.0.1.0.nupkg"));
        using var nuspec = new StreamReader(package.GetEntry("9p.Server.nuspec")!.Open());
        Assert.Contains("<authors>A &amp; B &lt;x@y&gt;</authors>", nuspec.ReadToEnd(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_plain_name_with_every_option() =>
        Works(
            "foo", "foo", tests: 8, "device id: 5\nfeatures:  0x10000001 (bits 0, 28)\nqueues:    0 requests, 256 entries; 1 queue1, 256 entries; 2 queue2, 256 entries; 3 queue3, 256 entries; 4 queue4, 256 entries; 5 queue5, 256 entries; 6 queue6, 256 entries; 7 queue7, 256 entries\nconfig:    12 bytes\n",
            "--device-id=5", "--queues=8", "--features", "0, 28", "--with-config", "--authors", "me");

    /// <summary>Names of which the project or the device cannot have the letters as they are.</summary>
    [Theory]
    [InlineData("Acme.9p", "Acme._9p", "Virtio9pDevice", "virtio-9p")]
    [InlineData("Acme.Block", "Acme.Block", "BlockDevice", "my-block")]
    [InlineData("Acme.Fast_Disk", "Acme.Fast_Disk", "FastDiskDevice", "fast-disk")]
    public void Other_names_become_names_of_classes_and_devices(string name, string ns, string type, string device)
    {
        var folder = sdk.Scratch();
        sdk.New(folder, "-n", name).Succeeds();
        var source = File.ReadAllText(Path.Combine(folder, name, "src", name, type + ".cs"));
        Assert.Contains($"namespace {ns};", source, StringComparison.Ordinal);
        Assert.Contains($"class {type} ", source, StringComparison.Ordinal);
        Assert.Contains($"DevicePlugin(\"{device}\"", File.ReadAllText(Path.Combine(folder, name, "src", name, type.Replace("Device", "Plugin", StringComparison.Ordinal) + ".cs")), StringComparison.Ordinal);
    }

    [Fact]
    public void The_number_of_queues_is_checked() => Assert.NotEqual(0, sdk.New(sdk.Scratch(), "-n", "Acme.Foo", "--queues", "9").ExitCode);

    /// <summary>The configuration space in the template is what the command writes from the list in its README.</summary>
    [Fact]
    public void The_templates_configuration_space_is_written_by_the_command()
    {
        var folder = sdk.Scratch();
        var template = Path.Combine(PackageTests.Repository, "templates", "lguest-device");
        var command = ConfigCommand().Match(File.ReadAllText(Path.Combine(template, "README.md"))).Groups[1].Value.Split(' ');
        foreach (var directory in new[] { "src/Device.1", "tests/Device.1.Tests" })
            Directory.CreateDirectory(Path.Combine(folder, directory));
        sdk.Lguest(folder, command).Succeeds();
        foreach (var file in new[] { "src/Device.1/TheNameConfig.cs", "tests/Device.1.Tests/TheNameConfigTests.cs" })
            Assert.Equal(File.ReadAllText(Path.Combine(template, file)), File.ReadAllText(Path.Combine(folder, file)));
    }

    private string Works(string name, string device, int tests, string offers, params string[] options)
    {
        var folder = sdk.Scratch(name);
        sdk.New(folder, ["-n", name, .. options]).Succeeds();
        var project = Path.Combine(folder, name);
        var build = sdk.Dotnet(project, "build", "-c", "Release");
        Sdk.SkipWithoutRegistry(build);
        build.Succeeds();
        // The test program itself: "dotnet test" finds the same tests, at twice the time.
        var run = sdk.Dotnet(project, Path.Combine(project, "tests", name + ".Tests", "bin", "Release", "net10.0", name + ".Tests.dll")).Succeeds();
        Assert.Matches($@"Total: {tests}, Errors: 0, Failed: 0, Skipped: 0,", run.Output);
        var plugin = BuiltPlugin(project, name, "Release");
        Assert.Contains(offers, sdk.Lguest(folder, "plugins", "info", device, "--plugin-dir", plugin).Succeeds().Output, StringComparison.Ordinal);
        Assert.StartsWith($"added {name} 0.1.0: device '{device}', in ", sdk.Lguest(folder, "plugins", "add", plugin).Succeeds().Output, StringComparison.Ordinal);
        return project;
    }

    private void RefusesWhatIsBroken(string project, string folder)
    {
        var broken = Directory.CreateDirectory(Path.Combine(folder, "broken")).FullName;
        var assembly = File.ReadAllBytes(Path.Combine(BuiltPlugin(project, "Acme.Foo", "Debug"), "Acme.Foo.dll"));
        File.WriteAllBytes(Path.Combine(broken, "Acme.Foo.dll"), assembly[..(assembly.Length / 2)]);
        var refused = sdk.Lguest(folder, "plugins", "add", broken);
        Assert.Equal((1, $"lguest: '{broken}' holds no plugin: Acme.Foo.dll is not a .NET assembly, or a damaged one\n"), (refused.ExitCode, refused.Errors));
        // The one before is still there.
        sdk.Lguest(folder, "plugins", "info", "foo").Succeeds();
    }

    private static string BuiltPlugin(string project, string name, string configuration) => Path.Combine(project, "src", name, "bin", configuration, "net10.0");

    [GeneratedRegex("(?m)^lguest (plugins new-config .*)$")]
    private static partial Regex ConfigCommand();
}
