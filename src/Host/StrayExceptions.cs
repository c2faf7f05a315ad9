// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using System.Runtime.Loader;
using LguestPlug.Host.Logging;

namespace LguestPlug.Host;

/// <summary>
/// Exceptions on threads nobody looks after, such as a plugin's own: .NET ends the process for them, with a stack trace. This ends
/// it first, with one line, so that the terminal is put back.
/// </summary>
internal static class StrayExceptions
{
    public static void EndWith(StderrLoggerProvider errors) => AppDomain.CurrentDomain.UnhandledException += (_, stray) =>
    {
        if (stray.ExceptionObject is not Exception e)
            return;
        errors.WriteLine($"lguest: {Shortage.In(e) ?? $"{Culprit(e)} threw {e.GetType().Name}: {e.Message}"}");
        Environment.Exit(ExitCode.HostError);
    };

    /// <summary>The plugin in whose code it happened, if it was one's.</summary>
    private static string Culprit(Exception e)
    {
        var assemblies = new StackTrace(e).GetFrames().Select(frame => frame.GetMethod()?.Module.Assembly);
        var plugin = assemblies.FirstOrDefault(a => a is not null && AssemblyLoadContext.GetLoadContext(a) != AssemblyLoadContext.Default);
        return plugin is null ? "internal error: a thread" : $"a thread of plugin {plugin.GetName().Name}";
    }
}
