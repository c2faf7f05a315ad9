// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text.Json;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>A machine is laid out and described, and never runs.</summary>
public sealed class DryRunTests : IDisposable
{
    private const int HostError = 1;
    private const int Usage = 2;
    private const int PageSize = 4096;
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private static string Succeed(params string[] arguments)
    {
        var (code, output, errors) = LguestProcess.Run(arguments);
        Assert.Equal("", errors);
        Assert.Equal(0, code);
        return output;
    }

    private static string Format(string template, params string[] options) =>
        Succeed(["--dry-run", "--format", template, .. options, "64", LguestProcess.Puppy]).TrimEnd('\n');

    private static void Fail(int exitCode, string expected, params string[] arguments)
    {
        var (code, output, errors) = LguestProcess.Run(arguments);
        Assert.Equal("", output);
        Assert.StartsWith("lguest: " + expected, errors, StringComparison.Ordinal);
        Assert.Equal(errors.Length - 1, errors.IndexOf('\n', StringComparison.Ordinal));
        Assert.Equal(exitCode, code);
    }

    /// <summary>Of puppy, as its ELF header has it.</summary>
    private static uint Entry => BitConverter.ToUInt32(File.ReadAllBytes(LguestProcess.Puppy), 24);

    [Fact]
    public void The_table_tells_the_machine_and_its_devices()
    {
        var output = Succeed("--dry-run", "--rng", "--block=" + _scratch.Disk(51200), "64", LguestProcess.Puppy, "run=panic", "two");
        Assert.Equal(
            $"""
            Memory:       64 MB
            Page limit:   16397 (0x400d)
            Entry point:  0x{Entry:x}
            Kernel:       {LguestProcess.Puppy}
            Initrd:       -
            Command line: run=panic two

            INDEX   NAME       TYPE   IRQS   RINGS                 SIZES     FEATURES   CONFIG
            0       rng0       4      1      0x4001000             256       0x0        -
            1       block0     2      2      0x4004000             256       0x204      640000000000000000000000fe000000
            2       console0   3      3,4    0x4007000,0x400a000   256,256   0x0        -

            """.ReplaceLineEndings("\n"),
            output);
        Assert.Equal(output, Succeed("--dry-run", "--format=table", "--rng", "--block=" + _scratch.Disk(51200), "64", LguestProcess.Puppy, "run=panic", "two"));
    }

    [Fact]
    public void The_json_has_the_documented_names()
    {
        var disk = _scratch.Disk(51200);
        using var json = JsonDocument.Parse(Succeed("--dry-run", "--format", "json", "--block=" + disk, "64", LguestProcess.Puppy, "quiet"));
        var machine = json.RootElement;
        string[] names = ["memory", "page_limit", "kernel", "initrd", "devices", "entry_point", "command_line"];
        Assert.Equal(names, machine.EnumerateObject().Select(member => member.Name));
        Assert.Equal(64ul << 20, machine.GetProperty("memory").GetProperty("bytes").GetUInt64());
        Assert.Equal("quiet", machine.GetProperty("command_line").GetString());

        var block = machine.GetProperty("devices")[0];
        string[] members = ["index", "name", "plugin", "type_id", "description", "descriptor", "features", "feature_bits", "config", "queues", "options"];
        Assert.Equal(members, block.EnumerateObject().Select(member => member.Name));
        Assert.Equal(0x4000000, block.GetProperty("descriptor").GetInt32());
        Assert.Equal([2, 9], block.GetProperty("feature_bits").EnumerateArray().Select(bit => bit.GetInt32()));
        Assert.Equal(disk, block.GetProperty("options").GetProperty("file").GetString());
        Assert.Equal(JsonValueKind.Null, block.GetProperty("options").GetProperty("read-only").ValueKind);
        var queue = Assert.Single(block.GetProperty("queues").EnumerateArray().ToArray());
        Assert.Equal(1, queue.GetProperty("irq").GetInt32());
        Assert.Equal(0x4001000, queue.GetProperty("ring_address").GetInt32());
        Assert.Equal(256, queue.GetProperty("size").GetInt32());
    }

