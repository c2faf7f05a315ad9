// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Text;
using LguestPlug.Plugins.Tests;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>Real shells asked to complete a line, with the script that lguest prints for them.</summary>
public sealed class CompletionTests : IDisposable
{
    private const string Begin = "\nBEGIN[";
    private const string End = "]END";
    private readonly Scratch _scratch = new();

    public CompletionTests()
    {
        _scratch.File("disk.img", []);
        _scratch.File("odd name,x", []);
        Directory.CreateDirectory(Path.Combine(_scratch.Folder, "folder"));
    }

    public void Dispose() => _scratch.Dispose();

    /// <summary>What is typed, and the line after Tab.</summary>
    private static readonly (string Typed, string Expected)[] s_lines =
    [
        ("lguest plu", "lguest plugins "),
        ("lguest plugins li", "lguest plugins list "),
        ("lguest plugins info bl", "lguest plugins info block "),
        ("lguest --verb", "lguest --verbose "),
        ("lguest trace FOLDER/disk.img --su", "lguest trace FOLDER/disk.img --summary "),
        ("lguest --block=FOLDER/di", "lguest --block=FOLDER/disk.img "),
        ("lguest --block FOLDER/di", "lguest --block FOLDER/disk.img "),
        ("lguest --plugin-dir=FOLDER/fo", "lguest --plugin-dir=FOLDER/folder/"),
        ("lguest --device bl", "lguest --device block "),
        ("lguest --device=bl", "lguest --device=block "),
        ("lguest --device block,fi", "lguest --device block,file="),
        ("lguest --device block,file=FOLDER/di", "lguest --device block,file=FOLDER/disk.img "),
        ("lguest --device block,read-only=of", "lguest --device block,read-only=off "),
        ("lguest --device net,mac=2:1,ta", "lguest --device net,mac=2:1,tap="),
        ("lguest --engine so", "lguest --engine soft "),
        ("lguest --trace FOLDER/t,fo", "lguest --trace FOLDER/t,format="),
        ("lguest --trace FOLDER/t,format=js", "lguest --trace FOLDER/t,format=json "),
        ("lguest replay FOLDER/disk.img --device rn", "lguest replay FOLDER/disk.img --device rng "),
        ("lguest --rng 64 FOLDER/di", "lguest --rng 64 FOLDER/disk.img "),
        ("lguest --block=FOLDER/od", @"lguest --block=FOLDER/odd\ name,x "),
        ("lguest completions z", "lguest completions zsh "),
    ];

    private IEnumerable<string> Expected => s_lines.Select(line => At(line.Expected));

    [Fact]
    public void Bash_completes()
    {
        SkipWithout("bash");
        var start = _scratch.File("rc", "PS1='ready> '\nbind 'set enable-bracketed-paste off'\nsource <(lguest completions bash)\n"u8.ToArray());
        Assert.Equal(Expected, Completed("bash --noprofile --rcfile " + start + " -i"));
    }

    [Fact]
    public void Zsh_completes()
    {
        SkipWithout("zsh");
        _scratch.File(".zshrc", "PS1='ready> '\nunsetopt prompt_sp prompt_cr\nzle_bracketed_paste=()\nautoload -Uz compinit\ncompinit -u -D\nsource <(lguest completions zsh)\n"u8.ToArray());
        Assert.Equal(Expected, Completed("zsh -i"));
    }

    [Fact]
    public void Fish_completes()
    {
        SkipWithout("fish");
        var asked = string.Concat(s_lines.Select(line => $"complete -C \"{At(line.Typed)}\"; echo end; "));
        var answers = Run($"fish --no-config -c 'lguest completions fish | source; {asked}'").Split("end\n")[..^1];
        // fish answers with the word alone, as it is, and quotes it when it puts it in.
        Assert.Equal(
            Expected.Zip(s_lines, (expected, line) => expected.TrimEnd(' ')[(At(line.Typed).LastIndexOf(' ') + 1)..].Replace("\\", "", StringComparison.Ordinal)),
            answers.Select(answer => string.Join(" or ", answer.TrimEnd('\n').Split('\n').Select(candidate => candidate.Split('\t')[0]))));
    }

