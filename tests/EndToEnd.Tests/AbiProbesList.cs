// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>One line of <c>probes.list</c> and what was recorded for it.</summary>
/// <param name="Name">Name of the recorded answer.</param>
/// <param name="Arguments">The launcher's arguments.</param>
/// <param name="Limit">After this time a guest is taken to hang.</param>
/// <param name="Class">How exactly the answer must agree; the list's README explains.</param>
/// <param name="Folder">Folder of the probes.</param>
/// <param name="Golden">What real lguest answered: output, then how the launcher ended.</param>
internal sealed record AbiProbe(string Name, string[] Arguments, TimeSpan Limit, string Class, string Folder, string Golden)
{
    /// <summary>The guest must still run when its time is over.</summary>
    public bool Hangs => Golden.Contains("\n[timeout: ", StringComparison.Ordinal);

    /// <summary>The guest restarts itself without end; only the beginning is recorded.</summary>
    public bool RepeatsForEver => Golden.Contains("\n[repeats for ever", StringComparison.Ordinal);

    /// <summary>A network device is asked for.</summary>
    public bool NeedsTap => Arguments.Any(argument => argument.StartsWith("--tunnet", StringComparison.Ordinal));

    /// <summary>Reads all probes of a folder.</summary>
    public static IEnumerable<AbiProbe> ReadList(string folder)
    {
        foreach (string line in File.ReadLines(Path.Combine(folder, "probes.list")))
        {
            string[] fields = line.Split('\t');
            if (fields.Length < 4)
            {
                continue;
            }

            // The first line of a recording repeats the arguments.
            string recorded = File.ReadAllText(Path.Combine(folder, "golden", fields[0] + ".txt"), AbiProbeRun.OutputEncoding);
            yield return new AbiProbe(
                fields[0],
                fields[1].Split(' ', StringSplitOptions.RemoveEmptyEntries),
                TimeSpan.FromSeconds(int.Parse(fields[2])),
                fields[3],
                folder,
                recorded[(recorded.IndexOf('\n', StringComparison.Ordinal) + 1)..]);
        }
    }
}