    [Theory]
    [InlineData("{{ page_limit }}", "16397")]
    [InlineData("{{ entry_point }}", "ENTRY")]
    [InlineData("{{ for d in devices }}{{ d.name }};{{ end }}", "rng0;block0;console0;")]
    [InlineData("{{ devices[1].plugin }} {{ devices.block[0].index }} {{ devices.rng.size }}", "block 1 1")]
    [InlineData("{{ devices.block[0].options.read_only }}{{ if devices.block[0].options.serial }}s{{ end }}", "true")]
    [InlineData("{{ if initrd }}rd{{ else }}none{{ end }}", "none")]
    public void A_template_sees_the_same_names(string template, string expected) =>
        Assert.Equal(expected.Replace("ENTRY", $"{Entry}", StringComparison.Ordinal), Format(template, "--rng", "--device", $"block,{_scratch.Disk(512)},read-only"));

    [Theory]
    [InlineData("{{ if }}", "--format: Error while parsing if statement: ")]
    [InlineData("{{ pagelimit }}", "--format: The variable or function `pagelimit` was not found (line 1, column 4)")]
    [InlineData("a\n  {{ devices.disk[0] }}", "--format: Cannot get member with name disk. (line 2, column ")]
    [InlineData("{{ devices[7].name }}", "--format: Object `devices[7]` is null. ")]
    [InlineData("{{ include 'x' }}", "--format: Unable to include <x>. ")]
    [InlineData("{{ for i in 1..2000000 }}{{ end }}", "--format: Range expression exceeds LoopLimit `1000`. ")]
    [InlineData("jsn", "--format is 'table', 'json' or a template such as '{{ page_limit }}', not 'jsn'")]
    public void A_bad_format_is_one_line(string format, string expected) =>
        Fail(Usage, expected, "--dry-run", "--format", format, "64", LguestProcess.Puppy);

    [Fact]
    public void Without_a_dry_run_its_options_are_refused()
    {
        Fail(Usage, "--dump needs --dry-run", "--dump", "x", "64", LguestProcess.Puppy);
        Fail(Usage, "--format needs --dry-run", "--format=json", "64", LguestProcess.Puppy);
    }

    [Fact]
    public void The_dump_is_guest_memory_up_to_the_page_limit()
    {
        var dump = _scratch.File("dump", new byte[100 << 20]);
        Succeed("--dry-run", "--dump", dump, "64", LguestProcess.Puppy, "some", "words");
        var memory = File.ReadAllBytes(dump);
        Assert.Equal(16391 * PageSize, memory.Length);
        Assert.Equal("some words\0"u8, memory.AsSpan(PageSize, 11));
        Assert.Equal(File.ReadAllBytes(LguestProcess.Puppy).AsSpan(PageSize, 0x12788), memory.AsSpan(0x100000, 0x12788));
        // The console's descriptor: type, queues, no features, no configuration.
        Assert.Equal([3, 2, 0, 0, 0, 0, 1, 1, 0], memory[(64 << 20)..((64 << 20) + 9)]);
    }

    [Fact]
    public void The_dump_can_go_through_a_pipe()
    {
        var toPipe = Succeed("--dry-run", "--dump", "/dev/stdout", "--format", "{{ page_limit }}", "2", LguestProcess.Puppy);
        Assert.EndsWith("519\n", toPipe, StringComparison.Ordinal);
        Succeed("--dry-run", "--dump", "/dev/null", "2", LguestProcess.Puppy);
    }

