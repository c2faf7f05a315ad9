// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using System.Runtime.InteropServices;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Plugins;
using LguestPlug.Testing;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Tracing;

/// <summary>
/// Gives a device the chains of a recorded one and compares what it answers. The driver is the test kit's, which checks all
/// along that the device keeps the rules.
/// </summary>
/// <remarks>
/// Records are taken in their order: a chain is made available when its turn comes, a completion is waited for. So all that had
/// been completed before a chain was taken is completed before it is made available, and as many are in flight as were.
/// </remarks>
internal sealed class Replay
{
    private const int MostTold = 10;

    private readonly ReplayRequest _request;
    private readonly TextWriter _output;
    private readonly Dictionary<(int Queue, long Number), Chain> _open = [];
    private long _chains;
    private long _completed;
    private long _leftOpen;
    private long _differences;
    private bool _faulted;

    private Replay(ReplayRequest request, TextWriter output)
    {
        _request = request;
        _output = output;
    }

    /// <param name="request">What to replay, and on what.</param>
    /// <param name="findPlugin">Gives the plugin of a name, or says why there is none.</param>
    /// <param name="loggers">Where the device's messages go.</param>
    /// <param name="output">Where differences and totals go.</param>
    /// <returns>The exit code: an error if anything is not as recorded.</returns>
    public static int Run(ReplayRequest request, Func<string, DevicePlugin> findPlugin, ILoggerFactory loggers, TextWriter output)
    {
        var plan = ReplayPlan.Read(request);
        var replay = new Replay(request, output);
        replay.Run(plan, findPlugin(request.Device.Name), loggers.CreateLogger(plan.Device));
        return replay._differences == 0 ? 0 : ExitCode.HostError;
    }

    private void Run(ReplayPlan plan, DevicePlugin plugin, ILogger logger)
    {
        var kit = new TestDeviceContext(plan.Device);
        var driver = DeviceMaker.Make(_request.Device, plugin, new Context(kit, logger), device =>
        {
            plan.Check(_request, device, device.Queues, device.Features);
            return new TestDriver(device, kit, plan.MemoryMegabytes) { Patience = _request.Timeout };
        });
        using var reader = new TraceReader(_request.File);
        try
        {
            foreach (var record in reader.Records().Where(r => r.Device == plan.Device))
                Do(driver, record, reader.LineNumber);
        }
        catch (DeviceTestException e)
        {
            Differs(reader.LineNumber, e.Message + "; the replay ends here");
        }
        finally
        {
            End(driver, reader.LineNumber);
        }
        foreach (var reason in kit.StopRequests)
            Differs(reader.LineNumber, $"the device asked for the end: {reason}");
        if (_differences > MostTold)
            _output.WriteLine($"... and {_differences - MostTold} more");
        _output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"replayed {plan.Device}: {_chains} chains, {_completed} completed, {_leftOpen + _open.Count} not waited for, {_differences} differences"));
    }

    private void Do(TestDriver driver, TraceRecord record, int line)
    {
        switch (record)
        {
            case StartRecord start:
                Start(driver, start.Accepted);
                if (!driver.Device.Config.Span.SequenceEqual(start.Config))
                    Differs(line, $"the configuration is {Convert.ToHexStringLower(driver.Device.Config.Span)}, recorded {Convert.ToHexStringLower(start.Config)}");
                break;
            case ConfigRecord config when config.Offset + config.Bytes.Length <= driver.Config.Length:
                foreach (var (i, octet) in config.Bytes.Index())
                    driver.WriteConfig(config.Offset + i, octet);
                break;
            case ChainRecord chain:
                Submit(driver, chain, line);
                break;
            case CompletionRecord completion when !_faulted:
                Compare(driver, completion, line);
                break;
            case FaultRecord { RingIsBroken: false } fault:
                // It stopped over a chain that is there again: it is to stop now, too.
                var reason = driver.WaitForFault().Message;
                _faulted = true;
                if (!fault.Reason.EndsWith(reason, StringComparison.Ordinal))
                    Differs(line, $"the device stopped with '{reason}', recorded '{fault.Reason}'");
                break;
            case ResetRecord:
                driver.Reset();
                _leftOpen += _open.Count;
                _open.Clear();
                _faulted = false;
                break;
            default:
                break;
        }
    }

    private void Start(TestDriver driver, ulong accepted)
    {
        try
        {
            driver.Start(accepted);
        }
        catch (Exception e) when (e is not DeviceTestException)
        {
            throw new HostException($"{_request.Device.Spelling}: the plugin threw {e.GetType().Name}: {e.Message}", inner: e);
        }
    }

    private void Submit(TestDriver driver, ChainRecord record, int line)
    {
        // One descriptor of the ring each, or chains that had tables of their own would not all fit; a device cannot tell.
        var chain = new Chain().Indirect();
        if (record.Readable.Count + record.Writable.Count == 0)
            chain = chain.Readable([]);
        if (record.Readable.Count > 0)
            chain = chain.Readable(record.Data, [.. record.Readable.Select(s => (int)s.Length)]);
        foreach (var segment in record.Writable)
            chain = chain.Writable((int)segment.Length);
        _chains++;
        _open.Add((record.Queue, record.Number), chain);
        try
        {
            driver.Queues[record.Queue].Submit(chain);
        }
        catch (InvalidOperationException e)
        {
            throw new HostException($"{_request.File}:{line}: this chain cannot be replayed: {e.Message}", inner: e);
        }
    }

    private void Compare(TestDriver driver, CompletionRecord recorded, int line)
    {
        _open.Remove((recorded.Queue, recorded.Number), out var chain);
        var queue = driver.Queues[recorded.Queue];
        var answer = queue.WaitForCompletion(chain!);
        _completed++;
        var which = $"{queue.Name} chain {recorded.Number}";
        if (answer.Length != recorded.Used)
            Differs(line, $"{which}: used length {answer.Length}, recorded {recorded.Used}");
        else if (_request.CompareData && recorded.Written is { } written && written.AsSpan().CommonPrefixLength(answer.Written) is var same && same < written.Length)
            Differs(line, $"{which}: byte {same} of {written.Length} written is 0x{answer.Written[same]:x2}, recorded 0x{written[same]:x2}");
    }

    /// <summary>Stops the device, which is when the last rules are checked.</summary>
    private void End(TestDriver driver, int line)
    {
        try
        {
            driver.Dispose();
        }
        catch (DeviceTestException e)
        {
            Differs(line, e.Message);
        }
    }

    private void Differs(int line, string what)
    {
        if (++_differences <= MostTold)
            _output.WriteLine($"{_request.File}:{line}: {what.ReplaceLineEndings(" ")}");
    }

    /// <summary>What the device says goes to the user, what it asks for to the driver.</summary>
    private sealed class Context(TestDeviceContext kit, ILogger logger) : IDeviceContext
    {
        public string Name => kit.Name;

        public ILogger Logger => logger;

        public void RequestStop(string reason) => kit.RequestStop(reason);

        public void ConfigChanged() => kit.ConfigChanged();

        public void GuestPrinted(ReadOnlySpan<byte> text, SafeHandle? writtenTo) => kit.GuestPrinted(text, writtenTo);
    }
}
