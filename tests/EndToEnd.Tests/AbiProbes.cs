// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// Asks the embedded engine what was asked of real lguest, and compares the answers. The probes are small guests with recorded
/// answers in the folder <c>abi-probes</c>, which is no part of the repository.
/// </summary>
public class AbiProbes
{
    private const string NoProbes = "(none)";

    private static readonly string? Folder = FindFolder();
    private static readonly Dictionary<string, AbiProbe> Probes =
        (Folder is null ? [] : AbiProbe.ReadList(Folder)).ToDictionary(probe => probe.Name);

    public static TheoryData<string> Names => new(Folder is null ? [NoProbes] : Probes.Keys);

    [Theory]
    [MemberData(nameof(Names))]
    public void Engine_answers_as_real_lguest(string name)
    {
        Assert.SkipWhen(Folder is null, "no abi-probes folder: set LGUEST_ABI_PROBES");
        AbiProbe probe = Probes[name];
        Assert.SkipWhen(probe.NeedsTap && !File.Exists("/dev/net/tun"), "no /dev/net/tun");

        string[] expected = AbiProbeDifferences.ExpectedLines(probe);
        string[] actual = AbiProbeRun.Run(probe, expected);
        if (probe.RepeatsForEver)
        {
            expected = [.. expected.Where(line => !line.StartsWith('['))];
            Assert.True(actual.Length >= expected.Length, Describe(expected, actual, "too short"));
            actual = actual[..expected.Length];
        }

        for (int i = 0; i < Math.Max(expected.Length, actual.Length); i++)
        {
            string? want = i < expected.Length ? expected[i] : null;
            string? got = i < actual.Length ? actual[i] : null;
            if (want is null || got is null || !AbiProbeDifferences.IsAccepted(probe, want, got))
            {
                Assert.Fail(Describe(expected, actual, $"line {i + 1} differs\n  expected: {want}\n  actual:   {got}"));
            }
        }
    }

    private static string Describe(string[] expected, string[] actual, string what) => new StringBuilder()
        .AppendLine(what)
        .AppendLine("--- expected").AppendJoin('\n', expected)
        .AppendLine().AppendLine("--- actual").AppendJoin('\n', actual)
        .ToString();

    private static string? FindFolder()
    {
        string? folder = Environment.GetEnvironmentVariable("LGUEST_ABI_PROBES");
        if (string.IsNullOrEmpty(folder))
        {
            folder = Path.Combine(LguestProcess.RepositoryRoot, "..", "shared", "abi-probes");
        }

        return File.Exists(Path.Combine(folder, "probes.list")) ? Path.GetFullPath(folder) : null;
    }
}
