// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests.Faults;

/// <summary>
/// The file behind a disk fails in every way a file can, under a running guest: the guest gets an I/O error for that request, the
/// user one line, and everything else goes on.
/// </summary>
public sealed class DiskFaultTests : IDisposable
{
    private const string End = "lguest: CRASH: Power down\n";
    private const string Later = "; the guest gets an I/O error, later ones are not reported\n";

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public void A_file_that_was_cut_off_stays_as_short()
    {
        var disk = _scratch.Disk(1 << 20);
        var before = File.ReadAllBytes(disk);
        const int Left = 256 << 10;
        using var guest = Start([], disk);
        Assert.Equal("", Ask(guest, "disk write 1000 8 7"));
        using (var file = File.OpenWrite(disk))
            file.SetLength(Left);

        Assert.Equal("sector 1000: I/O error", Ask(guest, "disk read 1000 8"));
        Assert.Equal("sector 1000: I/O error", Ask(guest, "disk write 1000 8 7"));
        Assert.Equal("sector 511: I/O error", Ask(guest, "disk write 511 2 7"));
        Assert.Equal("", Ask(guest, "disk write 511 1 8"));
        Assert.Equal("", Ask(guest, "disk flush"));
        var expected = before[..Left];
        expected.AsSpan(511 * 512).Fill(8);
        Assert.Equal(expected, File.ReadAllBytes(disk));

        PowerOff(guest, $"lguest: cannot read at sector 1000 of '{disk}': the file has become shorter{Later}");
    }

    [Fact]
    public void A_full_disk()
    {
        SkipWithoutMounts();
        var folder = Directory.CreateDirectory(Path.Combine(_scratch.Folder, "small")).FullName;
        var disk = Path.Combine(folder, "disk");
        using var guest = Start(InOwnMounts($"mount -t tmpfs -o size=1M none {folder} && truncate -s 4M {disk}"), disk);
        Assert.Equal("", Ask(guest, "disk write 0 64 7"));
        Assert.Matches("^sector [0-9]+: I/O error$", Ask(guest, "disk write 1024 2048 8"));
        Assert.Equal("", Ask(guest, "disk verify 0 64 7"));
        Assert.Equal("", Ask(guest, "disk flush"));
        Assert.Equal("", Ask(guest, "disk write 8 8 9"));
        PowerOff(guest, $"lguest: cannot write at sector SECTOR of '{disk}': No space left on device{Later}");
    }

    [Fact]
    public void A_file_that_may_not_grow()
    {
        Assert.SkipUnless(LguestProcess.WhyNot("", "prlimit", "--version") is null, "needs prlimit");
        var disk = _scratch.File("disk", []);
        const long Size = 1 << 20;
        using (var file = File.OpenWrite(disk))
            file.SetLength(Size);
        using var guest = Start([], disk);
        // The limit is set once it runs: .NET needs large files of its own to start.
        Assert.Null(LguestProcess.WhyNot("prlimit fails", "prlimit", "--pid", $"{guest.Id}", $"--fsize={Size / 2}"));
        Assert.Equal("sector 1024: I/O error", Ask(guest, "disk write 1024 8 7"));
        Assert.Equal("", Ask(guest, "disk write 8 8 7"));
        PowerOff(guest, $"lguest: cannot write at sector 1024 of '{disk}': File too large{Later}");
    }

