// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator;
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Completions;
using LguestPlug.Host.Engines;
using LguestPlug.Host.Inspection;
using LguestPlug.Host.Logging;
using LguestPlug.Host.Output;
using LguestPlug.Host.Plugins;
using LguestPlug.Host.Privileges;
using LguestPlug.Host.Running;
using LguestPlug.Host.Tracing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host;

/// <summary>The command from its words to its exit code.</summary>
internal static class Program
{
    public static int Run(string[] args)
    {
        using var output = StandardOutput.Output.NewWriter();
        using var errors = new StderrLoggerProvider(StandardOutput.Error);
        StrayExceptions.EndWith(errors);
        try
        {
            var commandLine = new LguestCommandLine(
                Launch, new PluginManagement(output), TraceCommands.Trace(request => TraceView.Write(request, output)), TraceCommands.Replay(ReplayTrace),
                CompletionCommands.Scripts(output), CompletionCommands.Candidates(output));
            return commandLine.Invoke(args, output);
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
        catch (OutputException e)
        {
            errors.WriteLine($"lguest: {e.Message}");
            return ExitCode.HostError;
        }
        catch (Exception e) when (Shortage.In(e) is { } shortage)
        {
            errors.WriteLine($"lguest: {shortage}");
            return ExitCode.HostError;
        }
        catch (Exception e)
        {
            // A defect of ours: caught all the same, so that everything on the way here was released and the terminal is sane.
            errors.WriteLine($"lguest: internal error: {e.GetType().Name}: {e.Message}");
            errors.WriteLines(e.StackTrace ?? "");
            return ExitCode.HostError;
        }

        int ReplayTrace(ReplayRequest request)
        {
            using var loggers = LoggerFactory.Create(logging => logging.AddProvider(errors).SetMinimumLevel(LogLevel.Warning));
            return Replay.Run(request, name => PluginCatalog.Scan(request.PluginDirectories).Load(name), loggers, output);
        }

        int Launch(LaunchRequest request)
        {
            // Not Host.CreateDefaultBuilder: configuration files and a console lifetime cost time and are not wanted.
            var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
            builder.Logging.AddProvider(errors).SetMinimumLevel(request.Verbose ? LogLevel.Debug : LogLevel.Warning);
            var lines = new LastLines(StandardOutput.Error.Handle);
            var report = new OutcomeReport(errors, lines, request.Verbose);
            using var confinement = new Confinement(request);
            using var trace = request.CpuTrace is { } wanted ? new CpuTraceFile(wanted) : null;
            using var deviceTrace = request.DeviceTrace is { } chains ? new DeviceTraceFile(chains) : null;
            if (deviceTrace is not null)
                builder.Services.AddSingleton(deviceTrace);
            builder.Services
                .AddSingleton(request)
                .AddSingleton(confinement)
                .AddSingleton(new StatisticsReport(errors, request.Statistics))
                .AddSingleton(lines)
                .AddSingleton(new StopRequests { Watch = new EndWatch(errors.WriteLine) })
                .AddSingleton<HostSignals>()
                .AddSingleton(services => new EarlyConsole(StandardOutput.Output, lines, services.GetRequiredService<ILoggerFactory>().CreateLogger("launcher")))
                .AddSingleton(FindPlugin)
                .AddSingleton<DryRun>()
                .AddSingleton<GuestLauncher>();
            // A dry run needs no engine: it must also tell of a machine that could not run here.
            (string Name, EngineFactory Create)? engine = request.DryRun ? null : EngineSelection.Select(request, LguestDeviceFile.Exists, trace);
            if (engine is { } chosen)
                builder.Services.AddSingleton(chosen.Create);
            using var host = builder.Build();

            _ = host.Services.GetRequiredService<HostSignals>();
            if (engine is null)
                return host.Services.GetRequiredService<DryRun>().Run(output);
            var logger = host.Services.GetRequiredService<ILoggerFactory>().CreateLogger("launcher");
            logger.LogInformation("Engine: {Engine}", engine.Value.Name);
            Outcome outcome;
            try
            {
                outcome = host.Services.GetRequiredService<GuestLauncher>().Run();
            }
            catch
            {
                report.WriteLastLines();
                throw;
            }
            if (trace?.Failure is { } failure)
                errors.WriteLine($"lguest: {failure}");
            report.Write(outcome);
            return outcome.ExitCode;
        }
    }

    private static Func<string, DevicePlugin> FindPlugin(IServiceProvider services)
    {
        var request = services.GetRequiredService<LaunchRequest>();
        var logger = services.GetRequiredService<ILoggerFactory>().CreateLogger("launcher");
        var catalog = new Lazy<PluginCatalog>(() =>
        {
            var found = PluginCatalog.Scan(request.PluginDirectories);
            found.Report(logger, request.Devices.Select(d => d.Name).ToHashSet());
            return found;
        });
        return name => catalog.Value.Load(name);
    }
}
