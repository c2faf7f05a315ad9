// SPDX-License-Identifier: GPL-2.0-or-later
using System.CommandLine;
using LguestPlug.Bench.Cpu;

// Each names a file.
const string KernelVariable = "LGUEST_BENCH_KERNEL", InitrdVariable = "LGUEST_BENCH_INITRD";
string[] linux = ["linux", "work", "disk", "ping", "memory"];
var rounds = new Option<int>("--rounds") { HelpName = "N", Description = "How often each machine runs; the medians are shown", DefaultValueFactory = _ => 5 };
var only = new Option<string[]>("--only")
{
    HelpName = "NAME",
    Description = "A group (hot, stress, wide, system, linux), a part of linux (work, disk, ping, memory) or a single workload; repeatable",
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
    string[] ofLinux = [.. names.Where(linux.Contains)], plain = [.. names.Except(ofLinux)];
    if (plain.Length > 0 || names.Length == 0)
    {
        var images = GuestImages.Build(Path.Combine(AppContext.BaseDirectory, "guest"));
        Machine[] others = [Machine.Qemu(images[Platform.Pc]), Machine.V86(images[Platform.Pc]), Machine.Native(images[Platform.Native])];
        Machine[] machines = [Machine.Lguest(images[Platform.Lguest], launcher), .. others.Where(m => wanted.Contains(m.Name, StringComparer.OrdinalIgnoreCase))];
        agree &= new Workloads(machines, Console.Out, Console.Error).Run(result.GetValue(rounds), plain, result.GetValue(divide));
    }
    if (ofLinux.Length > 0 || names.Length == 0)
        agree &= RunLinux(result.GetValue(rounds), launcher, wanted.Contains("qemu"), name => names.Length == 0 || names.Contains("linux") || names.Contains(name));
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

static bool RunLinux(int rounds, string[] launcherOptions, bool withQemu, Predicate<string> wants)
{
    var files = new List<string>();
    foreach (var variable in new[] { KernelVariable, InitrdVariable })
    {
        if (Environment.GetEnvironmentVariable(variable) is not { } file || !File.Exists(file))
        {
            Console.WriteLine($"without Linux: {variable} names no file");
            return true;
        }
        files.Add(file);
    }
    var guest = new LinuxGuest(files[0], files[1], launcherOptions);
    var agree = true;
    if (wants("work"))
    {
        if (withQemu && !Machine.HasQemu)
            Console.WriteLine($"without QEMU: {Machine.QemuCommand} is missing");
        agree = new LinuxPart(guest, withQemu && Machine.HasQemu).Run(rounds, Console.Out, Console.Error);
    }
    LinuxDevices.Run(guest, rounds, wants("disk"), wants("ping"), Console.Out, Console.Error);
    if (wants("memory"))
        LinuxFootprint.Run(guest, Console.Out, Console.Error);
    return agree;
}