    [Theory]
    [InlineData("kernel")]
    [InlineData("initrd")]
    [InlineData("disk")]
    public void A_dump_never_takes_an_image_of_the_guest(string which)
    {
        var kernel = _scratch.File("kernel", File.ReadAllBytes(LguestProcess.Puppy));
        var initrd = _scratch.File("initrd", [1, 2, 3]);
        var disk = _scratch.File("disk", new byte[1024]);
        var image = Path.Combine(_scratch.Folder, which);
        var content = File.ReadAllBytes(image);
        var symbolic = Path.Combine(_scratch.Folder, "symbolic");
        var hard = Path.Combine(_scratch.Folder, "hard");
        File.CreateSymbolicLink(symbolic, image);
        using (var ln = System.Diagnostics.Process.Start("ln", [image, hard]))
            ln.WaitForExit();
        foreach (var name in new[] { image, symbolic, hard })
        {
            Fail(
                HostError, $"--dump: cannot write '{name}': it is in use, perhaps as an image of this guest",
                "--dry-run", "--dump", name, "--block=" + disk, "--initrd=" + initrd, "64", kernel);
        }
        Assert.Equal(content, File.ReadAllBytes(image));
    }

    [Fact]
    public void A_dump_may_go_where_the_output_goes()
    {
        var file = Path.Combine(_scratch.Folder, "both");
        using var process = System.Diagnostics.Process.Start("sh", ["-c", "exec \"$0\" --dry-run --dump /dev/stdout --format '{{ page_limit }}' 2 \"$1\" >\"$2\"", LguestProcess.Executable, LguestProcess.Puppy, file]);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        Assert.Equal(519 * PageSize, new FileInfo(file).Length);
    }

    [Theory]
    [InlineData("/", "it is a directory")]
    [InlineData("/no/such/folder/dump", "no such folder")]
    public void A_dump_that_cannot_be_written(string path, string reason) =>
        Fail(HostError, $"--dump: cannot write '{path}': {reason}", "--dry-run", "--dump", path, "64", LguestProcess.Puppy);

    [Fact]
    public void It_needs_no_engine() => Succeed("--dry-run", "--engine", "kernel", "64", LguestProcess.Puppy);

    [Fact]
    public void The_guests_words_are_templates_only_when_asked_for()
    {
        string[] words = ["disks={{ devices.block.size }}", "{{ if initrd }}rd{{ end }}", "ip={{ devices[0].options.file | string.upcase }}", "plain"];
        string[] guest = ["--block=" + _scratch.File("disk", new byte[512]), "64", LguestProcess.Puppy, .. words];
        Assert.Equal(string.Join(' ', words) + "\n", Succeed(["--dry-run", "--format", "{{ command_line }}", .. guest]));
        Assert.Equal(
            $"disks=1 ip={_scratch.Folder.ToUpperInvariant()}/DISK plain\n",
            Succeed(["--dry-run", "--format", "{{ command_line }}", "--template-args", .. guest]));
    }

    [Fact]
    public void A_guest_runs_with_its_rendered_words()
    {
        var (code, output, errors) = LguestProcess.Run("--template-args", "--rng", "64", LguestProcess.Puppy, "quiet", "run={{ if devices.rng.size == 1 }}panic:one{{ else }}crash{{ end }}");
        Assert.True(errors.StartsWith("lguest: CRASH: one", StringComparison.Ordinal), output + errors);
        Assert.Equal(4, code);
    }

    [Theory]
    [InlineData("x={{ nothing }}", "--template-args: 'x={{ nothing }}': The variable or function `nothing` was not found")]
    [InlineData("{{ entry_point }}", "--template-args: '{{ entry_point }}': The variable or function `entry_point` was not found")]
    [InlineData("{{ end", "--template-args: '{{ end': ")]
    [InlineData("{{ \"a\\0b\" }}", "--template-args: '{{ \"a\\0b\" }}' gives a NUL character")]
    public void A_bad_template_among_the_guests_words(string word, string expected) =>
        Fail(Usage, expected, "--template-args", "64", LguestProcess.Puppy, word);
}
