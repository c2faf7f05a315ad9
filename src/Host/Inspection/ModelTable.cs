// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;

namespace LguestPlug.Host.Inspection;

/// <summary>The machine's model for reading: the machine line by line, then its devices as a table.</summary>
internal static class ModelTable
{
    private const int LabelWidth = 14;
    private const string Nothing = "-";
    private static readonly string[] s_heading = ["INDEX", "NAME", "TYPE", "IRQS", "RINGS", "SIZES", "FEATURES", "CONFIG"];

    public static void Write(MachineModel model, TextWriter output)
    {
        void Line(string label, string value) => output.WriteLine((label + ":").PadRight(LabelWidth) + value);
        Line("Memory", $"{model.Memory.Megabytes} MB");
        Line("Page limit", $"{model.PageLimit} (0x{model.PageLimit:x})");
        Line("Entry point", $"0x{model.EntryPoint:x}");
        Line("Kernel", model.Kernel);
        Line("Initrd", model.Initrd ?? Nothing);
        Line("Command line", model.CommandLine is { Length: > 0 } words ? words : Nothing);
        output.WriteLine();

        List<string[]> rows = [s_heading, .. model.Devices.Select(Cells)];
        var widths = s_heading.Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
            output.WriteLine(string.Join("   ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
    }

    private static string[] Cells(DeviceModel device) =>
    [
        Number(device.Index),
        device.Name,
        Number(device.TypeId),
        List(device, queue => Number(queue.Irq)),
        List(device, queue => $"0x{queue.RingAddress:x}"),
        List(device, queue => Number(queue.Size)),
        $"0x{device.Features:x}",
        device.Config.Length > 0 ? device.Config : Nothing,
    ];

    private static string List(DeviceModel device, Func<QueueModel, string> cell) =>
        device.Queues.Count > 0 ? string.Join(',', device.Queues.Select(cell)) : Nothing;

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
