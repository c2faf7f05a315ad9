// SPDX-License-Identifier: GPL-2.0-or-later
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using dnlib.DotNet;
using dnlib.DotNet.MD;
using dnlib.DotNet.Writer;
using dnlib.PE;
using SharpFuzz;
using Tmds.Linux;

namespace LguestPlug.Fuzz;

/// <summary>Runs targets under AFL++, in a copy of this program whose product assemblies are instrumented.</summary>
internal static class Campaign
{
    /// <summary>The command with which the copy serves AFL++.</summary>
    public const string UnderAfl = "under-afl";

    /// <summary>The command with which the copy picks a corpus.</summary>
    public const string Merge = "merge";

    private const string Program = "LguestPlug.Fuzz.dll";
    private const double TicksPerSecond = 100;

    /// <returns>False if a target crashed or hung.</returns>
    public static bool Run(IReadOnlyList<string> targets, TimeSpan processorTime, bool keep)
    {
        var work = Directory.CreateTempSubdirectory("lguest-fuzz-").FullName;
        var copy = Path.Combine(work, "program");
        MakeInstrumentedCopy(copy);
        var isGood = true;
        System.Console.WriteLine("target        executions     a second  cpu min    edges   of map  found  crashes  hangs  stability");
        foreach (var target in targets)
        {
            var results = Path.Combine(work, target);
            Fuzz(copy, target, results, processorTime);
            isGood &= Report(target, Path.Combine(results, "default"), ProcessorTimeOf(results));
            if (keep)
                Keep(copy, target, Path.Combine(results, "default"));
        }

        if (isGood)
            Directory.Delete(work, recursive: true);
        else
            System.Console.WriteLine($"The inputs are in {work}/TARGET/default; 'replay TARGET FILE' shows what they do.");

        return isGood;
    }

    /// <summary>Takes inputs from AFL++ until it ends.</summary>
    public static void ServeAfl(string name)
    {
        Reach.Prepare();
        using var target = FuzzTarget.Create(name);
        var buffer = new MemoryStream();
        Fuzzer.Run(stream =>
        {
            buffer.SetLength(0);
            stream.CopyTo(buffer);
            target.Run(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
        });
    }

    private static void MakeInstrumentedCopy(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory, "*", SearchOption.AllDirectories))
        {
            var to = Path.Combine(folder, Path.GetRelativePath(AppContext.BaseDirectory, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }

        foreach (var assembly in Directory.EnumerateFiles(folder, "*.dll"))
        {
            var name = Path.GetFileNameWithoutExtension(assembly);
            if (name == "lguest" || (name.StartsWith("LguestPlug.", StringComparison.Ordinal) && Path.GetFileName(assembly) != Program))
            {
                DropMachineCode(assembly);
                Fuzzer.Instrument(assembly, _ => true, Options.Value);
            }
        }
    }

    /// <summary>What was compiled ahead of time holds both, and only IL can be instrumented.</summary>
    private static void DropMachineCode(string assembly)
    {
        using var module = ModuleDefMD.Load(File.ReadAllBytes(assembly));
        if (module.IsILOnly)
            return;

        var options = new ModuleWriterOptions(module);
        options.PEHeadersOptions.Machine = Machine.I386; // what stands for any machine
        options.Cor20HeaderOptions.Flags = ComImageFlags.ILOnly;
        module.Write(assembly, options);
    }

    private static void Fuzz(string copy, string target, string results, TimeSpan processorTime)
    {
        var start = new ProcessStartInfo("afl-fuzz") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var word in (string[])["-i", Corpus.Folder(target), "-o", results, "-t", "120000", "-m", "none", "--", DotnetHost(), Path.Combine(copy, Program), UnderAfl, target])
            start.ArgumentList.Add(word);

        // It would look for its own traces in the program, want to see its crashes as core files, and choose a processor for itself.
        foreach (var name in (string[])["AFL_SKIP_BIN_CHECK", "AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES", "AFL_SKIP_CPUFREQ", "AFL_NO_AFFINITY", "AFL_NO_UI", "AFL_FORCE_UI_OFF", "AFL_IGNORE_SEED_PROBLEMS"])
            start.Environment[name] = "1";

        start.Environment["AFL_FORKSRV_INIT_TMOUT"] = "60000";
        Process afl;
        try
        {
            afl = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new CampaignException($"afl-fuzz cannot be started ({e.Message}); it is in Debian's package afl++");
        }

        using (afl)
        {
            var log = new List<string>();
            afl.OutputDataReceived += (_, line) => Note(log, line.Data);
            afl.ErrorDataReceived += (_, line) => Note(log, line.Data);
            afl.BeginOutputReadLine();
            afl.BeginErrorReadLine();
            while (!afl.WaitForExit(1000))
            {
                var used = ProcessorTime(afl.Id);
                Directory.CreateDirectory(results);
                File.WriteAllText(Path.Combine(results, "cpu"), used.TotalMinutes.ToString("F1", CultureInfo.InvariantCulture));
                if (used >= processorTime)
                    _ = LibC.kill(afl.Id, LibC.SIGINT);
            }

            if (!File.Exists(Path.Combine(results, "default", "fuzzer_stats")))
                throw new CampaignException($"afl-fuzz ended:\n{string.Join('\n', log.TakeLast(15))}");

            // The program itself has died of an input, the last one: then afl-fuzz gives up.
            var last = Path.Combine(results, "default", ".cur_input");
            if (afl.ExitCode != 0 && File.Exists(last))
                File.Copy(last, Path.Combine(results, "default", "crashes", "last-input"), overwrite: true);
        }
    }

