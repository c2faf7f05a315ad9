// SPDX-License-Identifier: GPL-2.0-or-later
using CsCheck;

namespace LguestPlug.Fuzz.Tests;

/// <summary>
/// A short run of every fuzz target: the inputs kept in the repository, those that once found a defect, and random changes of them.
/// <c>fuzz run</c> does the same for longer, led by what is reached.
/// </summary>
public class CorpusTests
{
    /// <summary>How many changed inputs each target gets.</summary>
    private const string InputsVariable = "LGUESTPLUG_FUZZ_INPUTS";

    private const int LongestInput = 4096;

    public static TheoryData<string> Targets => [.. FuzzTarget.Names];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Kept_inputs_do_no_harm(string name)
    {
        using FuzzTarget target = FuzzTarget.Create(name);
        string[] files = [.. Corpus.Files(name), .. Corpus.Regressions(name)];
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            byte[] input = File.ReadAllBytes(file);
            if (Record.Exception(() => target.Run(input)) is { } defect)
                Assert.Fail($"{file}: {defect}");
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {files.Length} inputs");
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Changed_inputs_do_no_harm(string name)
    {
        // Those of guests take a hundred times as long.
        long inputs = long.TryParse(Environment.GetEnvironmentVariable(InputsVariable), out long wanted) ? wanted : name is "code" or "hypercalls" ? 300 : 10_000;
        byte[][] kept = [.. Corpus.Files(name).Select(File.ReadAllBytes)];
        using FuzzTarget target = FuzzTarget.Create(name);
        Gen<(int, int, byte)> change = Gen.Select(Gen.Int[0, 5], Gen.Int[0, LongestInput], Gen.Byte);
        Gen.Select(Gen.Int[0, kept.Length - 1], change.Array[1, 12], Gen.Byte.Array[0, 24])
            .Select((which, changes, tail) => Changed(kept[which], changes, tail))
            .Sample(input => target.Run(input), iter: inputs, threads: 1, print: Convert.ToHexString);
        TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {inputs} inputs");
    }

    private static byte[] Changed(byte[] input, (int Kind, int Place, byte Value)[] changes, byte[] tail)
    {
        List<byte> bytes = [.. input];
        foreach ((int kind, int place, byte value) in changes)
        {
            int at = bytes.Count == 0 ? 0 : place % bytes.Count;
            if (kind == 0 || bytes.Count == 0)
                bytes.Insert(at, value);
            else if (kind == 1)
                bytes.RemoveAt(at);
            else if (kind == 2)
                bytes[at] ^= (byte)(1 << (value % 8));
            else if (kind == 3)
                bytes[at] = value;
            else if (kind == 4)
                bytes[at] = (byte)(bytes[at] + (sbyte)value);
            else
                bytes.AddRange(bytes.Skip(at).Take(value).ToArray());
        }

        bytes.AddRange(tail);
        return [.. bytes.Take(LongestInput)];
    }
}
