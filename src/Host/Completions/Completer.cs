// SPDX-License-Identifier: GPL-2.0-or-later
using System.CommandLine;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Plugins;

namespace LguestPlug.Host.Completions;

/// <summary>A word a shell may offer.</summary>
/// <param name="Word">The whole word, what was typed of it included. More of it is to come if it ends with one of <c>/ = ,</c>.</param>
/// <param name="Help">What it means, where a shell shows that; may be empty.</param>
internal sealed record Candidate(string Word, string Help = "");

/// <summary>
/// What may come next in a command line of <c>lguest</c>. Commands and options are read off the command line itself, and what an
/// option takes off its own help, so that neither can be forgotten here; devices and their options are the plugins'.
/// </summary>
internal sealed class Completer(Command root, Func<IReadOnlyList<string>, PluginCatalog> scan)
{
    private const string KeyValues = "[,key=value...]";
    private const int OwnPositionals = 2;

    private readonly List<string> _folders = [];

    /// <param name="words">The words after the program's name; the last one is being typed, and may be empty.</param>
    public IEnumerable<Candidate> Complete(IReadOnlyList<string> words)
    {
        var typed = words.Count == 0 ? "" : words[^1];
        var command = root;
        var positionals = 0;
        Option? waiting = null;
        foreach (var word in words.SkipLast(1))
        {
            if (waiting is not null)
            {
                Note(waiting, word);
                waiting = null;
            }
            else if (IsOption(word))
            {
                var (option, value) = OptionOf(command, word);
                if (option is null || !TakesValue(option))
                    continue;
                if (value is null)
                    waiting = option;
                else
                    Note(option, value);
            }
            else if (positionals == 0 && command.Subcommands.FirstOrDefault(c => c.Name == word) is { } subcommand)
                command = subcommand;
            else if (++positionals == OwnPositionals && command == root)
                return []; // All else is the guest's.
        }
        if (waiting is not null)
            return Values(KindOf(waiting), typed);
        if (typed.StartsWith('-'))
            return OfOptions(command, typed);
        return [.. positionals == 0 ? Matching(command.Subcommands.Where(c => !c.Hidden).Select(c => new Candidate(c.Name, FirstSentence(c.Description))), typed) : [], .. OfArgument(command, positionals, typed)];
    }

    private IEnumerable<Candidate> OfOptions(Command command, string typed)
    {
        if (typed.IndexOf('=', StringComparison.Ordinal) is > 0 and var at && OptionOf(command, typed[..at]).Option is { } option && TakesValue(option))
            return Values(KindOf(option), typed[(at + 1)..]).Select(c => c with { Word = typed[..(at + 1)] + c.Word });
        return Matching(OptionsOf(command).Where(o => !o.Hidden).Select(o => new Candidate(o.Name, FirstSentence(o.Description))), typed);
    }

    private IEnumerable<Candidate> OfArgument(Command command, int index, string typed)
    {
        var arguments = command.Arguments;
        if (arguments.Count == 0 || (index >= arguments.Count && arguments[^1].Arity.MaximumNumberOfValues <= arguments.Count))
            return [];
        var argument = arguments[Math.Min(index, arguments.Count - 1)];
        return Values(argument.HelpName ?? argument.Name, typed);
    }

    /// <summary>Names are of many things.</summary>
    private static string? KindOf(Option option) => option is { HelpName: "NAME", Name: not "--device" } ? null : option.HelpName;

    /// <summary>What help calls by such a name.</summary>
    private IEnumerable<Candidate> Values(string? helpName, string typed) => helpName switch
    {
        null => [],
        "vmlinux" or "FILE" => Files(typed),
        "plugin" or "FOLDER|URL" => Files(typed),
        "DIR" => Files(typed, foldersOnly: true),
        "name" or "NAME" => Devices(typed),
        "NAME" + KeyValues => Device(typed),
        "FILE" + KeyValues => TraceTarget(typed),
        _ when helpName.StartsWith("FILE[", StringComparison.Ordinal) => Files(typed),
        _ => Matching(helpName.Split('|').Where(word => word.All(char.IsAsciiLetterLower)).Select(word => new Candidate(word)), typed),
    };

    private IEnumerable<Candidate> Devices(string typed) =>
        Matching(scan(_folders).Candidates.Where(c => c.Problem is null).Select(c => new Candidate(c.Name, c.Summary)).DistinctBy(c => c.Word), typed);

