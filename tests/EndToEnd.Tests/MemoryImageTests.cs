// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>The same arguments give the same guest, byte for byte, as with the C launcher.</summary>
public sealed class MemoryImageTests(Oracle oracle) : IClassFixture<Oracle>
{
    public static TheoryData<string> CommandLines => [.. MemoryImageCases.All];

    [Theory]
    [MemberData(nameof(CommandLines))]
    public void Guest_memory_is_that_of_the_C_launcher(string commandLine)
    {
        Assert.SkipWhen(oracle.WhyNot is not null, oracle.WhyNot ?? "");
        var arguments = Words(commandLine);
        if (Oracle.NeedsNetwork(arguments))
            Assert.SkipWhen(LguestProcess.WhyNoNetwork() is not null, LguestProcess.WhyNoNetwork() ?? "");

        var theirs = oracle.LayOutInC(arguments);
        var ours = oracle.LayOutHere(arguments);

        Assert.Equal(theirs.PageLimit, ours.PageLimit);
        Assert.Equal(theirs.EntryPoint, ours.EntryPoint);
        Assert.Equal((long)ours.PageLimit * 4096, new FileInfo(ours.Path).Length);
        Assert.Null(ours.DifferenceFrom(theirs));
    }

    [Fact]
    public void A_difference_would_be_found()
    {
        using var scratch = new Scratch();
        var bytes = new byte[3 << 20];
        var one = new MemoryImage(scratch.File("one", bytes), 768, "0x0");
        bytes[(2 << 20) + 5] = 7;
        var other = new MemoryImage(scratch.File("other", bytes), 768, "0x0");
        Assert.StartsWith("at 0x200005: 00", one.DifferenceFrom(other), StringComparison.Ordinal);
        Assert.Null(one.DifferenceFrom(one));
    }

    private string[] Words(string commandLine)
    {
        var words = new List<string>();
        foreach (var word in commandLine.Split(' '))
        {
            var at = word.IndexOf('@', StringComparison.Ordinal);
            if (at < 0)
                words.Add(word.StartsWith('-') ? word : word.Replace('_', ' '));
            else
                words.AddRange(Expand(word[(at + 1)..]).Select(text => word[..at] + text));
        }
        return [.. words];
    }

    private IEnumerable<string> Expand(string token)
    {
        var (kind, value) = token.Split(':') is [var head, var tail] ? (head, tail) : (token, "");
        int Number() => int.Parse(value, CultureInfo.InvariantCulture);
        return kind switch
        {
            "tiny" => [oracle.TinyKernel],
            "puppy" => [LguestProcess.Puppy],
            "kernel" => [oracle.MakeFile("kernel-" + value, () => CraftedKernels.Named(value))],
            "disk" or "initrd" => [oracle.MakeFile($"{kind}-{value}", () => Noise(Number()))],
            "word" => [new string('w', Number())],
            "words" => Enumerable.Range(0, Number()).Select(i => $"w{i}"),
            "empty" => [""],
            _ => throw new ArgumentException($"'@{token}' stands for nothing", nameof(token)),
        };
    }

    private static byte[] Noise(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        return bytes;
    }
}
