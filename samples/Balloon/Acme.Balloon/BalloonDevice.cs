// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using LguestPlug;
using Microsoft.Extensions.Logging;

namespace Acme.Balloon;

/// <summary>The memory balloon (virtio 1.2, section 5.5): the driver gives pages away until it gave as many as the target says.</summary>
internal sealed class BalloonDevice : VirtioDevice
{
    public const long LargestTarget = MostPages * (long)PageSize;

    private const ulong StatisticsQueue = 1UL << 1;
    private const int PageSize = 4096;
    private const int MostPages = 1 << 20;
    private const int ActualOffset = 4;

    private readonly IDeviceContext _context;
    private readonly TimeSpan _period;
    private readonly uint _goal;
    private readonly uint _step;

    // Services of two queues use these: each on a thread of its own.
    private readonly Lock _gate = new();
    private readonly bool[] _isInside = new bool[MostPages];
    private int _pagesInside;

    private volatile uint _target;
    private bool _hasStatistics;

    public BalloonDevice(BalloonOptions options, IDeviceContext context)
    {
        _context = context;
        _period = TimeSpan.FromSeconds(options.Period);
        _goal = (uint)(options.Target!.Value.Bytes / PageSize);
        _step = (uint)Math.Min((options.Grow?.Bytes ?? LargestTarget) / PageSize, _goal);
        _target = _step;
        Description = $"balloon of {options.Target} bytes";
        Queues =
        [
            new("inflate", queue => Move(queue, inside: true)),
            new("deflate", queue => Move(queue, inside: false)),
            new("statistics", AskForStatistics),
        ];
    }

    public override ushort DeviceId => 5;

    public override ulong Features => StatisticsQueue;

    public override IReadOnlyList<QueueDefinition> Queues { get; }

    public override string Description { get; }

    public override string HelpIfUnused => "the guest never used its balloon: its kernel needs CONFIG_VIRTIO_BALLOON";

    public override ReadOnlyMemory<byte> Config
    {
        get
        {
            // Two numbers of pages: what we want, and what the driver says it gave ("actual"), which it writes itself.
            byte[] config = new byte[8];
            BinaryPrimitives.WriteUInt32LittleEndian(config, _target);
            return config;
        }
    }

    public override void ConfigWritten(ReadOnlySpan<byte> config) =>
        _context.Logger.LogDebug("the guest says that {Actual} of {Target} pages are in the balloon", BinaryPrimitives.ReadUInt32LittleEndian(config[ActualOffset..]), _target);

    public override void Reset()
    {
        _context.Logger.LogInformation("{Pages} pages were in the balloon at the end", _pagesInside);
        Array.Clear(_isInside);
        _pagesInside = 0;
        _target = _step;
        _hasStatistics = false;
    }

    /// <summary>A chain is a list of page numbers, which go into the balloon or come out of it.</summary>
    private void Move(IVirtqueue queue, bool inside)
    {
        if (queue.Take() is not { } chain)
            return;

        if (chain.Readable.Length % sizeof(uint) != 0 || chain.Readable.Length / sizeof(uint) > MostPages)
            throw queue.Fault($"{chain.Readable.Length} bytes are no list of page numbers");

        lock (_gate)
        {
            while (chain.Readable.TryRead(out uint page))
            {
                if (page >= MostPages)
                    throw queue.Fault($"page {page} is not the guest's");

                if (_isInside[page] != inside)
                    _pagesInside += inside ? 1 : -1;

                _isInside[page] = inside;
            }
        }

        chain.Complete(0);
    }

    /// <summary>The driver leaves one chain with us, and sends the next when we complete it: with statistics of that moment.</summary>
    private void AskForStatistics(IVirtqueue queue)
    {
        if (queue.Take() is not { } chain)
            return;

        // What it leaves at the start is not filled in yet.
        if (_hasStatistics)
            LogStatistics(chain.Readable);

        _hasStatistics = true;
        if (!queue.Sleep(_period))
            return;

        // The lguest bus cannot tell the driver of a new target. But it looks at the target whenever it is woken, and to be
        // asked for statistics wakes it.
        if (_target < _goal)
        {
            _target = Math.Min(_goal, _target + _step);
            _context.ConfigChanged();
        }

        chain.Complete(0);
    }

    private void LogStatistics(ChainReader statistics)
    {
        for (int i = 0; i < 16 && statistics.TryRead(out Statistic statistic); i++)
        {
            if (statistic.Tag == Statistic.FreeMemory)
                _context.Logger.LogDebug("the guest has {Free} KiB of free memory", statistic.Value / 1024);
        }
    }

    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private readonly record struct Statistic(ushort Tag, ulong Value)
    {
        public const ushort FreeMemory = 4;
    }
}
