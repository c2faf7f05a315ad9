// SPDX-License-Identifier: GPL-2.0-or-later
using System.CommandLine;

namespace LguestPlug.Host.CommandLine;

/// <summary>
/// Finds where the launcher's own words end and the guest's begin. System.CommandLine looks for options everywhere,
/// but a word after the kernel image belongs to the guest even if it looks like an option of ours. It does leave
/// everything after <c>--</c> alone, so one is put there.
/// </summary>
internal static class GuestWords
{
    private const int OwnPositionals = 2;

    public static IReadOnlyList<string> MarkStart(Command command, IReadOnlyList<string> words)
    {
        var options = OptionsByName(command.Options);
        var positionals = 0;
        for (var i = 0; i < words.Count; i++)
        {
            var word = words[i];
            if (word == "--")
                return words;
            if (!IsOption(word))
            {
                if (positionals == 0 && command.Subcommands.FirstOrDefault(c => c.Name == word) is { } subcommand)
                {
                    CheckOptions(subcommand, "lguest " + word, words.Skip(i + 1), command.Options.Where(o => o.Recursive));
                    return words;
                }
                if (++positionals == OwnPositionals)
                    return [.. words.Take(i + 1), "--", .. words.Skip(i + 1)];
                continue;
            }

            var (name, delimiter) = Split(word, options);
            if (!options.TryGetValue(name, out var option))
                throw new UsageException($"unknown option '{name}'{Suggestion.For(name, options.Keys)} (see lguest --help)");
            var takesValue = option.Arity.MaximumNumberOfValues > 0 && option.ValueType != typeof(bool);
            if (!takesValue && delimiter >= 0)
                throw new UsageException($"option '{name}' takes no value");
            // System.CommandLine takes an option of ours, or "--", for nobody's value.
            var lacksValue = delimiter < 0
                ? i + 1 == words.Count || words[i + 1] == "--" || options.ContainsKey(Split(words[i + 1], options).Name)
                : delimiter == word.Length - 1;
            if (takesValue && lacksValue)
                throw new UsageException($"option '{name}' needs a value: {name}=<{option.HelpName ?? "VALUE"}>");
            if (takesValue && delimiter < 0)
                i++;
        }
        return words;
    }

    /// <summary>System.CommandLine would take an option it does not know for an argument.</summary>
    private static void CheckOptions(Command command, string spelling, IEnumerable<string> words, IEnumerable<Option> everywhere)
    {
        var options = OptionsByName(command.Options.Concat(everywhere));
        foreach (var (i, word) in words.Index())
        {
            if (word == "--")
                return;
            if (!IsOption(word))
            {
                if (command.Subcommands.FirstOrDefault(c => c.Name == word) is not { } subcommand)
                    continue;
                CheckOptions(subcommand, $"{spelling} {word}", words.Skip(i + 1), everywhere);
                return;
            }
            var name = options.ContainsKey(word) ? word : word.Split('=', ':')[0];
            if (!options.ContainsKey(name))
                throw new UsageException($"'{spelling}' has no option '{name}'{Suggestion.For(name, options.Keys)} (see {spelling} --help)");
        }
    }

    /// <summary>The name in an option's word, and where it ends if a value follows in the same word; otherwise that is negative.</summary>
    private static (string Name, int Delimiter) Split(string word, Dictionary<string, Option> options)
    {
        var delimiter = options.ContainsKey(word) ? -1 : word.IndexOfAny(['=', ':']);
        return (delimiter < 0 ? word : word[..delimiter], delimiter);
    }

    /// <summary>A negative number is a mistaken memory size, not an option.</summary>
    private static bool IsOption(string word) => word.Length > 1 && word[0] == '-' && !char.IsAsciiDigit(word[1]);

    private static Dictionary<string, Option> OptionsByName(IEnumerable<Option> options)
    {
        var byName = new Dictionary<string, Option>(StringComparer.Ordinal);
        foreach (var option in options)
        {
            byName[option.Name] = option;
            foreach (var alias in option.Aliases)
                byName[alias] = option;
        }
        return byName;
    }
}
