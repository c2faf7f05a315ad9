// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using LguestPlug;
using Microsoft.Extensions.Logging;

namespace Acme.Balloon;

/// <summary>The memory balloon (virtio 1.2, section 5.5): the driver gives pages away until it gave as many as the target says.</summary>
internal sealed class BalloonDevice : VirtioDevice
{
    private const ulong HasStatistics = 1UL << 1;

    private readonly PageSet _pages = new();
    private readonly IDeviceContext _context;
    private readonly TimeSpan _period;
    private readonly uint _goal;
    private readonly uint _step;
    private volatile uint _target;
    private bool _wasAsked;

    public BalloonDevice(BalloonOptions options, IDeviceContext context)
    {
        _context = context;
        _period = TimeSpan.FromSeconds(options.Period);
        _goal = (uint)(options.Target!.Value.Bytes / PageSet.PageSize);
        _step = options.Grow is { } grow ? (uint)Math.Min(Math.Max(1, grow.Bytes / PageSet.PageSize), _goal) : _goal;
        _target = _step;
        Description = $"balloon of {_goal} pages";
        Queues =
        [
            new("inflate", queue => Move(queue, inside: true)),
            new("deflate", queue => Move(queue, inside: false)),
            new("statistics", AskForStatistics),
        ];
    }

    public override ushort DeviceId => 5;

    public override ulong Features => HasStatistics;

    public override IReadOnlyList<QueueDefinition> Queues { get; }

    public override string Description { get; }

    public override string HelpIfUnused => "the guest never used its balloon: its kernel needs CONFIG_VIRTIO_BALLOON";

    /// <summary>The target is ours; the actual number is the driver's to write, and 0 before it does.</summary>
    public override ReadOnlyMemory<byte> Config => new BalloonConfig { NumPages = _target }.ToBytes();

    public override void ConfigWritten(ReadOnlySpan<byte> config)
    {
        var written = MemoryMarshal.Read<BalloonConfig>(config);
        _context.Logger.LogDebug("the guest says that {Actual} of {Target} pages are in the balloon", written.Actual, written.NumPages);
    }

    public override void Reset()
    {
        _context.Logger.LogInformation("{Pages} pages were in the balloon at the end", _pages.Count);
        _pages.Clear();
        _target = _step;
        _wasAsked = false;
    }

    /// <summary>A chain is a list of page numbers, of 4 bytes each: pages that go into the balloon, or come out of it.</summary>
    private void Move(IVirtqueue queue, bool inside)
    {
        if (queue.Take() is not { } chain)
            return;

        long length = chain.Readable.Length;
        if (length % sizeof(uint) != 0 || length / sizeof(uint) > PageSet.Capacity)
            throw queue.Fault($"{length} bytes are no list of page numbers");

        while (chain.Readable.TryRead(out uint page))
        {
            if (page >= PageSet.Capacity)
                throw queue.Fault($"page {page} is not the guest's");

            _pages.Put(page, inside);
        }

        chain.Complete(0);
    }

    /// <summary>The driver leaves a chain with us. Once it is completed, the next one comes, with the statistics of that moment.</summary>
    private void AskForStatistics(IVirtqueue queue)
    {
        if (queue.Take() is not { } chain)
            return;

        // The first chain was left before anybody asked: nothing is in it yet.
        if (_wasAsked)
            LogFreeMemory(chain.Readable);

        _wasAsked = true;
        if (!queue.Sleep(_period))
            return;

        // The lguest bus cannot tell the driver of a new target. But it looks at the target whenever it wakes, and to be asked
        // for statistics wakes it.
        if (_target < _goal)
        {
            _target = Math.Min(_goal, _target + _step);
            _context.ConfigChanged();
        }

        chain.Complete(0);
    }

    private void LogFreeMemory(ChainReader statistics)
    {
        for (int i = 0; i < 16 && statistics.TryRead(out Statistic statistic); i++)
        {
            if (statistic.Tag == Statistic.FreeMemory)
                _context.Logger.LogDebug("the guest has {Free} KiB of free memory", statistic.Value / 1024);
        }
    }
}
