// SPDX-License-Identifier: GPL-2.0-or-later
using System.CommandLine;
using LguestPlug.Fuzz;

var target = new Argument<string>("target") { Description = "One of those that 'list' names" };
target.AcceptOnlyFromAmong([.. FuzzTarget.Names]);
var targets = new Argument<string[]>("targets") { Description = "Those that 'list' names; by default all", Arity = ArgumentArity.ZeroOrMore };
targets.AcceptOnlyFromAmong([.. FuzzTarget.Names]);
var files = new Argument<string[]>("files") { Description = "Inputs; by default the target's corpus", Arity = ArgumentArity.ZeroOrMore };
var minutes = new Option<double>("--minutes") { HelpName = "N", Description = "Processor time for each target", DefaultValueFactory = _ => 30 };
var keep = new Option<bool>("--keep") { Description = "Afterwards make the corpus anew from what was found: the smallest inputs that reach all that was reached" };
var output = new Argument<string>("folder") { Description = "Where the smallest set of inputs goes" };

var list = new Command("list", "Names the targets.");
list.SetAction(_ =>
{
    foreach (var name in FuzzTarget.Names)
        Console.WriteLine($"{name,-12}{FuzzTarget.Covers(name)}");
});
var run = new Command("run", "Fuzzes targets under AFL++ (afl-fuzz, Debian's package afl++), starting from their corpus.") { targets, minutes, keep };
run.SetAction(result =>
{
    string[] wanted = result.GetValue(targets) is { Length: > 0 } some ? some : [.. FuzzTarget.Names];
    return Campaign.Run(wanted, TimeSpan.FromMinutes(result.GetValue(minutes)), result.GetValue(keep)) ? 0 : 1;
});
var replay = new Command("replay", "Gives inputs to a target, without AFL++.") { target, files };
replay.SetAction(result =>
{
    string[] inputs = result.GetValue(files) is { Length: > 0 } some ? some : Corpus.Files(result.GetRequiredValue(target));
    Reach.Prepare();
    using var replayed = FuzzTarget.Create(result.GetRequiredValue(target));
    foreach (var input in inputs)
    {
        Console.Write(input);
        replayed.Run(File.ReadAllBytes(input));
        Console.WriteLine($": {replayed.Outcome}");
    }
});

// What the others start in an instrumented copy of this program.
var under = new Command(Campaign.UnderAfl) { target };
under.Hidden = true;
under.SetAction(result => Campaign.ServeAfl(result.GetRequiredValue(target)));
var merge = new Command(Campaign.Merge) { target, output, files };
merge.Hidden = true;
merge.SetAction(result => Console.WriteLine(Reach.Merge(result.GetRequiredValue(target), result.GetRequiredValue(output), result.GetValue(files) ?? [])));

var root = new RootCommand("Fuzzes everything of ours that takes input from a guest or a file.") { list, run, replay, under, merge };
try
{
    return root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (CampaignException e)
{
    Console.Error.WriteLine($"fuzz: {e.Message}");
    return 1;
}
