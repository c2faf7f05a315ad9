// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug;
using LguestPlug.Emulator;
using LguestPlug.Host;
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Engines;
using LguestPlug.Host.Inspection;
using LguestPlug.Host.Logging;
using LguestPlug.Host.Output;
using LguestPlug.Host.Plugins;
using LguestPlug.Host.Privileges;
using LguestPlug.Host.Running;
using Microsoft.Extensions.Logging;

using var output = StandardOutput.Output.NewWriter();
using var errors = new StderrLoggerFactory(StandardOutput.Error);
try
{
    return new LguestCommandLine(Launch, ListPlugins).Invoke(args, output);
}
catch (HostException e)
{
    errors.WriteLine($"lguest: {e.Message}");
    return e.ExitCode;
}
catch (LockstepException e)
{
    errors.WriteLines($"lguest: {e.Message}");
    return ExitCode.HostError;
}
catch (Exception e)
{
    // A defect of ours: caught all the same, so that everything on the way here was released and the terminal is sane.
    errors.WriteLine($"lguest: internal error: {e.GetType().Name}: {e.Message}");
    errors.WriteLines(e.StackTrace ?? "");
    return ExitCode.HostError;
}

int ListPlugins(IReadOnlyList<string> folders) => PluginListing.Write(PluginCatalog.Scan(folders), output);

// Put together by hand: a container of services takes longer to set up than all the rest before the guest runs.
int Launch(LaunchRequest request)
{
    errors.MinimumLevel = request.Verbose ? LogLevel.Debug : LogLevel.Warning;
    var logger = errors.CreateLogger("launcher");
    var report = new OutcomeReport(errors, request.Verbose);
    using var confinement = new Confinement(request);
    using var trace = request.CpuTrace is { } wanted ? new CpuTraceFile(wanted) : null;
    // A dry run needs no engine: it must also tell of a machine that could not run here.
    (string Name, EngineFactory Create)? engine = request.DryRun ? null : EngineSelection.Select(request, LguestDeviceFile.Exists, trace);
    var stop = new StopRequests();
    using var signals = new HostSignals(stop);
    var earlyConsole = new EarlyConsole(StandardOutput.Output);
    var plugins = new Lazy<PluginCatalog>(() => FindPlugins(request, logger));
    DevicePlugin LoadPlugin(string name) => plugins.Value.Load(name);

    if (engine is not { } chosen)
        return new DryRun(request, stop, errors, LoadPlugin, earlyConsole).Run(output);
    logger.LogInformation("Engine: {Engine}", chosen.Name);
    var statistics = new StatisticsReport(errors, request.Statistics);
    var outcome = new GuestLauncher(request, stop, errors, LoadPlugin, chosen.Create, earlyConsole, confinement, statistics).Run();
    if (trace?.Failure is { } failure)
        errors.WriteLine($"lguest: {failure}");
    report.Write(outcome, earlyConsole.LastLine);
    return outcome.ExitCode;
}

static PluginCatalog FindPlugins(LaunchRequest request, ILogger logger)
{
    var found = PluginCatalog.Scan(request.PluginDirectories);
    found.Report(logger, request.Devices.Select(d => d.Name).ToHashSet());
    return found;
}
