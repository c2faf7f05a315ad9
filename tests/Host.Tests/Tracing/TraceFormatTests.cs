// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers;
using System.Text;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Tracing;

namespace LguestPlug.Host.Tests.Tracing;

/// <summary>The lines of a trace, both ways, and what becomes of them.</summary>
public sealed class TraceFormatTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lguest-trace").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Trace(params string[] lines)
    {
        var path = Path.Combine(_folder, "trace");
        File.WriteAllText(path, string.Join('\n', lines) + "\n");
        return path;
    }

    private static string View(string path, bool summary = false, bool data = false, params string[] devices)
    {
        using var output = new StringWriter();
        Assert.Equal(0, TraceView.Write(new(path, devices, summary, data), output));
        return output.ToString();
    }

    [Fact]
    public void Every_record_comes_back_as_it_was_written()
    {
        TraceRecord[] records =
        [
            new StartRecord("block0", "block", 2, 0x204, 0x200, [1, 2, 0xff], [new("requests", 256), new("\"odd\" ü", 2)]) { Time = 5 },
            new ConfigRecord("block0", 1, [0, 0xff]) { Time = 6 },
            new ChainRecord("block0", 1, 77, 255, [new(0x1000, 3), new(ulong.MaxValue, 0)], [new(0x2000, uint.MaxValue)], [0xfb, 0xff, 0xfe]) { Time = long.MaxValue },
            new ChainRecord("block0", 0, 1, 0, [], [], null),
            new CompletionRecord("block0", 1, 77, uint.MaxValue, 123, null) { Time = 8 },
            new CompletionRecord("block0", 1, 78, 2, 0, [0, 0xff]),
            new FaultRecord("block0", 0, "block0: queue requests: \"so\"", true),
            new ResetRecord("block0") { Time = 9 },
        ];
        foreach (var record in records)
        {
            var line = new ArrayBufferWriter<byte>();
            TraceJson.Write(record, line);
            Assert.DoesNotContain((byte)'\n', line.WrittenSpan.ToArray());
            Assert.Equivalent(record, TraceJson.ReadRecord(line.WrittenMemory), strict: true);
        }
        var header = new TraceHeader(1, "lguest 9.9.9", new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero), TraceData.Full);
        var first = new ArrayBufferWriter<byte>();
        TraceJson.Write(header, first);
        Assert.Equal(header, TraceJson.ReadHeader(first.WrittenMemory));
    }

    [Fact]
    public void A_trace_is_printed_for_reading()
    {
        var path = Trace(Lines.Header, Lines.Start("block0", "block"), Lines.Chain("block0", 1, [0x41, 0], 513), Lines.Completion("block0", 1, 2, [0x42, 0x80]), Lines.Start("rng0", "rng"), Lines.Reset("block0"));
        var lines = View(path, data: true).TrimEnd('\n').Split('\n');
        Assert.StartsWith("# test, begun 2026-01-02 03:04:05.000", lines[0], StringComparison.Ordinal);
        Assert.Equal(
        [
            "    0.000001 block0 start: plugin block, type 2, offered 00000204, accepted 00000200, config 0102, queues requests:256",
            "    0.000001 block0 requests chain 1 head 0: reads 2, writes up to 513: r 00001000+2 w 00002000+513",
            "             r 000000: 41 00                                            A.",
            "    0.000001 block0 requests chain 1 done: used 2 in 1.5 us",
            "             w 000000: 42 80                                            B.",
            "    0.000001 rng0 start: plugin rng, type 2, offered 00000204, accepted 00000200, config 0102, queues requests:256",
            "    0.000001 block0 reset",
        ], lines[1..]);
        Assert.Equal(2, View(path, devices: ["rng"]).TrimEnd('\n').Split('\n').Length);
        Assert.DoesNotContain("rng0", View(path, devices: ["block0"]), StringComparison.Ordinal);
        Assert.Contains("no device 'rgn' in it; did you mean 'rng'? (its devices: block0, rng0)", Assert.Throws<HostException>(() => View(path, devices: ["rgn"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_summary_counts_and_sorts()
    {
        List<string> lines = [Lines.Header, Lines.Start("block0", "block"), Lines.Start("rng0", "rng")];
        for (var i = 1; i <= 100; i++)
        {
            lines.Add(Lines.Chain("block0", i, [1, 2, 3], 10));
            lines.Add(Lines.Completion("block0", i, 7, null, durationNs: (101 - i) * 1000));
        }
        lines.Add(Lines.Chain("block0", 101, [], 10));
        lines.Add("""{"record":"fault","time_ns":2000000000,"device":"block0","queue":0,"reason":"block0: odd","ring_is_broken":false}""");
        lines.Add(Lines.Reset("block0"));
        lines.Add(Lines.Start("block0", "block"));
        Assert.Equal(
            """
            DEVICE  QUEUE     CHAINS  DONE  OPEN  READ  WRITTEN      P50      P90      P99       MAX
            block0  requests     101   100     1   300      700  50.0 us  90.0 us  99.0 us  100.0 us
            rng0    requests       0     0     0     0        0        -        -        -         -
            fault: block0: odd
            0.000 s; started: block0 2 times, rng0

            """, View(Trace([.. lines]), summary: true));
    }

    public static TheoryData<int, string, string[]> Damaged => new()
    {
        { 1, "not a trace that can be read back", ["# lguest 0.1.0, begun"] },
        { 1, "not a trace that can be read back", ["[]"] },
        { 1, "not a trace that can be read back", ["""{"record":"start"}"""] },
        { 1, "a trace of version 2; this lguest reads version 1", ["""{"record":"trace","version":2,"new":[]}"""] },
        { 1, "this trace has no 'data'", ["""{"record":"trace","version":1,"program":"x","begun":"2026-01-02T03:04:05Z"}"""] },
        { 2, "not JSON at byte 2", [Lines.Header, "{x}"] },
        { 2, "not JSON at byte 1", [Lines.Header, ""] },
        { 2, "not a JSON object", [Lines.Header, "7"] },
        { 2, "'chian' is no record of this version", [Lines.Header, """{"record":"chian","device":"a","time_ns":1}"""] },
        { 2, "this line has no 'record'", [Lines.Header, "{}"] },
        { 2, "block0 was not started before", [Lines.Header, Lines.Reset("block0")] },
        { 3, "this chain record has no 'head'", [Lines.Header, Lines.Start("a", "a"), Lines.Chain("a", 1, [], 1).Replace("head", "hat", StringComparison.Ordinal)] },
        { 3, "'readable' of this chain record is not pairs of address and length", [Lines.Header, Lines.Start("a", "a"), Lines.Chain("a", 1, [1], 1).Replace("[[4096,1]]", "[[4096]]", StringComparison.Ordinal)] },
        { 3, "'data' of this chain record is not bytes in base64", [Lines.Header, Lines.Start("a", "a"), Lines.Chain("a", 1, [1], 1).Replace("AQ==", "AQ", StringComparison.Ordinal)] },
        { 3, "1 bytes of data in a chain of 7 readable bytes", [Lines.Header, Lines.Start("a", "a"), Lines.Chain("a", 1, [1], 1).Replace("[4096,1]", "[4096,7]", StringComparison.Ordinal)] },
        { 3, "a has no queue 9", [Lines.Header, Lines.Start("a", "a"), Lines.Chain("a", 1, [1], 1).Replace("\"queue\":0", "\"queue\":9", StringComparison.Ordinal)] },
        { 3, "'queue' of this chain record is not a number from 0 to 65535", [Lines.Header, Lines.Start("a", "a"), Lines.Chain("a", 1, [1], 1).Replace("\"queue\":0", "\"queue\":-1", StringComparison.Ordinal)] },
        { 3, "3 configuration bytes at 0, but a has 2", [Lines.Header, Lines.Start("a", "a"), Lines.Config("a", 0, "010203")] },
        { 4, "a has chain 1 of queue 0 already", [Lines.Header, Lines.Start("a", "a"), Lines.Chain("a", 1, [], 1), Lines.Chain("a", 1, [], 1)] },
        { 4, "a has no chain 2 of queue 0 to complete", [Lines.Header, Lines.Start("a", "a"), Lines.Chain("a", 1, [], 1), Lines.Completion("a", 2, 0)] },
        { 4, "a used length of 2, but the chain has 1 writable bytes", [Lines.Header, Lines.Start("a", "a"), Lines.Chain("a", 1, [], 1), Lines.Completion("a", 1, 2)] },
        { 4, "1 bytes written, but a used length of 2", [Lines.Header, Lines.Start("a", "a"), Lines.Chain("a", 1, [], 9), Lines.Completion("a", 1, 2, [1])] },
        { 4, "a was not started before", [Lines.Header, Lines.Start("a", "a"), Lines.Reset("a"), Lines.Chain("a", 1, [], 9)] },
    };

    [Theory]
    [MemberData(nameof(Damaged))]
    public void A_damaged_trace_is_refused_with_the_line(int line, string expected, string[] lines)
    {
        var path = Trace(lines);
        var message = Assert.Throws<HostException>(() => View(path)).Message;
        Assert.StartsWith($"{path}:{line}: {expected}", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_trace_that_was_cut_off_is_refused_with_the_line()
    {
        var path = Trace(Lines.Header, Lines.Start("a", "a"), Lines.Chain("a", 1, new byte[100_000], 1));
        using (var file = File.OpenWrite(path))
            file.SetLength(file.Length - 1);
        Assert.Equal($"{path}:3: the line is cut off: the trace was not written to its end", Assert.Throws<HostException>(() => View(path)).Message);
        File.WriteAllText(path, "");
        Assert.Equal($"{path}:1: the file is empty: the trace was not even begun", Assert.Throws<HostException>(() => View(path)).Message);
        Assert.Equal($"cannot read '{path}x': no such file", Assert.Throws<HostException>(() => View(path + "x")).Message);
        Assert.Equal($"cannot read '{_folder}': it is a directory", Assert.Throws<HostException>(() => View(_folder)).Message);
    }

    [Fact]
    public void What_no_trace_is_takes_no_memory_to_find_out()
    {
        using var file = new FileStream(Path.Combine(_folder, "huge"), FileMode.CreateNew);
        file.SetLength(10L << 30);
        Assert.Contains("huge:1: a line of more than", Assert.Throws<HostException>(() => View(file.Name)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("f", "f", "", TraceFormat.Text, TraceData.Readable)]
    [InlineData("a,,b,format=json", "a,b", "", TraceFormat.Json, TraceData.Readable)]
    [InlineData("f,device=block0,format=json,device=rng,data=full", "f", "block0 rng", TraceFormat.Json, TraceData.Full)]
    [InlineData("f,data=none,format=json", "f", "", TraceFormat.Json, TraceData.None)]
    internal void The_option_is_read(string text, string file, string devices, TraceFormat format, TraceData data)
    {
        var request = DeviceTraceRequest.Parse(text);
        Assert.Equal((file, devices, format, data), (request.File, string.Join(' ', request.Devices), request.Format, request.Data));
    }

    [Theory]
    [InlineData("", "names no file")]
    [InlineData(",format=json", "names no file")]
    [InlineData("f,format=xml", "format is 'text' or 'json', not 'xml'")]
    [InlineData("f,format=json,data=some", "data is 'none', 'readable' or 'full', not 'some'")]
    [InlineData("f,data=full", "data=... needs format=json")]
    [InlineData("f,device=", "device=NAME")]
    [InlineData("f,devcie=block", "unknown option 'devcie'; did you mean 'device'? (it has device, format, data;")]
    [InlineData("f,block", "unknown option 'block' (it has")]
    public void A_mistake_in_the_option_is_named(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<UsageException>(() => DeviceTraceRequest.Parse(text)).Message, StringComparison.Ordinal);
}

/// <summary>Lines of a trace as they are in the file.</summary>
internal static class Lines
{
    public const string Header = """{"record":"trace","version":1,"program":"test","begun":"2026-01-02T03:04:05Z","data":"full"}""";

    public static string Start(string device, string plugin, int type = 2, ulong accepted = 512, string queues = """[{"name":"requests","size":256}]""", string config = "0102") =>
        $$"""{"record":"start","time_ns":1000,"device":"{{device}}","plugin":"{{plugin}}","type":{{type}},"offered":516,"accepted":{{accepted}},"config":"{{config}}","queues":{{queues}}}""";

    public static string Chain(string device, long number, byte[] readable, int writable, int queue = 0)
    {
        var read = readable.Length == 0 ? "[]" : $"[[4096,{readable.Length}]]";
        var written = writable == 0 ? "[]" : $"[[8192,{writable}]]";
        return $$"""{"record":"chain","time_ns":1000,"device":"{{device}}","queue":{{queue}},"chain":{{number}},"head":0,"readable":{{read}},"writable":{{written}},"data":"{{Convert.ToBase64String(readable)}}"}""";
    }

    public static string Completion(string device, long number, int used, byte[]? written = null, int queue = 0, long durationNs = 1500)
    {
        var bytes = written is null ? "" : $""","written":"{Convert.ToBase64String(written)}" """.TrimEnd();
        return $$"""{"record":"completion","time_ns":1000,"device":"{{device}}","queue":{{queue}},"chain":{{number}},"used":{{used}},"duration_ns":{{durationNs}}{{bytes}}}""";
    }

    public static string Config(string device, int offset, string bytes) =>
        $$"""{"record":"config","time_ns":1000,"device":"{{device}}","offset":{{offset}},"bytes":"{{bytes}}"}""";

    public static string Reset(string device) => $$"""{"record":"reset","time_ns":1000,"device":"{{device}}"}""";

    public static string Fault(string device, string reason, bool ringIsBroken = false) =>
        $$"""{"record":"fault","time_ns":1000,"device":"{{device}}","queue":0,"reason":"{{reason}}","ring_is_broken":{{(ringIsBroken ? "true" : "false")}}}""";
}
