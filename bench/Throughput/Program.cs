// SPDX-License-Identifier: GPL-2.0-or-later
using System.CommandLine;
using LguestPlug.Bench.Throughput;

if (args is [LauncherProcess.OursCommand, var library, .. var words])
    return DrivenLauncher.Run(library, words);

var rounds = new Option<int>("--rounds") { Description = "How often each side is measured; medians are shown", DefaultValueFactory = _ => 5 };
var seconds = new Option<double>("--seconds") { Description = "How long each operation is measured each time", DefaultValueFactory = _ => 0.5 };
var cpu = new Option<int>("--cpu") { Description = "The only CPU both sides may use", DefaultValueFactory = _ => 0 };
var only = new Option<string>("--only") { HelpName = "KIND", Description = "Only this kind: nop, read, write, flush, rng or con" };
var root = new RootCommand("Compares our launcher's throughput with the C launcher's, on the same driver.") { rounds, seconds, cpu, only };
root.SetAction(result =>
{
    using var oracle = OracleBuild.Find();
    if (oracle.WhyNot is not null)
    {
        Console.Error.WriteLine($"lguest: no comparison: {oracle.WhyNot}");
        return 1;
    }
    var chosen = result.GetValue(only) is { } kind ? [.. Operation.All.Where(o => o.Kind == kind)] : Operation.All;
    var comparison = new Comparison(new LauncherProcess(oracle, typeof(LauncherProcess).Assembly.Location, result.GetValue(cpu)), chosen);
    comparison.Run(result.GetValue(rounds), result.GetValue(seconds), Console.Error);
    return ComparisonTable.Write(comparison.Results, Console.Out) ? 0 : 1;
});
return root.Parse(args).Invoke();
