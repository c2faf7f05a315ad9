// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>Whether a core dump of the launcher would hold the guest's memory, as the kernel says for each mapping.</summary>
public class CoreDumpTests
{
    // proc_pid_smaps(5): "do not include area into core dump".
    private const string LeftOut = "dd";

    [Theory]
    [InlineData(true)]
    [InlineData(false, "--dump-guest-core")]
    public void Guest_memory_is_left_out_unless_asked_for(bool isLeftOut, params string[] options)
    {
        using var process = LguestProcess.Start([.. options, "200", LguestProcess.Puppy, "quiet"]);
        process.WaitFor("puppy> ");
        Assert.Equal(isLeftOut, FlagsOfMappingOf(200 << 10, process.Id).Contains(LeftOut));
        // A reboot maps it anew.
        process.Type("reboot\n");
        process.WaitFor("puppy> ");
        Assert.Equal(isLeftOut, FlagsOfMappingOf(200 << 10, process.Id).Contains(LeftOut));
        process.Type("poweroff\n");
        Assert.Equal(0, process.WaitForExit());
    }

    /// <summary>The flags of the mapping of about that size in kilobytes: the image is mapped over a part of it.</summary>
    private static string[] FlagsOfMappingOf(int kilobytes, int process)
    {
        var size = 0;
        foreach (var line in File.ReadLines($"/proc/{process}/smaps"))
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words[0] == "Size:")
                size = int.Parse(words[1], System.Globalization.CultureInfo.InvariantCulture);
            else if (words[0] == "VmFlags:" && Math.Abs(size - kilobytes) < 4096)
                return words[1..];
        }
        throw new InvalidOperationException($"no mapping of {kilobytes} kB");
    }
}
