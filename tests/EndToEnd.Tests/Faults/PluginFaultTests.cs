// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Plugins.Tests;

namespace LguestPlug.EndToEnd.Tests.Faults;

/// <summary>A plugin does wrong in each of its members: it is named in one line, and nothing else suffers.</summary>
public sealed class PluginFaultTests
{
    private const string Threw = "the plugin threw InvalidOperationException: as asked for";
    private const string End = "lguest: CRASH: Power down\n";

    private static string Folder => LguestProcess.BuiltIn("tests/FaultyPlugin", "");

    private static string[] With(string device, params string[] options) => [.. options, "--plugin-dir", Folder, "--device", device, "64", LguestProcess.Puppy, "quiet"];

    /// <summary>There is no guest yet, whatever is to be done about devices that fail.</summary>
    [Theory]
    [InlineData("faulty-plugin", "plugin 'faulty-plugin' (FOLDER/LguestPlug.FaultyPlugin.dll) cannot be used: as asked for")]
    [InlineData("faulty-options", "--device faulty-options: " + Threw)]
    [InlineData("faulty,where=option", "--device faulty,where=option: " + Threw)]
    [InlineData("faulty,where=create", "--device faulty,where=create: " + Threw)]
    [InlineData("faulty,where=create,how=null", "--device faulty,where=create,how=null: the plugin threw ArgumentNullException: Value cannot be null. (Parameter 'device')")]
    [InlineData("faulty,where=device-id", "--device faulty,where=device-id: " + Threw)]
    [InlineData("faulty,where=features", "--device faulty,where=features: " + Threw)]
    [InlineData("faulty,where=queues", "--device faulty,where=queues: " + Threw)]
    [InlineData("faulty,where=queues,how=null", "--device faulty,where=queues,how=null: the plugin threw NullReferenceException: Object reference not set to an instance of an object.")]
    [InlineData("faulty,where=config", "--device faulty,where=config: " + Threw)]
    [InlineData("faulty,where=description", "faulty0: " + Threw)]
    public void One_that_cannot_be_set_up_ends_the_launch(string device, string line)
    {
        var expected = (1, "", $"lguest: {line.Replace("FOLDER", Folder, StringComparison.Ordinal)}\n");
        Assert.Equal(expected, LguestProcess.Run(With(device)));
        Assert.Equal(expected, LguestProcess.Run(With(device, "--on-device-fault", "detach")));
    }

    [Theory]
    [InlineData("where=service", "faulty0: queue input: " + Threw)]
    [InlineData("where=service,how=twice", "faulty0: queue input: the plugin threw InvalidOperationException: the chain is completed already")]
    [InlineData("where=service,how=too-much", "faulty0: queue input: the plugin threw ArgumentOutOfRangeException: ")]
    [InlineData("where=service,how=forget", "faulty0: queue input, descriptor ")]
    public void One_that_fails_at_work_ends_the_guest_or_leaves_it_without(string fault, string line)
    {
        using (var guest = LguestProcess.Start(With("faulty," + fault)))
        {
            guest.WaitFor("puppy> ");
            guest.Type("rng 4\n");
            Assert.Equal(1, guest.WaitForExit());
            var lines = guest.Errors.Split('\n');
            Assert.StartsWith($"lguest: {line}", lines[^2], StringComparison.Ordinal);
            // What the guest said goes to a pipe of its own.
            Assert.Equal(["lguest: the guest's last lines:", "lguest: | puppy> rng 4"], lines[..2]);
        }
        using (var guest = LguestProcess.Start(With("faulty," + fault, "--on-device-fault", "detach")))
        {
            guest.WaitFor("puppy> ");
            guest.Type("rng 4\n");
            guest.WaitForErrors("the guest goes on without it\n");
            Assert.StartsWith($"lguest: {line}", guest.Errors, StringComparison.Ordinal);
            Assert.EndsWith("; the device is detached, the guest goes on without it\n", guest.Errors, StringComparison.Ordinal);
            Assert.Equal(1, guest.Errors.Count(c => c == '\n'));
            guest.Signal(15);
            Assert.Equal(143, guest.WaitForExit());
        }
    }