    [Fact]
    public void A_file_system_that_becomes_read_only()
    {
        SkipWithoutMounts();
        SkipWithoutLoop();
        Assert.SkipUnless(LguestProcess.WhyNot("", "mkfs.ext4", "-V") is null, "needs mkfs.ext4");
        var image = Path.Combine(_scratch.Folder, "ext4");
        var folder = Directory.CreateDirectory(Path.Combine(_scratch.Folder, "ext")).FullName;
        var disk = Path.Combine(folder, "disk");
        var trigger = Path.Combine(_scratch.Folder, "trigger");
        using var guest = Start(
            InOwnMounts(
                $"truncate -s 16M {image} && mkfs.ext4 -q -e remount-ro {image} && mount -o loop {image} {folder} && truncate -s 4M {disk} && "
                + $"echo /sys/fs/ext4/$(basename $(findmnt -no SOURCE {folder}))/trigger_fs_error >{trigger}"),
            disk);
        Assert.Equal("", Ask(guest, "disk write 0 8 7"));
        Assert.Equal("", Ask(guest, "disk flush"));
        // What ext4 does when it meets a damaged block, and it is told to go read-only for that.
        File.WriteAllText(File.ReadAllText(trigger).Trim(), "a test");
        Assert.Equal("sector 64: I/O error", Ask(guest, "disk write 64 8 7"));
        Assert.Equal("flush: I/O error", Ask(guest, "disk flush"));
        Assert.Equal("", Ask(guest, "disk verify 0 8 7"));
        PowerOff(guest, $"lguest: cannot write at sector 64 of '{disk}': Read-only file system{Later}");
    }

    [Fact]
    public void A_read_only_file_system_from_the_start()
    {
        SkipWithoutMounts();
        var disk = _scratch.Disk(1 << 20);
        var before = File.ReadAllBytes(disk);
        using var guest = Start(InOwnMounts($"mount --bind {_scratch.Folder} {_scratch.Folder} && mount -o remount,bind,ro {_scratch.Folder}"), disk);
        Assert.Equal("sector 0: I/O error", Ask(guest, "disk write 0 8 7"));
        Assert.Equal("", Ask(guest, "disk flush"));
        PowerOff(guest, $"lguest: '{disk}' cannot be opened for writing; the disk is read-only\n");
        Assert.Equal(before, File.ReadAllBytes(disk));
    }

    /// <summary>The kernel takes the writes, cannot put them down, tells so once and then says that all is well: the guest must not believe it.</summary>
    [Fact]
    public void A_block_device_that_loses_what_it_took()
    {
        SkipWithoutMounts();
        SkipWithoutLoop();
        var folder = Directory.CreateDirectory(Path.Combine(_scratch.Folder, "small")).FullName;
        var name = Path.Combine(_scratch.Folder, "device");
        var disk = Path.Combine(_scratch.Folder, "disk");
        using var guest = Start(
            InOwnMounts(
                $"mount -t tmpfs -o size=1M none {folder} && truncate -s 8M {folder}/back && losetup --find --show {folder}/back >{name} && ln -s $(cat {name}) {disk}"),
            disk);
        try
        {
            Assert.Equal("", Ask(guest, "disk write 0 8192 7"));
            Assert.Equal("flush: I/O error", Ask(guest, "disk flush"));
            Assert.Equal("flush: I/O error", Ask(guest, "disk flush"));
            PowerOff(guest, $"lguest: cannot flush '{disk}': Input/output error{Later}");
        }
        finally
        {
            _ = LguestProcess.WhyNot("", "losetup", "--detach", File.ReadAllText(name).Trim());
        }
    }

    [Theory]
    [InlineData("read", "disk read 16 8", "sector 16: I/O error", "read at sector 16 of")]
    [InlineData("write", "disk write 16 8 9", "sector 16: I/O error", "write at sector 16 of")]
    public void A_medium_error_is_that_requests_alone(string operation, string command, string answer, string told)
    {
        var backing = _scratch.Disk(1 << 20);
        var faulty = new FaultyFileSystem(_scratch, backing);
        using var guest = Start(faulty.Behind, faulty.Disk);
        Assert.Equal("", Ask(guest, "disk write 0 64 7"));
        faulty.Break(operation);
        Assert.Equal(answer, Ask(guest, command));
        Assert.Equal(answer, Ask(guest, command));
        Assert.Equal("", Ask(guest, "disk flush"));
        faulty.Heal(operation);
        Assert.Equal("", Ask(guest, "disk verify 0 64 7"));
        Assert.Equal("", Ask(guest, "disk write 0 64 8"));
        PowerOff(guest, $"lguest: cannot {told} '{faulty.Disk}': Input/output error{Later}");
        Assert.All(File.ReadAllBytes(backing)[..(64 * 512)], b => Assert.Equal(8, b));
    }

