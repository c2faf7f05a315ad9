// SPDX-License-Identifier: GPL-2.0-or-later
using System.CommandLine;
using LguestPlug.Bench.Cpu;

var rounds = new Option<int>("--rounds") { HelpName = "N", Description = "How often each machine runs; the medians are shown", DefaultValueFactory = _ => 5 };
var only = new Option<string[]>("--only")
{
    HelpName = "NAME",
    Description = "A group (hot, stress, wide, system, linux) or a single workload; repeatable",
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
    var launcher = result.GetValue(options) ?? [];
    if (!File.Exists(Repository.Launcher))
        throw new BenchException($"{Repository.Launcher} is not built");
    var names = result.GetValue(only) ?? [];
    Console.WriteLine(Workloads.DescribeHost());
    var agree = true;
    if (names.Except(["linux"]).Any() || names.Length == 0)
    {
        var images = GuestImages.Build(Path.Combine(AppContext.BaseDirectory, "guest"));
        Machine[] others = [Machine.Qemu(images[Platform.Pc]), Machine.V86(images[Platform.Pc]), Machine.Native(images[Platform.Native])];
        Machine[] machines = [Machine.Lguest(images[Platform.Lguest], launcher), .. others.Where(m => wanted.Contains(m.Name, StringComparer.OrdinalIgnoreCase))];
        agree &= new Workloads(machines, Console.Out, Console.Error).Run(result.GetValue(rounds), [.. names.Except(["linux"])], result.GetValue(divide));
    }
    if (names.Contains("linux") || names.Length == 0)
        agree &= RunLinux(result.GetValue(rounds), launcher, wanted.Contains("qemu"));
    return agree ? 0 : 1;
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

static bool RunLinux(int rounds, string[] launcherOptions, bool withQemu)
{
    var files = new Dictionary<string, string?>();
    foreach (var variable in new[] { LinuxPart.KernelVariable, LinuxPart.InitrdVariable })
    {
        files[variable] = Environment.GetEnvironmentVariable(variable);
        if (!File.Exists(files[variable]))
        {
            Console.WriteLine($"without Linux: {variable} names no file");
            return true;
        }
    }
    if (withQemu && !Machine.HasQemu)
        Console.WriteLine($"without QEMU: {Machine.QemuCommand} is missing");
    return new LinuxPart(files[LinuxPart.KernelVariable]!, files[LinuxPart.InitrdVariable]!, launcherOptions, withQemu && Machine.HasQemu)
        .Run(rounds, Console.Out, Console.Error);
}
