// SPDX-License-Identifier: GPL-2.0-or-later
using System.CommandLine;
using System.Globalization;

namespace LguestPlug.Host.CommandLine;

/// <summary>The commands <c>lguest trace</c> and <c>lguest replay</c>.</summary>
internal static class TraceCommands
{
    private const int DefaultTimeout = 30;

    /// <param name="view">Prints a trace; answers the exit code.</param>
    public static Command Trace(Func<TraceViewRequest, int> view)
    {
        var file = TraceFile();
        var devices = new Option<string[]>("--device")
        {
            HelpName = "NAME",
            Description = "Only this device (block0) or those of this plugin (block); repeatable",
            Arity = ArgumentArity.OneOrMore,
        };
        var summary = new Option<bool>("--summary") { Description = "Totals for each queue: chains, bytes, and how long they took" };
        var data = new Option<bool>("--data") { Description = "The recorded bytes of each chain, too" };
        var command = new Command("trace", "Prints a trace that was written with --trace FILE,format=json.") { file, devices, summary, data };
        command.SetAction(result =>
        {
            if (result.GetValue(summary) && result.GetValue(data))
                throw new UsageException("a summary has no data: --summary and --data do not go together");
            return view(new(result.GetRequiredValue(file), result.GetValue(devices) ?? [], result.GetValue(summary), result.GetValue(data)));
        });
        return command;
    }

    /// <param name="replay">Replays a trace; answers the exit code.</param>
    public static Command Replay(Func<ReplayRequest, int> replay)
    {
        var file = TraceFile();
        var device = new Option<string>("--device")
        {
            HelpName = "NAME[,key=value...]",
            Description = "The device to replay it on, as for a guest; a disk is written to, so give a copy",
        };
        var from = new Option<string>("--from")
        {
            HelpName = "DEVICE",
            Description = "The recorded device (block0), where the trace has more than one of the plugin, or another's",
        };
        var ignoreData = new Option<bool>("--ignore-data") { Description = "Compare used lengths only, even where the trace has the bytes written" };
        var timeout = new Option<string>("--timeout")
        {
            HelpName = "SECONDS",
            Description = $"How long to wait for a chain before it counts as hanging (default {DefaultTimeout})",
        };
        var command = new Command("replay", "Gives a device the requests of a trace, without a guest, and compares its answers with the recorded ones.")
        {
            file, device, from, ignoreData, timeout,
        };
        command.SetAction(result => replay(new(
            result.GetRequiredValue(file),
            DeviceRequest.Parse(result.GetValue(device) ?? throw new UsageException("replay needs a device: --device NAME[,key=value...]")),
            result.GetValue(from),
            !result.GetValue(ignoreData),
            result.GetValue(timeout) is { } text ? Seconds(text) : TimeSpan.FromSeconds(DefaultTimeout),
            result.GetValue<string[]>(LguestCommandLine.PluginDirectoryOption) ?? [])));
        return command;
    }

    private static Argument<string> TraceFile() => new("FILE") { Description = "The trace" };

    private static TimeSpan Seconds(string text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and <= 86400
            ? TimeSpan.FromSeconds(seconds)
            : throw new UsageException($"--timeout: '{text}' is not a number of seconds from above 0 to 86400");
}
