// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.Numerics;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Output;
using LguestPlug.Host.Running;
using Microsoft.Extensions.Logging.Abstractions;

namespace LguestPlug.Host.Plugins;

/// <summary>What <c>lguest plugins info</c> prints: the plugin's options, and what a device made with the given ones offers.</summary>
internal static class PluginInfo
{
    private const int LabelWidth = 11;

    /// <exception cref="HostException">There is no such plugin, it cannot be used, or the device cannot be made with the options given.</exception>
    public static void Write(PluginCatalog catalog, DeviceRequest request, TextWriter output)
    {
        var candidate = catalog.Find(request.Name);
        var plugin = PluginCatalog.Load(candidate);
        var options = DeviceOptions.Describe(request.Name, plugin.OptionsType);

        // Before anything is printed: what goes wrong is to be the only line.
        var device = DescribeDevice(request, plugin);

        output.WriteLine($"{candidate.Name} {candidate.Version}{(candidate.Summary.Length > 0 ? ": " : "")}{candidate.Summary}");
        (string, string)[] lines =
        [
            ("path", candidate.Path),
            ("contract", $"{candidate.Contract}; this lguest has {DeviceContract.Major}.{DeviceContract.Minor}"),
            .. device,
        ];
        foreach (var (label, value) in lines)
            output.WriteLine((label + ":").PadRight(LabelWidth) + value);
        if (options.Count == 0)
            output.WriteLine("options:".PadRight(LabelWidth) + "none");
        else
        {
            output.WriteLine();
            TextTable.Write(output, [["OPTION", "TYPE", "DEFAULT", "MEANING"], .. options.Select(Cells)]);
        }
    }

    private static string[] Cells(OptionDescription option) =>
    [
        option.Key,
        option.Type,
        option.IsRequired ? "required" : option.Default ?? "-",
        option.Help + (option.IsPositional ? option.Help.Length > 0 ? " (the key may be left out)" : "the key may be left out" : ""),
    ];

    /// <summary>Only a device that has been made tells what it offers: one is made as for a guest, and released at once.</summary>
    private static IReadOnlyList<(string Label, string Value)> DescribeDevice(DeviceRequest request, DevicePlugin plugin)
    {
        using var devices = new MachineDevices(new StopRequests(), NullLoggerFactory.Instance);
        try
        {
            devices.Add(request, plugin);
        }
        catch (HostException e) when (request is { Value: null, Options: [] })
        {
            var reason = e.Message.StartsWith(request.Spelling + ": ", StringComparison.Ordinal) ? e.Message[(request.Spelling.Length + 2)..] : e.Message;
            return [("device", $"not made, {reason}; options behind the name, as for --device, make it, and its id, features and queues are shown")];
        }
        var runner = devices.All[0].Runner;
        var device = runner.Device;
        return
        [
            ("device id", device.DeviceId.ToString(CultureInfo.InvariantCulture)),
            ("features", runner.OfferedFeatures == 0 ? "none" : $"0x{runner.OfferedFeatures:x8} (bits {string.Join(", ", Bits(runner.OfferedFeatures))})"),
            ("queues", runner.Queues.Count == 0 ? "none" : string.Join("; ", runner.Queues.Select((queue, i) => $"{i} {queue.Name}, {queue.Size} entries"))),
            ("config", device.Config.Length == 0 ? "none" : $"{device.Config.Length} bytes"),
        ];
    }

    private static IEnumerable<int> Bits(ulong bits)
    {
        for (; bits != 0; bits &= bits - 1)
            yield return BitOperations.TrailingZeroCount(bits);
    }
}
