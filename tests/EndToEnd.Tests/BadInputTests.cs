// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>Every mistake is one clear line and the documented exit code; nothing reaches the guest's output.</summary>
public sealed class BadInputTests : IDisposable
{
    private const int HostError = 1;
    private const int Usage = 2;
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private static void Expect(int exitCode, string expected, params string[] arguments)
    {
        var (code, output, errors) = LguestProcess.Run(arguments);
        Assert.Equal("", output);
        Assert.StartsWith("lguest: ", errors, StringComparison.Ordinal);
        Assert.Equal(errors.Length - 1, errors.IndexOf('\n', StringComparison.Ordinal));
        Assert.Contains(expected, errors, StringComparison.Ordinal);
        Assert.Equal(exitCode, code);
    }

    [Theory]
    [InlineData(Usage, "the memory size and the kernel image are missing")]
    [InlineData(Usage, "the kernel image is missing", "64")]
    [InlineData(Usage, "'0' leaves the guest no memory", "0", "PUPPY")]
    [InlineData(Usage, "'abc' is not a number of megabytes", "abc", "PUPPY")]
    [InlineData(Usage, "'-64' is not a number of megabytes", "-64", "PUPPY")]
    [InlineData(Usage, "'99999' is larger than a 32-bit guest can have", "99999", "PUPPY")]
    [InlineData(Usage, "unknown option '--blok'; did you mean '--block'?", "--blok=x", "64", "PUPPY")]
    [InlineData(Usage, "'--block' needs a value", "--block")]
    [InlineData(Usage, "--engine is 'auto', 'kernel' or 'soft', not 'fast'", "--engine=fast", "64", "PUPPY")]
    [InlineData(Usage, "--cpu is 'auto', 'translator', 'interpreter' or 'lockstep', not 'fast'", "--cpu=fast", "64", "PUPPY")]
    [InlineData(HostError, "cannot open kernel image '/no/such/kernel': no such file", "64", "/no/such/kernel")]
    [InlineData(HostError, "cannot open kernel image '/': it is a directory", "64", "/")]
    [InlineData(HostError, "cannot open initrd '/no/such/initrd': no such file", "--initrd=/no/such/initrd", "64", "PUPPY")]
    [InlineData(HostError, "'/etc/passwd' is neither an ELF image nor a bzImage", "64", "/etc/passwd")]
    [InlineData(HostError, "does not fit: it needs 0x100000 to 0x", "1", "PUPPY")]
    [InlineData(HostError, "no plugin for device 'blokc'; did you mean 'block'? (available: block, console, net, rng)", "--device", "blokc", "64", "PUPPY")]
    [InlineData(HostError, "unknown option 'sise'; its options are: file,", "--device", "block,file=/etc/passwd,sise=3", "64", "PUPPY")]
    [InlineData(HostError, "option 'read-only' cannot be 'perhaps': expected on or off", "--device", "block,file=/etc/passwd,read-only=perhaps", "64", "PUPPY")]
    [InlineData(HostError, "/no/such/disk", "--block=/no/such/disk", "64", "PUPPY")]
    [InlineData(HostError, "'192.168.300.1'", "--tunnet=192.168.300.1", "64", "PUPPY")]
    [InlineData(HostError, "--plugin-dir '/no/such/folder': no such folder", "--plugin-dir", "/no/such/folder", "64", "PUPPY")]
    [InlineData(HostError, "too many devices", "--rng*32", "64", "PUPPY")]
    public void A_mistake_on_the_command_line(int exitCode, string expected, params string[] arguments)
    {
        var words = arguments.SelectMany(a => a == "--rng*32" ? Enumerable.Repeat("--rng", 32) : [a == "PUPPY" ? LguestProcess.Puppy : a]);
        Expect(exitCode, expected, [.. words]);
    }

    [Fact]
    public void The_kernel_engine_where_there_is_none()
    {
        Assert.SkipWhen(File.Exists("/dev/lguest"), "this machine has /dev/lguest");
        Expect(HostError, "--engine kernel: this machine has no /dev/lguest", "--engine", "kernel", "64", LguestProcess.Puppy);
    }

    [Fact]
    public void A_truncated_kernel()
    {
        var puppy = File.ReadAllBytes(LguestProcess.Puppy);
        Expect(HostError, "is truncated", "64", _scratch.File("half", puppy[..(puppy.Length / 3)]));
        Expect(HostError, "is truncated", "64", _scratch.File("header", puppy[..40]));
        Expect(HostError, "neither an ELF image nor a bzImage", "64", _scratch.File("empty", []));
    }

