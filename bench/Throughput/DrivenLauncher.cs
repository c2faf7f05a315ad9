// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host;
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Engines;
using LguestPlug.Host.Logging;
using LguestPlug.Host.Output;
using LguestPlug.Host.Plugins;
using LguestPlug.Host.Running;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Bench.Throughput;

/// <summary>
/// Our side, in a process of its own: the whole launcher with its <c>kernel</c> engine, and the stand-in in the place of the
/// device file.
/// </summary>
internal static class DrivenLauncher
{
    /// <summary>What the stand-in answers when asked why its guest died.</summary>
    private const string GoodEnd = "benchmark done";

    /// <param name="library">The stand-in.</param>
    /// <param name="words">The launcher's command line.</param>
    public static int Run(string library, string[] words)
    {
        using var results = AllocationStamps.OnStandardError();
        using var output = StandardOutput.Output.NewWriter();
        using var errors = new StderrLoggerProvider(StandardOutput.Error);
        return new LguestCommandLine(Launch, new PluginManagement(output)).Invoke(words, output);

        int Launch(LaunchRequest request)
        {
            using var loggers = LoggerFactory.Create(builder => builder.AddProvider(errors).SetMinimumLevel(LogLevel.Warning));
            var launcher = new GuestLauncher(
                request,
                new StopRequests(),
                loggers,
                PluginCatalog.Scan(request.PluginDirectories).Load,
                (memory, limit, entry) => new KernelEngine(new GuestDriver(library), memory, limit, entry),
                new EarlyConsole(StandardOutput.Output));
            var outcome = launcher.Run();
            if (outcome.Message == GoodEnd)
                return 0;
            errors.WriteLine($"lguest: {outcome.Message}");
            return ExitCode.HostError;
        }
    }
}
