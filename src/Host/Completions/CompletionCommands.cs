// SPDX-License-Identifier: GPL-2.0-or-later
using System.CommandLine;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Plugins;

namespace LguestPlug.Host.Completions;

/// <summary>The command that prints a shell's script, and the one without help that the scripts call.</summary>
internal static class CompletionCommands
{
    /// <param name="output">Where the script goes.</param>
    public static Command Scripts(TextWriter output)
    {
        var shells = CompletionScripts.All.Keys;
        var shell = new Argument<string>("shell") { HelpName = string.Join('|', shells), Description = "The shell" };
        var command = new Command("completions", "Prints the script by which a shell completes lguest's command line; its first lines say how to have it read.") { shell };
        command.SetAction(result =>
        {
            var name = result.GetRequiredValue(shell);
            if (!CompletionScripts.All.TryGetValue(name, out var script))
                throw new UsageException($"no completions for '{name}'{Suggestion.For(name, shells)} (there are: {string.Join(", ", shells)})");
            output.Write(script);
            return 0;
        });
        return command;
    }

    /// <param name="output">Where candidates go: a line each, with a tab before what it means.</param>
    public static Command Candidates(TextWriter output)
    {
        var words = new Argument<string[]>("words") { Arity = ArgumentArity.ZeroOrMore };
        var command = new Command("complete", "Completes the words behind --.") { words };
        command.Hidden = true;
        command.SetAction(result =>
        {
            try
            {
                var completer = new Completer(result.RootCommandResult.Command, PluginCatalog.Scan);
                foreach (var candidate in completer.Complete(result.GetValue(words) ?? []).Where(c => !c.Word.AsSpan().ContainsAny('\n', '\t')))
                    output.WriteLine(candidate.Help.Length == 0 ? candidate.Word : $"{candidate.Word}\t{candidate.Help.ReplaceLineEndings(" ")}");
            }
            catch (HostException)
            {
                // A shell has nobody to tell in the middle of a line: there is nothing to offer.
            }
            return 0;
        });
        return command;
    }
}
