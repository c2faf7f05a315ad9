// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using LguestPlug.Emulator.Statistics;
using LguestPlug.Emulator.Traps;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Engines;
using LguestPlug.Host.Logging;

namespace LguestPlug.Host.Inspection;

/// <summary>Tells what the embedded CPU did: a line for each subject, the most frequent first, or JSON.</summary>
internal sealed class StatisticsReport(StderrLoggerProvider output, StatisticsFormat format)
{
    private const int LabelWidth = 18;
    private const int Width = 120;
    private const int MnemonicsShown = 10;

    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new SecondsConverter() },
    };

    /// <summary>Tells it, if it is wanted and the engine counts.</summary>
    public void Write(IEngine engine)
    {
        if (format == StatisticsFormat.None || engine.Profile is not { } statistics)
            return;
        if (format == StatisticsFormat.Json)
            output.WriteLine(JsonSerializer.Serialize(statistics, s_json));
        else
            output.WriteLines(Table(statistics).TrimEnd('\n'));
    }

    internal static string Table(MachineStatistics s)
    {
        var text = new StringBuilder();
        Line(text, "executed", [Count(s.Instructions, "instructions"), Count(s.InstructionsInterpreted, "of them block by block in the interpreter")]);
        if (s.Translation is { } t)
        {
            Line(text, "translated", [
                Count(t.Instructions, "instructions"), Count(t.Blocks, "blocks"), Count(t.CodeBytes, "bytes of code"),
                Count(t.BlocksDropped, "blocks dropped"), Count(t.ArenaResets, "times full")]);
            Line(text, "left code for", Named(t.Exits));
            Line(text, "called host for", Named(t.Calls));
            Line(text, "interpreted there", Named(t.Interpreted, MnemonicsShown));
        }
        Line(text, "memory", [
            Count(s.Memory.PageWalks, "page walks"), Count(s.Memory.TlbFills, "TLB fills"), Count(s.Memory.FlatTlbFills, "fills for generated code"),
            Count(s.Memory.TlbFlushes, "flushes"), Count(s.Memory.PageFlushes, "page flushes")]);
        Line(text, "traps", s.Traps.OrderByDescending(trap => trap.Value)
            .Select(trap => $"{trap.Key}{(TrapVector.Name((uint)trap.Key) is { } name ? " " + name : "")} {Number(trap.Value)}"));
        Line(text, "interrupts", s.Interrupts.Select(irq => $"line {irq.Key} {Number(irq.Value)}"));
        Line(text, "hypercalls", Named(s.Hypercalls));
        Line(text, "async hypercalls", Named(s.AsyncHypercalls));
        Line(text, "notifies", [Count(s.DeviceNotifies, "to devices"), Count(s.LauncherNotifies, "to the launcher")]);
        Line(text, "sleeps", [Number(s.Sleeps), Count(s.SleepsAvoided, "avoided")]);
        if (s.Times is { } times)
        {
            Line(text, "seconds in", [
                Seconds("guest code", times.Guest), Seconds("translation", times.Translation), Seconds("runtime", times.Runtime),
                Seconds("sleep", times.Asleep), Seconds("the launcher", times.Outside)]);
        }
        return text.ToString();
    }

    /// <summary>A label and what there is to it, in as many lines as it takes.</summary>
    private static void Line(StringBuilder text, string label, IEnumerable<string> items)
    {
        var line = new StringBuilder((label + ":").PadRight(LabelWidth));
        var isFirst = true;
        foreach (var item in items.DefaultIfEmpty("none"))
        {
            if (!isFirst && line.Length + item.Length + 2 > Width)
            {
                text.Append(line).Append(",\n");
                line.Clear().Append(' ', LabelWidth);
                isFirst = true;
            }
            line.Append(isFirst ? " " : ", ").Append(item);
            isFirst = false;
        }
        text.Append(line).Append('\n');
    }

    private static IEnumerable<string> Named(IReadOnlyDictionary<string, long> counts, int longest = int.MaxValue)
    {
        var happened = counts.Where(c => c.Value != 0).ToList();
        foreach (var (name, count) in happened.Take(longest))
            yield return $"{name} {Number(count)}";
        if (happened.Count > longest)
            yield return $"others {Number(happened.Skip(longest).Sum(c => c.Value))}";
    }

    private static string Count(long count, string what) => $"{Number(count)} {what}";

    private static string Seconds(string what, TimeSpan time) => string.Create(CultureInfo.InvariantCulture, $"{what} {time.TotalSeconds:F3}");

    private static string Number(long number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private sealed class SecondsConverter : JsonConverter<TimeSpan>
    {
        public override TimeSpan Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => TimeSpan.FromSeconds(reader.GetDouble());

        public override void Write(Utf8JsonWriter writer, TimeSpan value, JsonSerializerOptions options) => writer.WriteNumberValue(value.TotalSeconds);
    }
}
