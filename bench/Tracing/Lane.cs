// SPDX-License-Identifier: GPL-2.0-or-later
using System.Diagnostics;
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Tracing;
using LguestPlug.Virtio;
using Microsoft.Extensions.Logging.Abstractions;

namespace LguestPlug.Bench.Tracing;

/// <summary>One way to serve a queue, on a thread of its own that works when told to.</summary>
internal sealed class Lane : IDisposable
{
    private const int Batch = Driver.Size / 2;
    private readonly Driver _driver = new();
    private readonly SemaphoreSlim _go = new(0);
    private readonly SemaphoreSlim _done = new(0);
    private readonly List<IDisposable> _owned = [];
    private volatile bool _ending;
    private int _chains;
    private TimeSpan _elapsed;
    private long _allocated;

    private Lane(string name, int chainsPerRound)
    {
        Name = name;
        ChainsPerRound = chainsPerRound;
    }

    public string Name { get; }

    /// <summary>How many chains it gets at a time: fewer where each takes longer.</summary>
    public int ChainsPerRound { get; }

    /// <summary>A queue made by hand, which nothing can trace.</summary>
    public static Lane ByItself(string name, int chainsPerRound)
    {
        var lane = new Lane(name, chainsPerRound);
        var signals = new QueueSignals();
        var queue = new Virtqueue("bench", lane._driver.Memory, lane._driver.Ring, new VirtqueueState(), signals, () => { });
        // Called as the runner calls it.
        QueueService service = lane.Serve;
        new Thread(() =>
        {
            while (!lane._ending)
                service(queue);
        })
        { IsBackground = true }.Start();
        lane._owned.Add(signals);
        return lane;
    }

    /// <summary>A queue as the launcher runs it.</summary>
    /// <param name="trace">The value of <c>--trace</c>; null without.</param>
    public static Lane AsLaunched(string name, int chainsPerRound, string? trace)
    {
        var lane = new Lane(name, chainsPerRound);
        var device = new Device(lane.Serve);
        var runner = new VirtioDeviceRunner("bench0", device, NullLogger.Instance, fault => throw new InvalidOperationException(fault.ToString()));
        runner.PlaceQueue(0, lane._driver.Memory, lane._driver.Ring, () => { });
        lane._owned.Add(runner);
        if (trace is not null)
        {
            var file = new DeviceTraceFile(DeviceTraceRequest.Parse(trace));
            file.Attach([new BusDevice("bench", runner)], NullLogger.Instance);
            lane._owned.Add(file);
        }
        runner.Start(0);
        return lane;
    }

    /// <summary>Serves a round's chains.</summary>
    /// <returns>Nanoseconds and allocated bytes a chain.</returns>
    public (double Nanoseconds, double Bytes) Measure()
    {
        _chains = ChainsPerRound;
        _go.Release();
        _done.Wait();
        return (_elapsed.TotalNanoseconds / ChainsPerRound, _allocated / (double)ChainsPerRound);
    }

    public void Dispose()
    {
        _ending = true;
        _go.Release();
        foreach (var owned in _owned)
            owned.Dispose();
        _driver.Dispose();
    }

    /// <summary>The work is the same in all lanes: read the head, leave the rest alone, complete.</summary>
    private void Serve(IVirtqueue queue)
    {
        // Looked at before, too: the end is told once, and the runner calls again until it stops.
        if (_ending)
            return;
        _go.Wait();
        if (_ending)
            return;
        Span<byte> head = stackalloc byte[Driver.Readable];
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        var begun = Stopwatch.GetTimestamp();
        for (var left = _chains; left > 0; left -= Batch)
        {
            _driver.Publish(Batch);
            for (var i = 0; i < Batch; i++)
            {
                var chain = queue.TryTake()!;
                chain.Readable.Read(head);
                chain.Complete(Driver.Writable);
            }
        }
        _elapsed = Stopwatch.GetElapsedTime(begun);
        _allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        _done.Release();
    }

    private sealed class Device(QueueService service) : VirtioDevice
    {
        public override ushort DeviceId => 2;

        public override IReadOnlyList<QueueDefinition> Queues { get; } = [new("bench", service, Driver.Size)];
    }
}