    [Fact]
    public void All_that_fits_is_offered_and_nothing_else()
    {
        Assert.Equal(["block", "console", "net", "rng"], Candidates("--device", ""));
        Offered(["block,file=", "block,read-only", "block,serial="], [], "--device", "block,");
        Offered(["block,serial=x,file=", "block,serial=x,read-only"], ["block,serial=x,serial="], "--device", "block,serial=x,");
        Offered(["block,disk,read-only"], ["block,disk", "read-only"], "--device", "block,disk,");
        Offered(["plugins", "trace", "replay", "completions"], ["complete", "block"], "");
        Offered(["list", "info", "add", "remove"], ["plugins", "trace"], "plugins", "");
        Assert.Equal(["bash", "fish", "zsh"], Candidates("completions", ""));
        Assert.Equal(["--summary"], Candidates("trace", "x", "--su"));
        Assert.Equal(["block"], Candidates("trace", "x", "--device=").Where(c => c.EndsWith("block", StringComparison.Ordinal)).Select(c => c["--device=".Length..]));
        Assert.Empty(Candidates("--username", ""));
        Assert.Empty(Candidates("64", "vmlinux", "--blo"));
        Assert.Empty(Candidates("--device", "blokc,"));
        Assert.Empty(Candidates("--plugin-dir", "/no/such/folder", "--device", ""));
        Assert.Equal(Candidates("--").Order(), Candidates("--").Distinct().Order());
        Assert.Contains("--stats=json", Candidates("--st"));
    }

    [Theory]
    [InlineData("'trcae' is neither a command nor a memory size; did you mean 'trace'?", "trcae", "x")]
    [InlineData("did you mean 'plugins'?", "plugin")]
    [InlineData("'lguest trace' has no option '--sumary'; did you mean '--summary'?", "trace", "x", "--sumary")]
    [InlineData("'lguest plugins add' has no option '--sorce'; did you mean '--source'?", "plugins", "add", "x", "--sorce=y")]
    [InlineData("no completions for 'bsh'; did you mean 'bash'? (there are: bash, fish, zsh)", "completions", "bsh")]
    [InlineData("unknown option '--stast'; did you mean '--stats'?", "--stast", "64", "x")]
    [InlineData("Unrecognized command or argument 'y'.", "trace", "x", "y")]
    public void A_misspelt_word_is_told_with_the_right_one(string expected, params string[] words)
    {
        var (code, output, errors) = LguestProcess.Run(words);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(expected, errors, StringComparison.Ordinal);
        Assert.Equal(errors.Length - 1, errors.IndexOf('\n', StringComparison.Ordinal));
    }

    private string At(string line) => line.Replace("FOLDER", _scratch.Folder, StringComparison.Ordinal);

    private static void Offered(string[] expected, string[] unexpected, params string[] words)
    {
        var offered = Candidates(words);
        Assert.All(expected, word => Assert.Contains(word, offered));
        Assert.All(unexpected, word => Assert.DoesNotContain(word, offered));
    }

    private static List<string> Candidates(params string[] words)
    {
        var (code, output, errors) = LguestProcess.Run(["complete", "--", .. words]);
        Assert.Equal((0, ""), (code, errors));
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split('\t')[0])];
    }

    private static void SkipWithout(string shell)
    {
        var reason = LguestProcess.WhyNot($"needs {shell}", shell, "-c", "true");
        Assert.SkipWhen(reason is not null, reason ?? "");
        reason = LguestProcess.WhyNot("needs setsid", "setsid", "--version");
        Assert.SkipWhen(reason is not null, reason ?? "");
    }

    /// <summary>Types each line into a shell on a terminal, then Tab.</summary>
    /// <returns>The lines as they are then.</returns>
    private List<string> Completed(string shell)
    {
        using var pty = new Pty();
        using var process = Process.Start(Start($"exec setsid --ctty {shell} <{pty.Path} >{pty.Path} 2>&1"))!;
        try
        {
            var screen = new Screen(pty);
            var completed = new List<string>();
            foreach (var (typed, _) in s_lines)
            {
                screen.WaitFor("ready> ");
                // What is on the screen is drawn in pieces. So the line becomes an argument of a command that prints it.
                pty.Type(Encoding.UTF8.GetBytes(At(typed) + "\t]END'\u0001printf '%s\\n' 'BEGIN[\n"));
                screen.WaitFor(Begin);
                screen.WaitFor(End);
                var text = screen.Text[(screen.Text.LastIndexOf(Begin, StringComparison.Ordinal) + Begin.Length)..];
                completed.Add(text[..text.IndexOf(End, StringComparison.Ordinal)]);
            }
            return completed;
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }
    }

    private string Run(string command)
    {
        var start = Start(command);
        start.RedirectStandardOutput = true;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }

    /// <summary>With lguest as a command like any other.</summary>
    private ProcessStartInfo Start(string command)
    {
        var start = new ProcessStartInfo("sh", ["-c", command]);
        start.Environment["PATH"] = Path.GetDirectoryName(LguestProcess.Executable) + ":" + start.Environment["PATH"];
        start.Environment["HOME"] = start.Environment["ZDOTDIR"] = start.Environment["XDG_CONFIG_HOME"] = start.Environment["XDG_DATA_HOME"] = _scratch.Folder;
        start.Environment["TERM"] = "dumb";
        return start;
    }
}
