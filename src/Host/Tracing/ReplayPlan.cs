// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Host.CommandLine;

namespace LguestPlug.Host.Tracing;

/// <summary>
/// What must be known of a trace before a device is touched: it is read to its end once, so that a damaged one changes no disk.
/// </summary>
internal sealed class ReplayPlan
{
    /// <summary>What a segment takes beside its bytes: a descriptor, and what keeps it apart from its neighbours.</summary>
    private const long SegmentOverhead = 256;
    private const int LeastMegabytes = 64;
    private const int MostMegabytes = 1024;

    private ReplayPlan(string device, IReadOnlyList<(int Line, StartRecord Start)> starts, int memoryMegabytes)
    {
        Device = device;
        Starts = starts;
        MemoryMegabytes = memoryMegabytes;
    }

    /// <summary>The recorded device.</summary>
    public string Device { get; }

    /// <summary>Its starts, with the numbers of their lines.</summary>
    public IReadOnlyList<(int Line, StartRecord Start)> Starts { get; }

    /// <summary>Guest memory that is enough for all chains that are open at a time, twice.</summary>
    public int MemoryMegabytes { get; }

    public static ReplayPlan Read(ReplayRequest request)
    {
        using var reader = new TraceReader(request.File);
        if (reader.Header.Data == TraceData.None)
            throw reader.Wrong("this trace was recorded with data=none: what the devices read is not in it");
        var devices = new SortedDictionary<string, Recorded>(StringComparer.Ordinal);
        foreach (var record in reader.Records())
        {
            if (record is StartRecord start)
            {
                if (!devices.TryGetValue(record.Device, out var known))
                    devices.Add(record.Device, known = new(start.Plugin));
                known.Starts.Add((reader.LineNumber, start));
            }
            devices[record.Device].Note(reader.LineNumber, record);
        }
        var name = Choose(request, devices);
        var chosen = devices[name];
        if (chosen.LineWithoutData is { } line)
            throw reader.Wrong(line, $"this chain reads more than {TraceHeader.LargestData >> 20} MiB, which are not in the trace");
        var megabytes = LeastMegabytes + (2 * (chosen.MostOpen.Bytes >> 20));
        if (megabytes > MostMegabytes)
            throw reader.Wrong(chosen.MostOpen.Line, $"the chains open here have {chosen.MostOpen.Bytes >> 20} MiB; {(MostMegabytes - LeastMegabytes) / 2} can be replayed");
        return new(name, chosen.Starts, (int)megabytes);
    }

    /// <summary>Whether a device fits what was recorded.</summary>
    /// <exception cref="HostException">It does not; the message has the line that says so.</exception>
    public void Check(ReplayRequest request, VirtioDevice device, IReadOnlyList<QueueDefinition> queues, ulong offered)
    {
        var name = request.Device.Name;
        foreach (var (line, start) in Starts)
        {
            HostException Wrong(string what) => new($"{request.File}:{line}: {what}");
            if (start.Type != device.DeviceId)
                throw Wrong($"{Device} is a device of type {start.Type}, but '{name}' makes one of type {device.DeviceId}");
            if (!start.Queues.Select(q => q.Size).SequenceEqual(queues.Select(q => (int)q.Size)))
                throw Wrong($"{Device} has the queues {Sizes(start.Queues.Select(q => (q.Name, q.Size)))}, but this '{name}' has {Sizes(queues.Select(q => (q.Name, (int)q.Size)))}");
            if ((start.Accepted & ~offered) is not 0 and var missing)
                throw Wrong($"the driver had accepted the features {start.Accepted:x8}, of which this '{name}' does not offer {missing:x8}");
        }
    }

    private static string Sizes(IEnumerable<(string Name, int Size)> queues) => string.Join(' ', queues.Select(q => $"{q.Name}:{q.Size}"));

    private static string Choose(ReplayRequest request, SortedDictionary<string, Recorded> devices)
    {
        string All() => devices.Count == 0 ? "it has none" : $"its devices: {string.Join(", ", devices.Keys)}";
        if (request.From is { } from)
        {
            return devices.ContainsKey(from) ? from
                : throw new HostException($"{request.File}: no device '{from}' in it{Suggestion.For(from, devices.Keys)} ({All()})");
        }
        var plugin = request.Device.Name;
        var fitting = devices.Where(d => d.Value.Plugin == plugin).Select(d => d.Key).ToList();
        return fitting switch
        {
            [var one] => one,
            [] => throw new HostException($"{request.File}: no device of plugin '{plugin}' in it ({All()}); --from says which one to replay"),
            _ => throw new HostException($"{request.File}: it has {string.Join(" and ", fitting)}: --from says which one to replay"),
        };
    }

    /// <summary>What is found out of one device on the way.</summary>
    private sealed class Recorded(string plugin)
    {
        private readonly Dictionary<(int Queue, long Number), long> _open = [];
        private long _bytes;

        public string Plugin => plugin;

        public List<(int Line, StartRecord Start)> Starts { get; } = [];

        public int? LineWithoutData { get; private set; }

        public (int Line, long Bytes) MostOpen { get; private set; }

        public void Note(int line, TraceRecord record)
        {
            switch (record)
            {
                case ChainRecord chain:
                    if (chain.Data is null)
                        LineWithoutData ??= line;
                    var bytes = chain.ReadableLength + chain.WritableLength + (SegmentOverhead * (chain.Readable.Count + chain.Writable.Count));
                    _open.Add((chain.Queue, chain.Number), bytes);
                    _bytes += bytes;
                    if (_bytes > MostOpen.Bytes)
                        MostOpen = (line, _bytes);
                    break;
                case CompletionRecord completion:
                    _open.Remove((completion.Queue, completion.Number), out var done);
                    _bytes -= done;
                    break;
                case StartRecord or ResetRecord:
                    _open.Clear();
                    _bytes = 0;
                    break;
                default:
                    break;
            }
        }
    }
}