    /// <summary>What was lost is lost, also when the medium is well again, and for the guest that is started next.</summary>
    [Fact]
    public void A_flush_that_failed_is_never_told_to_have_worked()
    {
        var faulty = new FaultyFileSystem(_scratch, _scratch.Disk(1 << 20));
        using var guest = Start(faulty.Behind, faulty.Disk);
        Assert.Equal("", Ask(guest, "disk flush"));
        faulty.Break("fsync");
        Assert.Equal("", Ask(guest, "disk write 0 8 7"));
        Assert.Equal("flush: I/O error", Ask(guest, "disk flush"));
        faulty.Heal("fsync");
        Assert.Equal("flush: I/O error", Ask(guest, "disk flush"));
        Assert.Equal("", Ask(guest, "disk write 0 8 8"));
        Assert.Equal("flush: I/O error", Ask(guest, "disk flush"));
        guest.Type("reboot\n");
        guest.WaitFor("puppy> ");
        Assert.Equal("flush: I/O error", Ask(guest, "disk flush"));
        Assert.Equal("", Ask(guest, "disk verify 0 8 8"));
        PowerOff(guest, $"lguest: cannot flush '{faulty.Disk}': Input/output error{Later}");
    }

    /// <summary>Not asked for by the guest, the last flush has nobody to tell but the user.</summary>
    [Fact]
    public void A_flush_that_fails_at_the_end()
    {
        var faulty = new FaultyFileSystem(_scratch, _scratch.Disk(1 << 20));
        using var guest = Start(faulty.Behind, faulty.Disk);
        Assert.Equal("", Ask(guest, "disk write 0 8 7"));
        faulty.Break("fsync");
        guest.Type("poweroff\n");
        Assert.Equal(0, guest.WaitForExit());
        Assert.Equal($"lguest: cannot flush '{faulty.Disk}': Input/output error\n{End}", guest.Errors);
    }

    private static LguestProcess Start(IReadOnlyList<string> behind, string disk)
    {
        string[] words = [$"--block={disk}", "64", LguestProcess.Puppy, "quiet"];
        var guest = behind.Count == 0 ? LguestProcess.Start(words) : LguestProcess.StartBehind(behind, words);
        try
        {
            guest.WaitFor("puppy> ");
            return guest;
        }
        catch
        {
            guest.Dispose();
            throw;
        }
    }

    /// <summary>What the guest says to a command that does or does not fail; counts and checksums are left out.</summary>
    private static string Ask(LguestProcess guest, string command)
    {
        guest.Type(command + "\n");
        var lines = guest.WaitFor("puppy> ").ReplaceLineEndings("\n").Split('\n');
        return string.Join('|', lines.Where(line => line.EndsWith("error", StringComparison.Ordinal) || line.Contains("differ", StringComparison.Ordinal)));
    }

    /// <summary>The guest is well enough to end itself, and the user was told of one thing.</summary>
    private static void PowerOff(LguestProcess guest, string told)
    {
        guest.Type("poweroff\n");
        Assert.Equal(0, guest.WaitForExit());
        var errors = told.Contains("SECTOR", StringComparison.Ordinal)
            ? System.Text.RegularExpressions.Regex.Replace(guest.Errors, "sector [0-9]+ ", "sector SECTOR ")
            : guest.Errors;
        Assert.Equal(told + End, errors);
    }

    private static string[] InOwnMounts(string prepare) => ["unshare", "--mount", "sh", "-c", $"mount --make-rprivate / && {prepare} && exec \"$@\"", "sh"];

    private static void SkipWithoutMounts()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "needs root to mount file systems");
        Assert.SkipUnless(LguestProcess.WhyNot("", "unshare", "--mount", "true") is null, "needs mount namespaces (unshare --mount)");
    }

    private static void SkipWithoutLoop() =>
        Assert.SkipUnless(LguestProcess.WhyNot("", "losetup", "--find") is null, "needs loop devices (losetup)");
}
