// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Generation;
using LguestPlug.Host.Plugins;

namespace LguestPlug.Host.Tests.CommandLine;

public class LguestCommandLineTests
{
    private static LaunchRequest Launch(params string[] words)
    {
        LaunchRequest? request = null;
        var commandLine = new LguestCommandLine(r => { request = r; return 42; }, new RecordedActions());
        Assert.Equal(42, commandLine.Invoke(words, TextWriter.Null));
        return request!;
    }

    private static string Refused(params string[] words)
    {
        var commandLine = new LguestCommandLine(_ => throw new InvalidOperationException("launched"), new RecordedActions());
        var message = Assert.Throws<UsageException>(() => commandLine.Invoke(words, TextWriter.Null)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private static string Output(params string[] words)
    {
        using var output = new StringWriter();
        var commandLine = new LguestCommandLine(_ => throw new InvalidOperationException("launched"), new RecordedActions());
        Assert.Equal(0, commandLine.Invoke(words, output));
        return output.ToString();
    }

    [Fact]
    public void Memory_and_kernel_are_enough()
    {
        var request = Launch("64", "vmlinux");
        Assert.Equal(64UL << 20, request.MemoryBytes);
        Assert.Equal("vmlinux", request.Kernel);
        Assert.Empty(request.GuestArguments);
        Assert.Null(request.Initrd);
        Assert.Equal(EngineChoice.Auto, request.Engine);
        Assert.True(request.Reboot);
        Assert.False(request.Verbose);
        Assert.Equal("console", Assert.Single(request.Devices).Name);
    }

    [Fact]
    public void User_and_root_directory_are_kept_unless_asked_for()
    {
        Assert.Equal((null, null), (Launch("64", "vmlinux").UserName, Launch("64", "vmlinux").ChangeRoot));
        var request = Launch("--username=nobody", "--chroot", "/empty", "64", "vmlinux", "--chroot=guest");
        Assert.Equal(("nobody", "/empty"), (request.UserName, request.ChangeRoot));
        Assert.Equal(["--chroot=guest"], request.GuestArguments);
        Assert.Contains("--chroot", Refused("--chroot", "a", "--chroot", "b", "64", "vmlinux"), StringComparison.Ordinal);
    }

    [Fact]
    public void Devices_keep_their_order_across_all_options_and_the_console_is_last()
    {
        var request = Launch("--rng", "--block=a", "--device", "sound,x=1", "--tunnet", "1.2.3.4", "64", "--block", "b", "--rng", "vmlinux");
        Assert.Equal(["rng", "block", "sound", "net", "block", "rng", "console"], request.Devices.Select(d => d.Name));
        Assert.Equal([null, "a", null, "1.2.3.4", "b", null, null], request.Devices.Select(d => d.Value));
    }

    [Fact]
    public void A_console_asked_for_takes_the_place_of_the_default_one() =>
        Assert.Equal(["rng", "console", "rng"], Launch("--rng", "--device", "console,raw=off", "--rng", "64", "vmlinux").Devices.Select(d => d.Name));

    [Fact]
    public void The_value_of_a_short_form_is_taken_whole() =>
        Assert.Equal("a,b=c,,d:e", Launch("--block=a,b=c,,d:e", "64", "vmlinux").Devices[0].Value);

    [Fact]
    public void Words_after_the_kernel_are_the_guests_whatever_they_look_like()
    {
        string[] words = ["--block=x", "-v", "--help", "--", "--no-such-option", "@file", "", "--", "root=/dev/vda", "64", "plugins", "-i"];
        var request = Launch(["--rng", "64", "vmlinux", .. words]);
        Assert.Equal(words, request.GuestArguments);
        Assert.Equal(["rng", "console"], request.Devices.Select(d => d.Name));
        Assert.False(request.Verbose);
    }

    [Fact]
    public void All_other_options_are_understood()
    {
        var request = Launch("--verbose", "--initrd=rd", "--plugin-dir", "a", "--plugin-dir=b", "--engine", "soft", "--cpu=interpreter", "--no-reboot", "1G", "vmlinux");
        Assert.True(request.Verbose);
        Assert.Equal("rd", request.Initrd);
        Assert.Equal(["a", "b"], request.PluginDirectories);
        Assert.Equal(EngineChoice.Soft, request.Engine);
        Assert.Equal(CpuExecution.Interpreter, request.Cpu);
        Assert.False(request.Reboot);
        Assert.Equal(1UL << 30, request.MemoryBytes);
    }

    [Fact]
    public void A_profile_is_told_only_when_asked_for()
    {
        var plain = Launch("64", "vmlinux", "--stats", "--trace-cpu=x");
        Assert.Equal((StatisticsFormat.None, null), (plain.Statistics, plain.CpuTrace));
        Assert.Equal(StatisticsFormat.Table, Launch("--stats", "64", "vmlinux").Statistics);
        Assert.Equal(StatisticsFormat.Json, Launch("--stats=json", "64", "vmlinux").Statistics);
        Assert.Equal(new CpuTraceRequest("x", 0, long.MaxValue), Launch("--trace-cpu", "x", "64", "vmlinux").CpuTrace);
        Assert.Equal(new CpuTraceRequest("x", 5, long.MaxValue), Launch("--trace-cpu=x,5", "64", "vmlinux").CpuTrace);
        Assert.Equal(new CpuTraceRequest("x,5", 5, 10), Launch("--trace-cpu=x,,5,5,10", "64", "vmlinux").CpuTrace);
    }

    [Fact]
    public void Short_options_are_understood()
    {
        var request = Launch("-v", "-i", "rd", "64", "vmlinux");
        Assert.True(request.Verbose);
        Assert.Equal("rd", request.Initrd);
    }

    [Fact]
    public void A_double_dash_may_stand_before_the_memory_size() =>
        Assert.Equal(["-v"], Launch("--rng", "--", "64", "vmlinux", "-v").GuestArguments);

    [Theory]
    [InlineData("are missing")]
    [InlineData("kernel image is missing", "64")]
    [InlineData("unknown option '--bogus'", "--bogus", "64", "vmlinux")]
    [InlineData("did you mean '--block'?", "--blokc=x", "64", "vmlinux")]
    [InlineData("'--block' needs a value: --block=<FILE>", "--block")]
    [InlineData("'--block' needs a value", "--block=", "64", "vmlinux")]
    [InlineData("'--device' needs a value: --device=<NAME[,key=value...]>", "--device", "--cpu=soft", "64", "vmlinux")]
    [InlineData("'--device' needs a value", "--device", "-v:")]
    [InlineData("'--plugin-dir' needs a value", "--device", "rng,help", "--plugin-dir", "--rng")]
    [InlineData("'--block' needs a value", "--block", "--", "64", "vmlinux")]
    [InlineData("'--rng' takes no value", "--rng=x", "64", "vmlinux")]
    [InlineData("'-5' is not a number of megabytes", "-5", "vmlinux")]
    [InlineData("--engine is 'auto', 'kernel' or 'soft', not 'fast'", "--engine=fast", "64", "vmlinux")]
    [InlineData("'--stats' takes no value", "--stats=xml", "64", "vmlinux")]
    [InlineData("'--trace-cpu' needs a value", "--trace-cpu")]
    [InlineData("'1k' is not a number of instructions", "--trace-cpu=f,1k", "64", "vmlinux")]
    [InlineData("names no device", "--device", ",x=1", "64", "vmlinux")]
    [InlineData("--initrd", "--initrd=a", "--initrd=b", "64", "vmlinux")]
    [InlineData("'lguest plugins' knows no 'foo' (list, info, add, remove, new-config)", "plugins", "foo")]
    [InlineData("'lguest plugins' knows no 'ad'; did you mean 'add'?", "plugins", "ad", "x")]
    [InlineData("there is a word missing: lguest plugins add FILE.nupkg|FOLDER|PACKAGE[@VERSION]", "plugins", "add")]
    [InlineData("'b' is one word too many: lguest plugins remove NAME", "plugins", "remove", "a", "b")]
    [InlineData("names no device", "plugins", "info", ",x")]
    [InlineData("--bogus", "plugins", "info", "block", "--bogus")]
    public void Mistakes_are_named(string expected, params string[] words) =>
        Assert.Contains(expected, Refused(words), StringComparison.Ordinal);

    [Fact]
    public void Plugins_are_listed_with_the_extra_folders()
    {
        Assert.Equal("list a b", Plugins("plugins", "--plugin-dir", "a", "--plugin-dir=b"));
        Assert.Equal("list a", Plugins("plugins", "list", "--plugin-dir", "a"));
    }

    [Theory]
    [InlineData("info block null 0 'plugins info block'", "plugins", "info", "block")]
    [InlineData("info block a,b 1 'plugins info block,a,,b,x=1' d", "plugins", "info", "block,a,,b,x=1", "--plugin-dir=d")]
    [InlineData("info block null 0 '--device block'", "--device", "block,help")]
    [InlineData("info block null 0 '--device block' d", "--plugin-dir", "d", "--rng", "--device=block,help", "64")]
    [InlineData("info block x 1 '--device block,x,y=1'", "--device", "block,x,y=1,help", "64", "vmlinux")]
    [InlineData("add a.nupkg null", "plugins", "add", "a.nupkg")]
    [InlineData("add Acme.Foo@1.2.3 feed", "plugins", "add", "Acme.Foo@1.2.3", "--source", "feed")]
    [InlineData("remove foo", "plugins", "remove", "foo")]
    [InlineData("new-config a:u8 DeviceConfig Device . null", "plugins", "new-config", "a:u8")]
    [InlineData("new-config a:u8,b:le16 FooConfig Acme.Foo src tests", "plugins", "new-config", "a:u8,b:le16", "--name=FooConfig", "--namespace", "Acme.Foo", "--output", "src", "--tests", "tests")]
    public void Plugins_are_managed(string expected, params string[] words) => Assert.Equal(expected, Plugins(words));

    [Theory]
    [InlineData("--device", "block,file=help")]
    [InlineData("--device", "block,a,,help")]
    [InlineData("--block", "x,help")]
    public void Help_as_a_value_is_a_value(string option, string device) => Launch(option, device, "64", "vmlinux");

    private static string Plugins(params string[] words)
    {
        var actions = new RecordedActions();
        Assert.Equal(7, new LguestCommandLine(_ => throw new InvalidOperationException("launched"), actions).Invoke(words, TextWriter.Null));
        return actions.Done!;
    }

    private sealed class RecordedActions : IPluginActions
    {
        public string? Done { get; private set; }

        public int List(IReadOnlyList<string> folders) => Did("list", [.. folders]);

        public int Info(DeviceRequest request, IReadOnlyList<string> folders) =>
            Did("info", [request.Name, request.Value ?? "null", request.Options.Count.ToString(), $"'{request.Spelling}'", .. folders]);

        public int Add(string plugin, string? source) => Did("add", plugin, source ?? "null");

        public int Remove(string name) => Did("remove", name);

        public int NewConfig(ConfigStructRequest request) => Did("new-config", request.Fields, request.Name, request.Namespace, request.Folder, request.TestFolder ?? "null");

        private int Did(string what, params string[] words)
        {
            Assert.Null(Done);
            Done = string.Join(' ', [what, .. words]);
            return 7;
        }
    }

    [Fact]
    public void Help_names_every_option_and_every_exit_code()
    {
        var help = Output("--help");
        string[] options =
        [
            "--tunnet", "--block", "--rng", "--initrd", "-i", "--username", "--chroot", "--sandbox", "--verbose", "-v", "--device", "--plugin-dir", "--engine", "--no-reboot",
            "--dry-run", "--dump", "--format", "--template-args", "--help", "--version", "plugins", "<mem-in-mb> <vmlinux>",
        ];
        Assert.All(options, option => Assert.Contains(option, help, StringComparison.Ordinal));
        Assert.All(ExitCode.Table, row => Assert.Contains($"  {row.Code,-15}{row.Meaning}", help, StringComparison.Ordinal));
    }

    [Fact]
    public void The_version_is_one_line() => Assert.Matches(@"^lguest \d+\.\d+\.\d+\n$", Output("--version"));

    /// <summary>Whoever adds an option has to give it a line of help, or it is found here.</summary>
    [Theory]
    [InlineData(SandboxPolicy.On)]
    [InlineData(SandboxPolicy.On, "--sandbox", "on")]
    [InlineData(SandboxPolicy.Off, "--sandbox=off")]
    [InlineData(SandboxPolicy.Require, "--sandbox", "require")]
    internal void The_sandbox_is_on_unless_said_otherwise(SandboxPolicy policy, params string[] words) =>
        Assert.Equal(policy, Launch([.. words, "64", "vmlinux"]).Sandbox);

    [Fact]
    public void Every_option_of_the_help_has_a_description()
    {
        var options = Output("--help").Split('\n').Where(line => line.StartsWith("  -", StringComparison.Ordinal)).ToList();
        Assert.Equal(25, options.Count);
        Assert.All(options, line => Assert.Matches(@"^  -\S.*?\s{2,}\S", line));
    }
}
