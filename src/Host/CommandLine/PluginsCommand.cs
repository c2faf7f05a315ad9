// SPDX-License-Identifier: GPL-2.0-or-later
using System.CommandLine;
using LguestPlug.Host.Plugins;

namespace LguestPlug.Host.CommandLine;

/// <summary><c>lguest plugins</c> and its subcommands.</summary>
internal sealed class PluginsCommand : Command
{
    private static readonly (string Name, string Arguments, string Help)[] s_verbs =
    [
        ("list", "[--plugin-dir DIR]...", "Lists the plugins that are found, and what is wrong with the others; 'lguest plugins' alone does so, too."),
        ("info", "NAME[,key=value...] [--plugin-dir DIR]...", "Tells a plugin's options, and what a device with the options given offers."),
        ("add", "FILE.nupkg|FOLDER|PACKAGE[@VERSION] [--source FOLDER|URL]", "Installs a plugin for this user: from a package's file, from the folder it was built into, or by the package's name."),
        ("remove", "NAME", "Removes a plugin that was installed with 'add'."),
        ("new-config", "FIELDS [--name NAME] [--namespace NAMESPACE] [--output DIR] [--tests DIR]",
            "For authors: writes the C# of a configuration space, and the tests of its layout, from fields such as capacity:le64,mac:u8[6]."),
    ];

    private readonly Option<string> _source = new("--source")
    {
        HelpName = "FOLDER|URL",
        Description = "Where the package is looked for; otherwise in the feeds NuGet is configured with",
    };

    private readonly Option<string> _name = new("--name") { HelpName = "NAME", Description = "The structure's name", DefaultValueFactory = _ => "DeviceConfig" };
    private readonly Option<string> _namespace = new("--namespace") { HelpName = "NAMESPACE", Description = "Its namespace; its tests are in NAMESPACE.Tests", DefaultValueFactory = _ => "Device" };
    private readonly Option<string> _folder = new("--output") { HelpName = "DIR", Description = "Where NAME.cs is written", DefaultValueFactory = _ => "." };
    private readonly Option<string> _tests = new("--tests") { HelpName = "DIR", Description = "Where NAMETests.cs is written; without it there is none" };

    public PluginsCommand(IPluginActions actions, Option<string[]> pluginDirectories)
        : base("plugins", "Lists, explains, installs and removes plugins.")
    {
        SetAction(result => actions.List(Folders(result)));
        var name = new Argument<string>("name");
        var plugin = new Argument<string>("plugin");
        var fields = new Argument<string>("fields");
        foreach (var (verb, _, help) in s_verbs)
        {
            var command = new Command(verb, help);
            switch (verb)
            {
                case "list":
                    command.SetAction(result => actions.List(Folders(result)));
                    break;
                case "info":
                    command.Add(name);
                    command.SetAction(result => actions.Info(InfoRequest("plugins info ", result.GetRequiredValue(name)), Folders(result)));
                    break;
                case "add":
                    command.Add(plugin);
                    command.Add(_source);
                    command.SetAction(result => actions.Add(result.GetRequiredValue(plugin), result.GetValue(_source)));
                    break;
                case "new-config":
                    command.Add(fields);
                    foreach (var option in new[] { _name, _namespace, _folder, _tests })
                        command.Add(option);
                    command.SetAction(result => actions.NewConfig(new(
                        result.GetRequiredValue(fields), result.GetRequiredValue(_name), result.GetRequiredValue(_namespace), result.GetRequiredValue(_folder), result.GetValue(_tests))));
                    break;
                default:
                    command.Add(name);
                    command.SetAction(result => actions.Remove(result.GetRequiredValue(name)));
                    break;
            }
            Add(command);
        }

        IReadOnlyList<string> Folders(ParseResult result) => result.GetValue(pluginDirectories) ?? [];
    }

    /// <summary>The lines below "Usage:" of this command or one of its subcommands.</summary>
    public static string UsageOf(Command command) => command is PluginsCommand
        ? string.Join('\n', s_verbs.Select(verb => $"  lguest plugins {(verb.Name == "list" ? "[list]" : verb.Name)} {verb.Arguments}"))
        : $"  {Synopsis(command)}";

    /// <summary>What is wrong with the words behind <c>lguest plugins</c>, or null for what needs no words of ours.</summary>
    public string? Explain(ParseResult result)
    {
        var command = result.CommandResult.Command;
        if (command != this && !Subcommands.Contains(command))
            return null;
        if (result.UnmatchedTokens is [var word, ..] && !word.StartsWith('-'))
        {
            var names = s_verbs.Select(verb => verb.Name);
            return command == this
                ? $"'lguest plugins' knows no '{word}'{Suggestion.For(word, names)} ({string.Join(", ", names)})"
                : $"'{word}' is one word too many: {Synopsis(command)}";
        }
        return command.Arguments is [var argument] && result.GetResult(argument) is not { Tokens.Count: > 0 }
            ? $"there is a word missing: {Synopsis(command)}"
            : null;
    }

    private static string Synopsis(Command command) => $"lguest plugins {command.Name} {s_verbs.First(verb => verb.Name == command.Name).Arguments}";

    /// <summary>Reads <c>NAME[,key=value...]</c> as behind <c>--device</c>.</summary>
    /// <param name="before">What stands before it, for messages.</param>
    /// <param name="text">The text.</param>
    public static DeviceRequest InfoRequest(string before, string text) => DeviceRequest.Parse(text) with { Spelling = before + text };
}