    private static void Note(List<string> log, string? line)
    {
        if (line is null)
            return;

        log.Add(line);
        if (log.Count > 1000)
            log.RemoveRange(0, 500);
    }

    private static string DotnetHost() => Environment.ProcessPath is { } path && Path.GetFileName(path) == "dotnet" ? path : "dotnet";

    /// <summary>Of a process and its children, those included that have ended.</summary>
    private static TimeSpan ProcessorTime(int process)
    {
        double ticks = 0;
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var id))
                continue;

            try
            {
                // Behind the name, which may hold anything: state, parent, and further on four times.
                var stat = File.ReadAllText(Path.Combine(folder, "stat"));
                var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                if (id == process || int.Parse(fields[1], CultureInfo.InvariantCulture) == process)
                    ticks += fields[11..15].Sum(field => double.Parse(field, CultureInfo.InvariantCulture));
            }
            catch (IOException)
            {
                // It has just ended.
            }
        }

        return TimeSpan.FromSeconds(ticks / TicksPerSecond);
    }

    private static string ProcessorTimeOf(string results) => File.ReadAllText(Path.Combine(results, "cpu"));

    private static bool Report(string target, string folder, string processorTime)
    {
        var stats = File.ReadLines(Path.Combine(folder, "fuzzer_stats"))
            .Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries))
            .ToDictionary(pair => pair[0], pair => pair[1]);
        var crashes = Count(folder, "crashes");
        var hangs = Count(folder, "hangs");
        System.Console.WriteLine(
            $"{target,-12}{stats["execs_done"],12}{stats["execs_per_sec"],13}{processorTime,9}{stats["edges_found"],9}{stats["bitmap_cvg"],9}{stats["corpus_found"],7}{crashes,9}{hangs,7}{stats["stability"],11}");
        return crashes + hangs == 0;
    }

    private static int Count(string folder, string kind) =>
        Directory.EnumerateFiles(Path.Combine(folder, kind)).Count(file => Path.GetFileName(file) != "README.txt");

    private static void Keep(string copy, string target, string folder)
    {
        var merged = Path.Combine(folder, "merged");
        var start = new ProcessStartInfo(DotnetHost());
        foreach (var word in (string[])[Path.Combine(copy, Program), Merge, target, merged, .. Corpus.Files(target), .. Directory.EnumerateFiles(Path.Combine(folder, "queue"))])
            start.ArgumentList.Add(word);

        using var process = Process.Start(start)!;
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new CampaignException($"{target}: the corpus cannot be picked");

        foreach (var file in Corpus.Files(target))
            File.Delete(file);

        foreach (var file in Directory.EnumerateFiles(merged))
            File.Copy(file, Path.Combine(Corpus.Folder(target), Path.GetFileName(file)));
    }
}