    /// <summary><c>NAME[,VALUE][,key=value...]</c>: the name, then the plugin's keys that are not there yet, then what they take.</summary>
    private IEnumerable<Candidate> Device(string typed)
    {
        var parts = DeviceRequest.SplitAtSingleCommas(typed);
        if (parts.Count == 1)
            return Devices(typed);
        var catalog = scan(_folders);
        if (!catalog.Candidates.Any(c => c.Name == parts[0] && c.Problem is null))
            return [];
        var options = DeviceOptions.Describe(parts[0], catalog.Load(parts[0]).OptionsType);
        var last = parts[^1];
        var before = typed[..^Escaped(last).Length];
        if (last.IndexOf('=', StringComparison.Ordinal) is > 0 and var at)
        {
            return options.FirstOrDefault(o => o.Key == last[..at]) is { } option
                ? OfKey(option, last[(at + 1)..]).Select(c => c with { Word = before + last[..(at + 1)] + c.Word })
                : [];
        }
        var given = parts.Skip(1).SkipLast(1).Select(part => part.Split('=')[0]).ToHashSet();
        var keys = options.Where(o => !given.Contains(o.Key)).Select(o => new Candidate(o.Type == "on|off" ? o.Key : o.Key + "=", o.Help));
        var positional = parts.Count == 2 ? options.FirstOrDefault(o => o.IsPositional) : null;
        return Matching(keys, last).Concat(positional is null || last.Length == 0 ? [] : OfKey(positional, last)).Select(c => c with { Word = before + c.Word });
    }

    private static IEnumerable<Candidate> OfKey(OptionDescription option, string typed) => option switch
    {
        { Type: "text", Key: "file" or "path" } => Files(typed).Select(c => c with { Word = Escaped(c.Word) }),
        { Type: "text" } when option.Key.EndsWith("-file", StringComparison.Ordinal) => Files(typed).Select(c => c with { Word = Escaped(c.Word) }),
        _ when option.Type.Contains('|', StringComparison.Ordinal) => Matching(option.Type.Split('|').Select(word => new Candidate(word)), typed),
        _ => [],
    };

    /// <summary>What <see cref="DeviceTraceRequest"/> reads: a file, then keys.</summary>
    private IEnumerable<Candidate> TraceTarget(string typed)
    {
        var parts = DeviceRequest.SplitAtSingleCommas(typed);
        if (parts.Count == 1)
            return Files(typed).Select(c => c with { Word = Escaped(c.Word) });
        var last = parts[^1];
        var before = typed[..^Escaped(last).Length];
        return (last.Split('=') switch
        {
            ["device", var name] => Devices(name).Select(c => c with { Word = "device=" + c.Word }),
            ["format", _] => Matching([new("format=text"), new("format=json")], last),
            ["data", _] => Matching([new("data=none"), new("data=readable"), new("data=full")], last),
            _ => Matching([new("device="), new("format="), new("data=")], last),
        }).Select(c => c with { Word = before + c.Word });
    }

    /// <summary>Files whose path begins with what was typed; folders end with a slash.</summary>
    private static IEnumerable<Candidate> Files(string typed, bool foldersOnly = false)
    {
        var slash = typed.LastIndexOf('/') + 1;
        var (folder, start) = (typed[..slash], typed[slash..]);
        var place = folder.StartsWith("~/", StringComparison.Ordinal) ? Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) + folder[1..] : folder;
        try
        {
            return [.. new DirectoryInfo(place.Length == 0 ? "." : place).EnumerateFileSystemInfos()
                .Where(entry => entry.Name.StartsWith(start, StringComparison.Ordinal) && (start.Length > 0 || !entry.Name.StartsWith('.')))
                .Select(entry => (entry.Name, IsFolder: Directory.Exists(entry.FullName)))
                .Where(entry => entry.IsFolder || !foldersOnly)
                .OrderBy(entry => entry.Name, StringComparer.Ordinal)
                .Select(entry => new Candidate(folder + entry.Name + (entry.IsFolder ? "/" : "")))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return [];
        }
    }

    private static string Escaped(string text) => text.Replace(",", ",,", StringComparison.Ordinal);

    private static IEnumerable<Candidate> Matching(IEnumerable<Candidate> all, string typed) => all.Where(c => c.Word.StartsWith(typed, StringComparison.Ordinal));

    private void Note(Option option, string value)
    {
        if (option.Name == LguestCommandLine.PluginDirectoryOption)
            _folders.Add(value);
    }

    /// <summary>An option's own and what all commands have.</summary>
    private IEnumerable<Option> OptionsOf(Command command) =>
        command == root ? root.Options : command.Options.Concat(root.Options.Where(o => o.Recursive && !command.Options.Any(own => own.Name == o.Name)));

    private (Option? Option, string? Value) OptionOf(Command command, string word)
    {
        var all = OptionsOf(command).ToList();
        Option? Named(string name) => all.Find(o => o.Name == name || o.Aliases.Contains(name));
        if (Named(word) is { } whole)
            return (whole, null);
        return word.IndexOfAny(['=', ':']) is > 0 and var at ? (Named(word[..at]), word[(at + 1)..]) : (null, null);
    }

    private static bool IsOption(string word) => word.Length > 1 && word[0] == '-' && word != "--";

    private static bool TakesValue(Option option) => option.Arity.MaximumNumberOfValues > 0 && option.ValueType != typeof(bool);

    private static string FirstSentence(string? text) => text is null ? "" : text.Split(". ")[0].TrimEnd('.');
}
