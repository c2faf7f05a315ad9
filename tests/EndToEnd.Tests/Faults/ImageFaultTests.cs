// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests.Faults;

/// <summary>The files a guest is started from change, or fail, while they are read and while the guest runs.</summary>
public sealed class ImageFaultTests : IDisposable
{
    private const string End = "lguest: CRASH: Power down\n";

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    public static TheoryData<string> Changes { get; } = ["cut off", "overwritten"];

    /// <summary>Were it mapped, the process would end with SIGBUS, or the guest execute what is there now.</summary>
    [Theory]
    [MemberData(nameof(Changes))]
    public void A_running_guest_does_not_care_for_its_files(string change)
    {
        var kernel = _scratch.File("kernel", File.ReadAllBytes(LguestProcess.Puppy));
        var initrd = _scratch.Disk(1 << 20);
        using var guest = Start(kernel, "--initrd=" + initrd);
        Change(kernel, change);
        Change(initrd, change);
        guest.Type("self-test cpu\n");
        Assert.Contains(" passed, 0 failed", guest.WaitFor("puppy> "), StringComparison.Ordinal);
        guest.Type("poweroff\n");
        Assert.Equal(0, guest.WaitForExit());
        Assert.Equal(End, guest.Errors);
    }

    [Theory]
    [InlineData("cut off", "is truncated: ")]
    [InlineData("overwritten", "is neither an ELF image nor a bzImage")]
    public void A_reboot_from_a_file_that_is_spoilt(string change, string reason)
    {
        var kernel = _scratch.File("kernel", File.ReadAllBytes(LguestProcess.Puppy));
        using var guest = Start(kernel);
        Change(kernel, change);
        guest.Type("reboot\n");
        Assert.Equal(1, guest.WaitForExit());
        Assert.StartsWith($"lguest: kernel image '{kernel}' {reason}", guest.Errors, StringComparison.Ordinal);
        Assert.Equal(1, guest.Errors.Count(c => c == '\n'));
    }

    /// <summary>As installers do: the new file takes the name, the old one goes on under none.</summary>
    [Fact]
    public void A_file_that_was_replaced_is_the_old_one_until_the_next_launch()
    {
        var kernel = _scratch.File("kernel", File.ReadAllBytes(LguestProcess.Puppy));
        var disk = _scratch.Disk(1 << 20);
        var other = _scratch.File("other", new byte[1 << 20]);
        using var guest = Start(kernel, "--block=" + disk);
        File.Move(_scratch.File("new", "no kernel at all"u8.ToArray()), kernel, overwrite: true);
        File.Move(other, disk, overwrite: true);
        guest.Type("reboot\n");
        guest.WaitFor("puppy> ");
        guest.Type("disk write 0 8 7\n");
        guest.WaitFor("8 sectors written from 0");
        guest.Type("poweroff\n");
        Assert.Equal(0, guest.WaitForExit());
        Assert.Equal(End, guest.Errors);
        Assert.All(File.ReadAllBytes(disk), b => Assert.Equal(0, b));
    }

    [Theory]
    [InlineData("read", FaultyFileSystem.IoError, "lguest: cannot read IMAGE 'FILE': Input/output error")]
    [InlineData("short", 8192, "lguest: IMAGE 'FILE' is truncated: ")]
    public void A_file_that_fails_while_it_is_read(string operation, int value, string expected)
    {
        var faulty = new FaultyFileSystem(_scratch, _scratch.File("backing", File.ReadAllBytes(LguestProcess.Puppy)));
        faulty.Break(operation, value);
        foreach (var (image, words) in new (string, string[])[] { ("kernel image", ["64", faulty.Disk]), ("initrd", ["--initrd=" + faulty.Disk, "64", LguestProcess.Puppy]) })
        {
            using var guest = LguestProcess.StartBehind(faulty.Behind, words);
            Assert.Equal(1, guest.WaitForExit());
            Assert.Equal("", guest.Output);
            Assert.StartsWith(expected.Replace("IMAGE", image, StringComparison.Ordinal).Replace("FILE", faulty.Disk, StringComparison.Ordinal), guest.Errors, StringComparison.Ordinal);
            Assert.Equal(1, guest.Errors.Count(c => c == '\n'));
        }
    }

    private static LguestProcess Start(string kernel, params string[] options)
    {
        var guest = LguestProcess.Start([.. options, "64", kernel, "quiet"]);
        guest.WaitFor("puppy> ");
        return guest;
    }

    /// <summary>By another program: .NET keeps its own off files that are open elsewhere.</summary>
    private static void Change(string path, string change) => Assert.Null(
        change == "cut off"
            ? LguestProcess.WhyNot("truncate fails", "truncate", "-s", "8192", path)
            : LguestProcess.WhyNot("dd fails", "dd", "if=/dev/zero", "of=" + path, "bs=4096", "conv=notrunc", $"count={new FileInfo(path).Length / 4096}"));
}
