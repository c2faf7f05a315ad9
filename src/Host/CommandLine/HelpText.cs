// SPDX-License-Identifier: GPL-2.0-or-later
using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using LguestPlug.Host.Output;

namespace LguestPlug.Host.CommandLine;

/// <summary>What <c>--help</c> and <c>--version</c> say beyond the options themselves.</summary>
internal static class HelpText
{
    private const string LaunchUsage = "lguest [options] <mem-in-mb> <vmlinux> [<args>...]";

    public static void Install(RootCommand root)
    {
        foreach (var option in root.Options)
        {
            if (option is HelpOption { Action: HelpAction standard })
                option.Action = new HelpWithTables(standard);
            else if (option is VersionOption)
                option.Action = new ShowVersion();
        }
    }

    private sealed class HelpWithTables(HelpAction standard) : SynchronousCommandLineAction
    {
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            var output = parseResult.InvocationConfiguration.Output;
            var command = parseResult.CommandResult.Command;
            var isRoot = command is RootCommand;
            var help = WithOwnUsage(Standard(parseResult), isRoot ? [LaunchUsage, .. command.Subcommands.Where(c => !c.Hidden).Select(Usage)] : UsageOf(command));
            output.Write(isRoot ? help : WithoutForeignArguments(help, command));
            if (!isRoot)
                return 0;
            output.WriteLine("Devices are put on the bus in the order given, the console last.");
            output.WriteLine("Every word after the kernel image belongs to the guest, even if it looks like an option.");
            output.WriteLine();
            output.WriteLine("Exit codes:");
            foreach (var (code, meaning) in ExitCode.Table)
                output.WriteLine($"  {code,-15}{meaning}");
            return 0;
        }

        private string Standard(ParseResult parseResult)
        {
            var configuration = parseResult.InvocationConfiguration;
            var output = configuration.Output;
            using var text = new StringWriter();
            configuration.Output = text;
            // Said here, or it asks the console, whose first use changes the terminal.
            standard.MaxWidth = StandardOutput.Output.Columns ?? int.MaxValue;
            standard.Invoke(parseResult);
            configuration.Output = output;
            return text.ToString().TrimEnd() + "\n\n";
        }

        /// <summary>The generated text gives a subcommand the arguments of its parent, too.</summary>
        private static string WithoutForeignArguments(string help, Command command)
        {
            const string Heading = "Arguments:\n";
            var start = help.IndexOf(Heading, StringComparison.Ordinal);
            var end = start < 0 ? -1 : help.IndexOf("\n\n", start, StringComparison.Ordinal);
            if (end < 0)
                return help;
            var own = new List<string>();
            var isOwn = false;
            foreach (var line in help[(start + Heading.Length)..end].Split('\n'))
            {
                // What is indented further goes on with the argument above it.
                if (line.StartsWith("  <", StringComparison.Ordinal))
                    isOwn = command.Arguments.Any(a => a.Description is not null && line.StartsWith($"  <{a.Name}>", StringComparison.Ordinal));
                if (isOwn)
                    own.Add(line);
            }
            return help[..start] + (own.Count == 0 ? "" : Heading + string.Join('\n', own) + "\n\n") + help[(end + 2)..];
        }

        private static string[] UsageOf(Command command) =>
            command is PluginsCommand || command.Parents.OfType<PluginsCommand>().Any() ? PluginsCommand.UsageOf(command).Split('\n', StringSplitOptions.TrimEntries) : [Usage(command)];

        /// <summary>How a command of <c>lguest</c> is called.</summary>
        private static string Usage(Command command)
        {
            var words = new List<string> { command.Name };
            for (var parent = command.Parents.OfType<Command>().FirstOrDefault(); parent is not (null or RootCommand); parent = parent.Parents.OfType<Command>().FirstOrDefault())
                words.Insert(0, parent.Name);
            words.Insert(0, "lguest");
            if (command.Subcommands.Any(c => !c.Hidden))
                words.Add($"[{string.Join('|', command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name))}]");
            words.AddRange(command.Arguments.Where(a => !a.Hidden).Select(a => a.Arity.MinimumNumberOfValues > 0 ? $"<{a.Name}>" : $"[<{a.Name}>{(a.Arity.MaximumNumberOfValues > 1 ? "..." : "")}]"));
            words.Add("[options]");
            return string.Join(' ', words);
        }

        /// <summary>The generated line puts the options after the guest's words, where they would be the guest's.</summary>
        private static string WithOwnUsage(string help, IEnumerable<string> usage)
        {
            var lines = help.Split('\n');
            var heading = Array.FindIndex(lines, line => line.TrimEnd() == "Usage:");
            if (heading >= 0)
                lines[heading + 1] = string.Join('\n', usage.Select(line => "  " + line));
            return string.Join('\n', lines);
        }
    }

    private sealed class ShowVersion : SynchronousCommandLineAction
    {
        // Anything after it is no mistake, as with other commands.
        public override bool ClearsParseErrors => true;

        public override int Invoke(ParseResult parseResult)
        {
            parseResult.InvocationConfiguration.Output.WriteLine($"lguest {typeof(HelpText).Assembly.GetName().Version?.ToString(3)}");
            return 0;
        }
    }
}
