// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.Text.RegularExpressions;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// A guest whose drivers break every rule, from inside a real machine: puppy's <c>villain</c>. It judges for itself what is
/// answered and served; what the host refuses must also be the reason it states.
/// </summary>
public sealed partial class VillainTests(ITestOutputHelper output) : IDisposable
{
    private const string Detached = "; the device is detached, the guest goes on without it";

    /// <summary>What puppy does to every device: its status, its part of the device page, notifications, buffers in odd places.</summary>
    private const int Deeds = 28;

    private readonly Scratch _scratch = new();

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData("translator")]
    [InlineData("interpreter")]
    public void Every_broken_rule_is_refused_answered_or_served_as_it_must(string cpu)
    {
        var (log, errors, before, after) = Run(LguestProcess.Start, cpu);
        Assert.Equal(before, after);
        Check(log, errors, answered: 13, served: 9, Rng, Block, Console);
    }

    [Theory]
    [InlineData("translator")]
    [InlineData("interpreter")]
    public void So_is_every_one_of_a_network_card(string cpu)
    {
        var reason = LguestProcess.WhyNoNetwork();
        Assert.SkipWhen(reason is not null, reason ?? "");
        var (log, errors, before, after) = Run(LguestProcess.StartInOwnNetwork, cpu, "--tunnet=192.168.19.1");
        Assert.Equal(before, after);
        Assert.Equal(["lguest: a packet could not be sent to tap0: Invalid argument; later ones are not reported"], errors.Where(line => line.Contains("packet could", StringComparison.Ordinal)));
        Check(log, errors, answered: 16, served: 9, Rng, Block, Net, Console);
    }

    [Theory]
    [InlineData("nowhere", 1, "Bad NOTIFY 0xfffff000")]
    [InlineData("limit", 1, "Bad NOTIFY 0x4010000")]
    [InlineData("early", 1, "Notification on console before setup!")]
    [InlineData("twice", 1, "Device rng features finalized twice")]
    [InlineData("acknowledge", 1, "Device rng features finalized twice")]
    [InlineData("needs-reset", 1, "Device rng features finalized twice")]
    [InlineData("page-table", 3, "bad page table entry")]
    [InlineData("refused", 1, "rng0: queue input: available entry 0 names descriptor 65535, but the table has 256" + Detached, "Device rng features finalized twice")]
    public void What_the_bus_has_no_answer_to_ends_the_guest(string how, int exitCode, params string[] reasons) =>
        Assert.Equal(
            (exitCode, "", string.Concat(reasons.Select(reason => $"lguest: {reason}\n"))),
            LguestProcess.Run(
                "--on-device-fault", "detach", "--rng", "--device", "console", "--device", "console", "64", LguestProcess.Puppy, "quiet", "run=villain:end:" + how));

    private static DeviceCases Rng => new(
        "rng", ["input"], 0, Same(2, "queue input, descriptor 0: a device-readable descriptor in a request for entropy"));

    private static DeviceCases Block => new(
        "block",
        ["requests"],
        0,
        [
            "queue requests, descriptor 0: a request head of 0 bytes; expected 16",
            "queue requests, descriptor 0: a request head of 15 bytes; expected 16",
            .. Same(2, "queue requests, descriptor 0: a request without room for its status"),
        ]);

    private static DeviceCases Net => new(
        "net",
        ["receive", "transmit"],
        1,
        [
            "queue receive, descriptor 0: a device-readable descriptor in the receive queue",
            "queue receive, descriptor 0: room of 9 bytes for a packet; its header alone has 10",
            "queue transmit, descriptor 0: a device-writable descriptor in the transmit queue",
        ]);

    private static DeviceCases Console => new(
        "console",
        ["receive", "transmit"],
        1,
        [
            "queue receive, descriptor 0: a device-readable descriptor in the receive queue",
            .. Same(2, "queue transmit, descriptor 0: a device-writable descriptor in the transmit queue"),
        ]);

    private static string[] Same(int count, string reason) => [.. Enumerable.Repeat(reason, count)];

    /// <summary>What the host says of each broken rule of a ring, in puppy's order.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="served">How many requests it has answered before.</param>
    /// <param name="limit">Where memory ends.</param>
    private static IEnumerable<string> RingReasons(string queue, int served, ulong limit)
    {
        string Moved(int by) => $": the available index moved from {served} to {(ushort)(served + by)}, further than the 256 entries of the ring";
        string Outside(string what) => $", descriptor 0: {what} lie outside guest memory, which ends at 0x{limit:x}";
        string[] reasons =
        [
            $": available entry {served} names descriptor 256, but the table has 256",
            $": available entry {served} names descriptor 65535, but the table has 256",
            ", descriptor 0: next is 256, but the table has 256 descriptors",
            ", descriptor 0: next is 65535, but the table has 256 descriptors",
            ", descriptor 0: a chain longer than its table of 256 descriptors, or a loop",
            ", descriptor 0: a chain longer than its table of 256 descriptors, or a loop",
            Outside("16 bytes at 0xfffff000"),
            Outside("4294967295 bytes at 0xBUFFER"),
            Outside("16 bytes at 0x1BUFFER"),
            Outside("16 bytes at 0xfffffffffffffff8"),
            Outside($"1 bytes at 0x{limit:x}"),
            Outside($"16 bytes at 0x{limit - 8:x}"),
            ", descriptor 127: a chain of 4 GiB or more",
            ", descriptor 1: a device-readable descriptor after a device-writable one",
            Moved(257),
            Moved(32768),
            Moved(-1),
            Outside("16 bytes at 0xfffff000"),
            Outside($"32 bytes at 0x{limit - 16:x}"),
            ", descriptor 0: an indirect table of 0 bytes, not a positive multiple of 16",
            ", descriptor 0: an indirect table of 17 bytes, not a positive multiple of 16",
            ", descriptor 0: an indirect descriptor with a next one",
            ", descriptor 0: an indirect descriptor inside an indirect table",
            ", descriptor 0: next is 1, but the table has 1 descriptors",
            ", descriptor 0: a chain longer than its table of 1 descriptors, or a loop",
            ", descriptor 256: a chain longer than its table of 256 descriptors, or a loop",
        ];
        return reasons.Select(reason => $"queue {queue}{reason}");
    }

    private (List<string> Log, List<string> Errors, byte[] Before, byte[] After) Run(Func<string[], LguestProcess> start, string cpu, params string[] more)
    {
        var disk = _scratch.Disk(1 << 20);
        var before = File.ReadAllBytes(disk);
        using var process = start(["--cpu", cpu, "--on-device-fault", "detach", "--rng", "--block=" + disk, .. more, "64", LguestProcess.Puppy, "quiet", "run=villain"]);
        process.EndInput();
        Assert.True(process.WaitForExit() == 0, process.Errors + process.Output);
        return (Lines(process.Output), Lines(process.Errors), before, File.ReadAllBytes(disk));
    }

    private static List<string> Lines(string text) => [.. text.TrimEnd('\n').Split('\n').Select(line => line.Trim('\r'))];

    private void Check(List<string> log, List<string> errors, int answered, int served, params DeviceCases[] devices)
    {
        var limit = ulong.Parse(Limit().Match(errors.First(line => line.Contains("ends at", StringComparison.Ordinal))).Groups[1].Value, NumberStyles.HexNumber);
        string[] expected =
        [
            .. from device in devices
               from reason in (string[])
               [
                   .. device.Queues.SelectMany((queue, i) => RingReasons(queue, i == device.ServingQueue ? 1 : 0, limit)),
                   .. device.Reasons,
               ]
               select $"lguest: {device.Name}0: {reason}{Detached}",
        ];
        Assert.Equal(
            expected,
            errors.Where(line => line.EndsWith(Detached, StringComparison.Ordinal)).Select(line => BufferAddress().Replace(line, "$1BUFFER")));

        // It gives up on each device three times.
        Assert.Equal(3 * devices.Length, errors.Count(line => line.EndsWith(" configuration FAILED", StringComparison.Ordinal)));
        Assert.Equal("lguest: CRASH: Power down", errors[^1]);

        var summary = $"villain: {expected.Length} refused, {answered} answered, {(Deeds * devices.Length) + served} served, 0 wrong";
        output.WriteLine(summary);
        Assert.Equal(summary, log[^1]);
        Assert.Equal(expected.Length, log.Count(line => line.EndsWith(": refused", StringComparison.Ordinal)));
        var document = Path.Combine(Path.GetDirectoryName(LguestProcess.Puppy)!, "../../docs/hostile-drivers.md");
        Assert.Contains(summary, File.ReadAllText(document), StringComparison.Ordinal);
    }

    // Where puppy's buffer lies is the linker's affair.
    [GeneratedRegex("(?<=bytes at 0x)(1?)(?:00)?1[0-9a-f]{5}(?= lie)")]
    private static partial Regex BufferAddress();

    [GeneratedRegex("ends at 0x([0-9a-f]+)")]
    private static partial Regex Limit();

    /// <summary>What is refused of a device.</summary>
    /// <param name="Name">Its plugin.</param>
    /// <param name="Queues">Its queues.</param>
    /// <param name="ServingQueue">The one that answers a request before each case.</param>
    /// <param name="Reasons">What is said of its own rules, in puppy's order.</param>
    private sealed record DeviceCases(string Name, string[] Queues, int ServingQueue, string[] Reasons);
}