    [Fact]
    public void An_initrd_that_is_too_large() =>
        Expect(HostError, "does not fit: it has 9437184 bytes, the guest's memory 8388608 (8 MB)", "--initrd=" + _scratch.File("rd", new byte[9 << 20]), "8", LguestProcess.Puppy);

    [Fact]
    public void An_initrd_over_the_kernel() =>
        Expect(HostError, "overlaps kernel image", "--initrd=" + _scratch.File("rd", new byte[7 << 20]), "8", LguestProcess.Puppy);

    [Fact]
    public void No_plugins_at_all()
    {
        // The command without its plugins folder, as after a careless copy.
        var copy = Path.Combine(_scratch.Folder, "copy");
        Directory.CreateDirectory(Path.Combine(copy, "plugins"));
        foreach (var file in Directory.GetFiles(Path.GetDirectoryName(LguestProcess.Executable)!))
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        var native = Path.Combine(Path.GetDirectoryName(LguestProcess.Executable)!, "runtimes");
        foreach (var file in Directory.GetFiles(native, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(copy, "runtimes", Path.GetRelativePath(native, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
        var start = new System.Diagnostics.ProcessStartInfo(Path.Combine(copy, "lguest"), ["64", LguestProcess.Puppy]) { RedirectStandardError = true };
        start.Environment["XDG_DATA_HOME"] = _scratch.Folder;
        using var process = System.Diagnostics.Process.Start(start)!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.Equal($"lguest: no plugin for device 'console': no plugins in {copy}/plugins, {_scratch.Folder}/lguest/plugins\n", errors);
        Assert.Equal(HostError, process.ExitCode);
    }

    [Fact]
    public void A_damaged_plugin_is_reported_and_the_others_work()
    {
        var damaged = _scratch.File("damaged.dll", [1, 2, 3]);
        var (code, output, errors) = LguestProcess.Run("plugins", "--plugin-dir", _scratch.Folder);
        Assert.Equal(HostError, code);
        Assert.Contains($"broken: {damaged}: not a .NET assembly, or a damaged one\n", output, StringComparison.Ordinal);
        Assert.Contains("\nblock ", output, StringComparison.Ordinal);
        Assert.Equal("", errors);
    }

    [Theory]
    [InlineData(HostError, "--trace: cannot write '/no/such/folder/trace': no such folder", "--trace=/no/such/folder/trace")]
    [InlineData(HostError, "it is in use, perhaps as an image of this guest", "--block=DISK", "--trace=DISK")]
    [InlineData(HostError, "--trace: no device 'blokc' in this machine; did you mean 'block'? (its devices: block0, console0)", "--block=DISK", "--trace=/dev/null,device=blokc")]
    [InlineData(Usage, "--trace: format is 'text' or 'json', not 'xml'", "--trace=/dev/null,format=xml")]
    [InlineData(HostError, "--trace-cpu: cannot write '/no/such/folder/trace': no such folder", "--trace-cpu=/no/such/folder/trace")]
    [InlineData(HostError, "--trace-cpu: cannot write '/': it is a directory", "--trace-cpu=/")]
    [InlineData(HostError, "it is in use, perhaps as an image of this guest", "--block=DISK", "--trace-cpu=DISK")]
    [InlineData(Usage, "'--trace-cpu ,5' names no file", "--trace-cpu=,5")]
    [InlineData(Usage, "--trace-cpu: 'x' is not a number of instructions", "--trace-cpu=trace,x")]
    [InlineData(Usage, "--trace-cpu: '-1' is not a number of instructions", "--trace-cpu=trace,0,-1")]
    [InlineData(Usage, "has more than FILE,from,count", "--trace-cpu=trace,1,2,3")]
    [InlineData(Usage, "option '--stats' takes no value", "--stats=xml")]
    public void A_mistake_about_a_trace_is_one_line_and_harms_no_disk(int exitCode, string expected, params string[] options)
    {
        var disk = _scratch.Disk(1 << 20);
        var before = File.ReadAllBytes(disk);
        Expect(exitCode, expected, [.. options.Select(o => o.Replace("DISK", disk, StringComparison.Ordinal)), "64", LguestProcess.Puppy, "quiet", "run=poweroff"]);
        Assert.Equal(before, File.ReadAllBytes(disk));
    }
}
