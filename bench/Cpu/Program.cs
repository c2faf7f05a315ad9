// SPDX-License-Identifier: GPL-2.0-or-later
using System.CommandLine;
using LguestPlug.Bench.Cpu;

var rounds = new Option<int>("--rounds") { HelpName = "N", Description = "How often each machine runs; the medians are shown", DefaultValueFactory = _ => 5 };
var only = new Option<string[]>("--only")
{
    HelpName = "NAME",
    Description = "A group (hot, stress, wide, system) or a single workload; repeatable",
    Arity = ArgumentArity.OneOrMore,
};
var peers = new Option<string>("--peers")
{
    HelpName = "NAMES",
    Description = "Compare with these only: native,qemu,v86",
    DefaultValueFactory = _ => "native,qemu,v86",
};
var divide = new Option<int>("--divide") { HelpName = "N", Description = "Make every workload N times smaller", DefaultValueFactory = _ => 1 };
var options = new Argument<string[]>("lguest options") { Description = "After --: options for the launcher", Arity = ArgumentArity.ZeroOrMore };
var root = new RootCommand("Times the embedded CPU: the same workloads as an lguest guest, as a process of this machine, under QEMU's TCG and under v86.")
{
    rounds, only, peers, divide, options,
};
root.SetAction(result =>
{
    if (result.GetValue(rounds) < 1 || result.GetValue(divide) < 1)
        throw new BenchException("--rounds and --divide are at least 1");
    var wanted = result.GetValue(peers)!.Split(',', StringSplitOptions.RemoveEmptyEntries);
    if (wanted.FirstOrDefault(name => name is not ("native" or "qemu" or "v86")) is { } unknown)
        throw new BenchException($"--peers: there is no '{unknown}'");
    var images = GuestImages.Build(Path.Combine(AppContext.BaseDirectory, "guest"));
    Machine[] all = [Machine.Lguest(images[Platform.Lguest], result.GetValue(options) ?? []),
        Machine.Qemu(images[Platform.Pc]), Machine.V86(images[Platform.Pc]), Machine.Native(images[Platform.Native])];
    if (all[0].Missing is { } reason)
        throw new BenchException(reason);
    var machines = all.Where((machine, i) => i == 0 || wanted.Contains(machine.Name, StringComparer.OrdinalIgnoreCase)).ToList();
    Console.WriteLine(Workloads.DescribeHost());
    return new Workloads(machines, Console.Out, Console.Error).Run(result.GetValue(rounds), result.GetValue(only) ?? [], result.GetValue(divide)) ? 0 : 1;
});
try
{
    return root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (BenchException e)
{
    Console.Error.WriteLine($"bench: {e.Message}");
    return 1;
}