    [Fact]
    public void One_that_fails_to_start()
    {
        Assert.Equal((1, "", $"lguest: faulty0: {Threw}\n"), LguestProcess.Run(With("faulty,where=start")));
        const string Detached = $"lguest: faulty0: {Threw}; the device is detached, the guest goes on without it\n";
        using var guest = LguestProcess.Start(With("faulty,where=start", "--on-device-fault", "detach"));
        guest.WaitFor("puppy> ");
        guest.Type("echo alive\n");
        guest.WaitFor("\nalive");
        guest.Type("poweroff\n");
        Assert.Equal(0, guest.WaitForExit());
        Assert.Equal(Detached + End, guest.Errors);
    }

    /// <summary>The guest has ended by itself; the terminal, and the devices after this one, are taken care of all the same.</summary>
    [Theory]
    [InlineData("where=reset", 1, End + "lguest: faulty0: " + Threw + "\n")]
    [InlineData("where=dispose", 0, "lguest: faulty0 could not be released: " + Threw + "\n" + End)]
    [InlineData("where=stopping", 0, "lguest: faulty0: what the plugin registered with Stopping threw InvalidOperationException: as asked for\n" + End)]
    public void One_that_fails_at_the_end_ends_all_the_same(string fault, int exitCode, string errors)
    {
        using var pty = new Pty();
        var before = pty.LocalModes;
        using var guest = LguestProcess.StartOnTerminal(pty.Path, With("faulty," + fault));
        var screen = new Screen(pty);
        screen.WaitFor("puppy> ");
        pty.Type("rng 4\n"u8);
        screen.WaitFor("puppy> ");
        pty.Type("poweroff\n"u8);
        Assert.Equal(exitCode, guest.WaitForExit());
        foreach (var line in errors.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            screen.WaitFor(line + "\r\n");
        Assert.Equal(before, pty.LocalModes);
    }

    /// <summary>A device beside it loses nothing: neither when the guest reboots without the failed one, nor at the end.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void One_that_fails_to_reset_leaves_the_others_whole(bool isFirst)
    {
        const string Fault = "lguest: faulty0: " + Threw, Detached = Fault + "; the device is detached, the guest goes on without it\n";
        using var scratch = new Scratch();
        string[] disk = ["--block=" + scratch.Disk(1 << 20)], faulty = With("faulty,where=reset", "--on-device-fault", "detach");
        using var guest = LguestProcess.Start(isFirst ? [.. faulty[..^3], .. disk, .. faulty[^3..]] : [.. disk, .. faulty]);
        guest.WaitFor("puppy> ");
        guest.Type("rng 4\ndisk write 0 64 7\ndisk verify 0 64 7\nreboot\n");
        guest.WaitForErrors(Detached);
        guest.WaitFor("reboot");
        guest.WaitFor("puppy> ");
        guest.Type("disk verify 0 64 7\n");
        Assert.Contains("64 sectors from 0 verified", guest.WaitFor("puppy> "), StringComparison.Ordinal);
        guest.Type("poweroff\n");
        Assert.Equal(0, guest.WaitForExit());
        Assert.Equal(Detached + Detached + End, guest.Errors);
    }

    [Fact]
    public void All_that_fail_at_the_end_are_named()
    {
        using var guest = LguestProcess.Start(With("faulty,where=reset", "--device", "faulty,where=reset"));
        guest.WaitFor("puppy> ");
        guest.Type("rng 4\npoweroff\n");
        Assert.Equal(1, guest.WaitForExit());
        Assert.StartsWith($"lguest: faulty1: {Threw}\n{End}", guest.Errors, StringComparison.Ordinal);
        Assert.EndsWith($"\nlguest: faulty0: {Threw}\n", guest.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void One_whose_help_fails_is_told_with_the_end()
    {
        var (code, _, errors) = LguestProcess.Run(["-v", .. With("faulty,where=help-if-unused"), "run=panic:oh"]);
        Assert.Equal(4, code);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
    }

    /// <summary>Nobody calls it there, so nobody can catch it.</summary>
    [Fact]
    public void One_whose_own_thread_fails_ends_the_process_in_order()
    {
        using var pty = new Pty();
        var before = pty.LocalModes;
        using var guest = LguestProcess.StartOnTerminal(pty.Path, With("faulty,where=thread"));
        var screen = new Screen(pty);
        screen.WaitFor("lguest: a thread of plugin LguestPlug.FaultyPlugin threw InvalidOperationException: as asked for\r\n");
        Assert.Equal(1, guest.WaitForExit());
        Assert.DoesNotContain("   at ", screen.Text, StringComparison.Ordinal);
        Assert.Equal(before, pty.LocalModes);
    }

    /// <summary>Each is asked to end by SIGTERM while the plugin does not come back; they wait side by side, for as long as that takes.</summary>
    [Fact]
    public void One_that_does_not_come_back_is_named_and_left()
    {
        LguestProcess.SkipWhenIgnored(15);
        (string Fault, string Line)[] cases =
        [
            ("where=service,how=hang", "faulty0: queue input did not stop within 10 s; its plugin blocks"),
            ("where=service,how=spin", "faulty0: queue input did not stop within 10 s; its plugin blocks"),
            // It goes on writing into the guest's memory.
            ("where=service,how=scribble", "faulty0: queue input did not stop within 10 s; its plugin blocks"),
            ("where=create,how=hang", "stopped by SIGTERM; faulty0: its plugin has not returned from Create for 15 s"),
            ("where=start,how=hang", "stopped by SIGTERM; faulty0: its plugin has not returned from Start for 15 s"),
            ("where=start,how=spin", "stopped by SIGTERM; faulty0: its plugin has not returned from Start for 15 s"),
            ("where=stopping,how=hang", "stopped by SIGTERM; faulty0: its plugin has not returned from what it registered with Stopping for 15 s"),
            ("where=reset,how=hang", "stopped by SIGTERM; faulty0: its plugin has not returned from Reset for 15 s"),
            ("where=dispose,how=hang", "stopped by SIGTERM; faulty0: its plugin has not returned from Dispose for 60 s"),
        ];
        var guests = cases.Select(c => (c.Fault, c.Line, Process: LguestProcess.Start(["-v", .. With("faulty," + c.Fault)]))).ToList();
        try
        {
            foreach (var (fault, _, guest) in guests)
            {
                // Create blocks before there is a guest, Start before it has a prompt.
                if (!fault.StartsWith("where=create", StringComparison.Ordinal) && !fault.StartsWith("where=start", StringComparison.Ordinal))
                {
                    guest.WaitFor("puppy> ");
                    guest.Type("rng 4\n");
                }
                // Some do not come back only when they are to stop.
                if (fault.StartsWith("where=stopping", StringComparison.Ordinal) || fault.StartsWith("where=reset", StringComparison.Ordinal) || fault.StartsWith("where=dispose", StringComparison.Ordinal))
                    guest.WaitFor("\npuppy> ");
                else
                    guest.WaitForErrors("faulty: not coming back\n");
            }
            foreach (var (_, _, guest) in guests)
                guest.Signal(15);
            foreach (var (fault, line, guest) in guests)
            {
                var code = guest.WaitForExit();
                var said = guest.Errors.Split('\n').Where(l => l.StartsWith("lguest: ", StringComparison.Ordinal) && !l.StartsWith("lguest: | ", StringComparison.Ordinal)).ToList();
                Assert.Contains($"lguest: {line}", said);
                Assert.True(code is 1 or 143, $"{fault}: {code}");
                Assert.DoesNotContain("   at ", guest.Errors, StringComparison.Ordinal);
            }
        }
        finally
        {
            foreach (var (_, _, guest) in guests)
                guest.Dispose();
        }
    }
}
