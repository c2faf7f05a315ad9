// SPDX-License-Identifier: GPL-2.0-or-later
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using LguestPlug.Tests;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>What the process can no longer do when its guest runs, thread by thread.</summary>
public sealed class SandboxTests : IDisposable
{
    private const string Nobody = "nobody";
    private const string Banner = "puppy, a test guest";
    private const string SetPrivileges = "/usr/bin/setpriv";
    private static readonly string[] s_capabilitySets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];
    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    private static string EmptyFolder(string inside) => Directory.CreateDirectory(Path.Combine(inside, "empty")).FullName;

    private static void AssertNothingLeft(LguestProcess process)
    {
        foreach (var set in s_capabilitySets)
            Assert.Equal((set, "0000000000000000"), (set, Assert.Single(ThreadStatus.OfAll(process.Id, set))));
        Assert.Equal(["1"], ThreadStatus.OfAll(process.Id, "NoNewPrivs"));
        // Filters of system calls are not ours to make.
        Assert.Equal(ThreadStatus.OfAll(Environment.ProcessId, "Seccomp"), ThreadStatus.OfAll(process.Id, "Seccomp"));
    }

    [Theory]
    [InlineData("translator")]
    [InlineData("interpreter")]
    public void No_thread_has_a_capability_or_can_gain_one_also_after_a_reboot(string cpu)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root, to have capabilities to give up");
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64, "threads of the runtime are confined on x86-64 only");
        using var process = LguestProcess.Start(
            "--cpu", cpu, "--rng", "--block=" + _scratch.Disk(1 << 20), "64", LguestProcess.Puppy);
        for (var boot = 0; boot < 3; boot++)
        {
            process.WaitFor(Banner);
            process.WaitFor("puppy> ");
            AssertNothingLeft(process);
            process.Type("disk write 3 2 hello\n");
            process.WaitFor("2 sectors written");
            process.WaitFor("puppy> ");
            process.Type(boot < 2 ? "reboot\n" : "poweroff\n");
        }
        Assert.Equal(0, process.WaitForExit());
    }

    [Theory]
    [InlineData("--username", Nobody)]
    [InlineData("--chroot", null)]
    [InlineData("--username", Nobody, "--chroot", null)]
    public void Nor_with_another_user_or_root_directory(params string?[] options)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root to change the root directory and the user");
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64, "threads of the runtime are confined on x86-64 only");
        using var process = LguestProcess.Start([.. options.Select(o => o ?? EmptyFolder(_scratch.Folder)), "--rng", "64", LguestProcess.Puppy, "quiet"]);
        process.WaitFor("puppy> ");
        AssertNothingLeft(process);
        process.Type("poweroff\n");
        Assert.Equal(0, process.WaitForExit());
    }

    [Fact]
    public void Nor_with_a_network_card_of_its_own_making() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("link", "add", "br0", "type", "bridge");
        using var process = LguestProcess.Start("--tunnet=192.168.19.1", "--tunnet=bridge:br0", "64", LguestProcess.Puppy);
        for (var boot = 0; boot < 2; boot++)
        {
            process.WaitFor(Banner);
            process.WaitFor("puppy> ");
            AssertNothingLeft(process);
            process.Type("net ping 192.168.19.1 2\n");
            process.WaitFor("2 sent, 2 received");
            process.WaitFor("puppy> ");
            process.Type(boot == 0 ? "reboot\n" : "poweroff\n");
        }
        Assert.Equal(0, process.WaitForExit());
        Assert.DoesNotContain(" tap", NetworkNamespace.Ip("-o", "link"), StringComparison.Ordinal);
    });

    [Fact]
    public void An_ordinary_user_cannot_gain_privileges_either()
    {
        SkipWithoutSetpriv();
        using var process = LguestProcess.StartBehind([SetPrivileges, "--bounding-set=-all", "--inh-caps=-all", "--"], ["64", LguestProcess.Puppy, "quiet"]);
        process.WaitFor("puppy> ");
        Assert.Equal(["0000000000000000"], ThreadStatus.OfAll(process.Id, "CapPrm"));
        Assert.Equal(["1"], ThreadStatus.OfAll(process.Id, "NoNewPrivs"));
        process.Type("poweroff\n");
        Assert.Equal(0, process.WaitForExit());
        Assert.Equal("lguest: CRASH: Power down\n", process.Errors);
    }

    [Fact]
    public void With_the_sandbox_off_rights_are_kept()
    {
        using var process = LguestProcess.Start("--sandbox", "off", "64", LguestProcess.Puppy, "quiet");
        process.WaitFor("puppy> ");
        Assert.Equal(ThreadStatus.OfAll(Environment.ProcessId, "CapEff"), ThreadStatus.OfAll(process.Id, "CapEff"));
        Assert.Equal(ThreadStatus.OfAll(Environment.ProcessId, "NoNewPrivs"), ThreadStatus.OfAll(process.Id, "NoNewPrivs"));
        process.Type("poweroff\n");
        Assert.Equal(0, process.WaitForExit());
    }

    /// <summary>Also those it was started with, and the runtime's own.</summary>
    [Fact]
    public void Every_descriptor_but_the_standard_ones_is_closed_in_a_program_it_would_execute()
    {
        const int CloseOnExec = 0x80000;
        using var process = LguestProcess.StartBehind(
            ["sh", "-c", "exec 9</dev/null; exec \"$@\"", "sh"], ["--rng", "--block=" + _scratch.Disk(1 << 20), "64", LguestProcess.Puppy, "quiet"]);
        process.WaitFor("puppy> ");
        var descriptors = Directory.GetFileSystemEntries($"/proc/{process.Id}/fd").Select(entry => Path.GetFileName(entry)!).ToList();
        Assert.Contains("9", descriptors);
        var inherited = descriptors.Except(["0", "1", "2"]).Where(number => (Flags(process, number) & CloseOnExec) == 0).ToList();
        Assert.Empty(inherited);
        process.Type("poweroff\n");
        Assert.Equal(0, process.WaitForExit());
    }

    private static int Flags(LguestProcess process, string descriptor) =>
        Convert.ToInt32(File.ReadLines($"/proc/{process.Id}/fdinfo/{descriptor}").First(line => line.StartsWith("flags:", StringComparison.Ordinal))["flags:".Length..].Trim(), 8);

    /// <summary>What a plugin can do once its guest runs, on the guest's thread, on one it starts, and on one of the runtime's.</summary>
    [Theory]
    [InlineData("on")]
    [InlineData("require")]
    [InlineData("off")]
    public void Only_what_is_open_can_be_used(string sandbox)
    {
        var version = LandlockVersion;
        Assert.SkipWhen(version < 1, "this kernel offers no Landlock");
        Assert.SkipUnless(RuntimeInformation.ProcessArchitecture == Architecture.X64, "threads of the runtime are confined on x86-64 only");
        var folder = Directory.CreateDirectory(Path.Combine(_scratch.Folder, "plugins-own")).FullName;
        foreach (var name in new[] { "kept", "other", "gone" })
            File.WriteAllText(Path.Combine(folder, name), name);
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        var port = ((IPEndPoint)server.LocalEndpoint).Port;
        var (code, _, errors) = LguestProcess.Run(
            "--sandbox", sandbox, "--plugin-dir", Path.Combine(AppContext.BaseDirectory, "probe"),
            "--device", $"probe,{folder},port={port},process={Environment.ProcessId}", "64", LguestProcess.Puppy, "quiet", "run=echo:done");

        string[] always = ["read what is open", "write what is open", "load an assembly", "load a library"];
        string[] never =
        [
            "read a file", "read the user database", "write a file", "make a file", "make a temporary file", "list a folder", "remove a file", "execute a program",
            .. version >= 4 ? ["connect", "listen"] : Array.Empty<string>(),
            .. ScopesSignals ? ["signal a process"] : Array.Empty<string>(),
        ];
        foreach (var thread in new[] { "main", "new", "finalizer" })
        {
            foreach (var attempt in always)
                Assert.Contains($"{thread} thread: {attempt}: done\n", errors, StringComparison.Ordinal);
            foreach (var attempt in never)
                Assert.Contains($"{thread} thread: {attempt}: {(sandbox == "off" ? "done" : "refused")}\n", errors, StringComparison.Ordinal);
        }
        Assert.EndsWith("lguest: CRASH: Power down\n", errors, StringComparison.Ordinal);
        Assert.Equal(0, code);
    }

    [Fact]
    public void A_word_that_is_no_policy_is_one_line() =>
        Assert.Equal((2, "", "lguest: --sandbox is 'on', 'off' or 'require', not 'maybe'\n"), LguestProcess.Run("--sandbox", "maybe", "64", LguestProcess.Puppy));

    /// <summary>Neither what the guest has in its memory nor where that is; the user it has become no more than others.</summary>
    [Theory]
    [InlineData]
    [InlineData("--username", Nobody)]
    public void Another_process_of_another_user_cannot_read_guest_memory(params string[] options)
    {
        SkipWithoutSetpriv();
        using var process = LguestProcess.Start([.. options, "64", LguestProcess.Puppy, "quiet"]);
        process.WaitFor("puppy> ");
        foreach (var name in new[] { "mem", "maps", "smaps", "environ", "auxv" })
        {
            using var reader = AsNobody("head", "-c1", $"/proc/{process.Id}/{name}");
            Assert.NotEqual(0, reader.WaitForExit());
            Assert.Contains("Permission denied", reader.Errors, StringComparison.Ordinal);
        }
        using (var reader = AsNobody("ls", $"/proc/{process.Id}/fd", $"/proc/{process.Id}/map_files"))
        {
            Assert.NotEqual(0, reader.WaitForExit());
            Assert.Equal("", reader.Output);
        }
        process.Type("poweroff\n");
        Assert.Equal(0, process.WaitForExit());
    }

    private static void SkipWithoutSetpriv()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root to start something as another user");
        Assert.SkipUnless(File.Exists(SetPrivileges), "needs setpriv to start something as another user");
    }

    private static LguestProcess AsNobody(params string[] command) =>
        LguestProcess.Start(new System.Diagnostics.ProcessStartInfo(SetPrivileges, ["--reuid", Nobody, "--clear-groups", .. command]));

    /// <summary>What the kernel offers; below 1 for none.</summary>
    private static nint LandlockVersion => syscall(LandlockCreate, 0, 0, 1);

    /// <summary>Not if that would keep threads of one process from signalling each other.</summary>
    private static bool ScopesSignals => LandlockVersion >= 6 && (syscall(LandlockCreate, 0, 0, 2) is > 0 and var errata) && (errata & 2) != 0;

    private const nint LandlockCreate = 444;

    [DllImport("libc")]
    private static extern nint syscall(nint number, nint first, nint second, nint third);
}
