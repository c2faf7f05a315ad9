// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text.RegularExpressions;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>A guest whose drivers break every rule of the ring, from inside a real machine: puppy's <c>villain</c>.</summary>
public sealed partial class VillainTests : IDisposable
{
    /// <summary>What the host says of each case, in puppy's order; the numbers are those of a guest of 64 MB with one device of each kind.</summary>
    private static readonly string[] s_reasons =
    [
        ": available entry 1 names descriptor 256, but the table has 256",
        ": available entry 1 names descriptor 65535, but the table has 256",
        ", descriptor 0: next is 256, but the table has 256 descriptors",
        ", descriptor 0: a chain longer than its table of 256 descriptors, or a loop",
        ", descriptor 0: a chain longer than its table of 256 descriptors, or a loop",
        ", descriptor 0: 16 bytes at 0xfffff000 lie outside guest memory, which ends at 0x400d000",
        ", descriptor 0: 4294967295 bytes at 0xBUFFER lie outside guest memory, which ends at 0x400d000",
        ", descriptor 0: 16 bytes at 0x1BUFFER lie outside guest memory, which ends at 0x400d000",
        ", descriptor 0: 16 bytes at 0xfffffffffffffff8 lie outside guest memory, which ends at 0x400d000",
        ", descriptor 1: a device-readable descriptor after a device-writable one",
        ": the available index moved from 1 to 258, further than the 256 entries of the ring",
        ": the available index moved from 1 to 0, further than the 256 entries of the ring",
        ", descriptor 0: 16 bytes at 0xfffff000 lie outside guest memory, which ends at 0x400d000",
        ", descriptor 0: an indirect table of 0 bytes, not a positive multiple of 16",
        ", descriptor 0: an indirect table of 17 bytes, not a positive multiple of 16",
        ", descriptor 0: an indirect descriptor with a next one",
        ", descriptor 0: an indirect descriptor inside an indirect table",
        ", descriptor 0: next is 1, but the table has 1 descriptors",
        ", descriptor 0: a chain longer than its table of 1 descriptors, or a loop",
    ];

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("translator")]
    [InlineData("interpreter")]
    public void Every_broken_rule_is_refused_with_its_reason_and_the_device_serves_after_a_reset(string cpu)
    {
        var disk = _scratch.Disk(1 << 20);
        var before = File.ReadAllBytes(disk);
        var (code, output, errors) = LguestProcess.Run(
            "--cpu", cpu, "--on-device-fault", "detach", "--rng", "--block=" + disk, "64", LguestProcess.Puppy, "quiet", "run=villain");

        const string Detached = "; the device is detached, the guest goes on without it";
        string[] expected =
        [
            .. from device in (string[])["rng0: queue input", "block0: queue requests"] from reason in s_reasons select $"lguest: {device}{reason}{Detached}",
            "lguest: CRASH: Power down",
        ];
        Assert.Equal(expected, errors.TrimEnd('\n').Split('\n').Select(line => BufferAddress().Replace(line, "$1BUFFER")));
        var lines = output.TrimEnd('\n').Split('\n').Select(line => line.TrimEnd('\r')).ToList();
        Assert.Equal(2 * s_reasons.Length, lines.Count(line => line.EndsWith(": refused", StringComparison.Ordinal)));
        foreach (var device in (string[])["rng", "block"])
        {
            Assert.Contains($"{device}: 100 resets in flight", lines);
            Assert.Contains($"{device}: descriptor written over: serves", lines);
        }
        Assert.Equal(0, code);
        Assert.Equal(before, File.ReadAllBytes(disk));
    }

    [Theory]
    [InlineData("nowhere", "Bad NOTIFY 0xfffff000")]
    [InlineData("twice", "Device rng features finalized twice")]
    public void What_the_bus_has_no_answer_to_ends_the_guest(string how, string reason) =>
        Assert.Equal((1, "", $"lguest: {reason}\n"), LguestProcess.Run("--rng", "64", LguestProcess.Puppy, "quiet", "run=villain:end:" + how));

    // Where puppy's buffer lies is the linker's affair.
    [GeneratedRegex("(?<=bytes at 0x)(1?)(?:00)?1[0-9a-f]{5}(?= lie)")]
    private static partial Regex BufferAddress();
}
