// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using System.Text;
using LguestPlug.Shared;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Block;

/// <summary>The block device (virtio 1.2, section 5.2): a disk of 512-byte sectors in a file.</summary>
internal sealed partial class BlockDevice : VirtioDevice
{
    /// <summary>Bytes of the serial number in an answer.</summary>
    internal const int IdLength = 20;

    private const int SectorSize = 512;
    private const ushort QueueSize = 256;

    private readonly DiskFile _disk;
    private readonly ILogger _logger;
    private readonly byte[] _id = new byte[IdLength];
    private readonly byte[] _config;
    private readonly List<DescriptorChain> _flushes = new(QueueSize);
    private readonly ulong _sectors;
    private bool _tracing;
    private bool _isWriteThrough;
    private bool _written;
    private int _flushError;
    private bool _errorTold;

    /// <summary>A disk.</summary>
    /// <param name="disk">The file; the device disposes it.</param>
    /// <param name="serial">ASCII; cut to <see cref="IdLength"/>.</param>
    /// <param name="logger">Told of each request at level Debug.</param>
    internal BlockDevice(DiskFile disk, string serial, ILogger logger)
    {
        _disk = disk;
        _logger = logger;
        _sectors = (ulong)disk.Length / SectorSize;
        Encoding.ASCII.GetBytes(serial.AsSpan(0, Math.Min(serial.Length, IdLength)), _id);

        // Two of the ring's descriptors are the request's head and its status.
        var config = new BlockConfiguration { Capacity = _sectors, SegmentMaximum = QueueSize - 2 };
        _config = MemoryMarshal.AsBytes(new ReadOnlySpan<BlockConfiguration>(in config)).ToArray();
        Queues = [new QueueDefinition("requests", ServeRequest, QueueSize)];
        if (disk.Length % SectorSize != 0)
            LogOddSize(logger, disk.Path, disk.Length, disk.Length % SectorSize);
    }

    public override ushort DeviceId => 2;

    public override ulong Features =>
        BlockFeatures.SegmentMaximum | BlockFeatures.Flush | (_disk.IsReadOnly ? BlockFeatures.ReadOnly : 0);

    public override ReadOnlyMemory<byte> Config => _config;

    public override IReadOnlyList<QueueDefinition> Queues { get; }

    public override string Description => $"{_sectors} sectors{(_disk.IsReadOnly ? ", read-only" : "")}: {_disk.Path}";

    public override string HelpIfUnused => "the guest never used its disk: its kernel needs CONFIG_VIRTIO_BLK, and calls the first one /dev/vda";

    public override void Start(ulong acceptedFeatures)
    {
        _tracing = _logger.IsEnabled(LogLevel.Debug);
        // A driver that was offered the flush and does without it takes what is answered for durable (virtio 1.2, section 5.2.6.2).
        _isWriteThrough = (acceptedFeatures & BlockFeatures.Flush) == 0;
        _flushes.Clear();
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            // What the guest wrote and never flushed is not owed to it, but an orderly end loses nothing. Of a flush that failed
            // the guest was told.
            if (_written && _disk.Flush() is not 0 and int error && _flushError == 0)
                LogFlushFailed(_logger, _disk.Path, LinuxFile.TextOf(error));

            _disk.Dispose();
        }

        base.Dispose(disposing);
    }

    private void ServeRequest(IVirtqueue queue)
    {
        if (queue.Take() is not { } chain)
            return;

        RequestHeader header = ReadHeader(queue, chain);
        while (header.Type == RequestType.Flush)
        {
            // Those that wait by now ask for the same: one flush answers them all.
            _flushes.Add(chain);
            if (queue.TryTake() is not { } next)
            {
                AnswerFlushes();
                return;
            }

            chain = next;
            header = ReadHeader(queue, chain);
        }

        if (_flushes.Count > 0)
            AnswerFlushes();

        Serve(chain, header);
    }

    private static RequestHeader ReadHeader(IVirtqueue queue, DescriptorChain chain)
    {
        if (!chain.Readable.TryRead(out RequestHeader header))
            throw queue.Fault($"a request head of {chain.Readable.Length} bytes; expected 16");

        if (chain.Writable.Length == 0)
            throw queue.Fault("a request without room for its status");

        header.Type &= ~RequestType.Barrier;
        return header;
    }

    private void Serve(DescriptorChain chain, RequestHeader header)
    {
        // Everything the driver can read but the last byte, which is the status, is data.
        ChainWriter answer = chain.Writable;
        long room = answer.Length - 1;
        long sent = chain.Readable.Length;
        long answered = 0;
        RequestStatus status = header.Type switch
        {
            RequestType.In => ReadSectors(answer, header.Sector, room, out answered),
            RequestType.Out => WriteSectors(chain.Readable, header.Sector),
            RequestType.GetId => ReadId(answer, room, out answered),
            _ => RequestStatus.Unsupported,
        };

        if (_tracing)
            LogRequest(_logger, header.Type, header.Sector, header.Type == RequestType.Out ? sent : room, status);

        Answer(chain, status, answered);
    }

    private void AnswerFlushes()
    {
        RequestStatus status = Flush();
        foreach (DescriptorChain chain in _flushes)
        {
            if (_tracing)
                LogRequest(_logger, RequestType.Flush, 0, 0, status);

            Answer(chain, status, 0);
        }

        _flushes.Clear();
    }

    private static void Answer(DescriptorChain chain, RequestStatus status, long answered)
    {
        ChainWriter answer = chain.Writable;
        answer.Advance(answer.Length - 1);
        answer.TryWrite((byte)status);
        chain.Complete(answered + 1);
    }

    private RequestStatus ReadSectors(ChainWriter to, ulong sector, long count, out long answered)
    {
        answered = 0;
        if (!IsOnDisk(sector, count))
            return RequestStatus.IoError;

        TransferResult result = to.FillFrom(_disk.Handle, (long)sector * SectorSize, count);
        if (result.Bytes != count)
            return Failed("read", sector, result);

        answered = count;
        return RequestStatus.Ok;
    }

    private RequestStatus WriteSectors(ChainReader from, ulong sector)
    {
        long count = from.Length;
        if (_disk.IsReadOnly || !IsOnDisk(sector, count))
            return RequestStatus.IoError;

        // A write behind the end of a file that was cut off would make it long again, with zeros where the guest's data was: the
        // guest would read those as if all were well.
        if (!_disk.Reaches(((long)sector * SectorSize) + count))
            return Failed("write", sector, default);

        _written = true;
        TransferResult result = from.DrainTo(_disk.Handle, (long)sector * SectorSize, count);
        if (result.Bytes != count)
            return Failed("write", sector, result);

        return _isWriteThrough ? Flush() : RequestStatus.Ok;
    }

    private RequestStatus Flush()
    {
        // The kernel tells of data it could not write once, and has then given it up: a next fdatasync that succeeds says nothing
        // of it. So after a first failure none does, whatever becomes of the file, over reboots, too.
        if (_flushError == 0)
            _flushError = _disk.Flush();

        if (_flushError != 0)
            return Failed("flush", result: new TransferResult(0, _flushError));

        _written = false;
        return RequestStatus.Ok;
    }

    private RequestStatus ReadId(ChainWriter to, long room, out long answered)
    {
        answered = to.Write(_id.AsSpan(0, (int)Math.Min(room, IdLength)));
        return RequestStatus.Ok;
    }

    private bool IsOnDisk(ulong sector, long bytes) =>
        bytes % SectorSize == 0 && sector <= _sectors && (ulong)bytes / SectorSize <= _sectors - sector;

    private RequestStatus Failed(string operation, ulong? sector = null, TransferResult result = default)
    {
        // The guest gets an error every time; the user is told once, or a bad disk would flood the terminal.
        if (!_errorTold)
        {
            string reason = result.Succeeded ? "the file has become shorter" : result.ErrorText;
            LogFailed(_logger, sector is null ? operation : $"{operation} at sector {sector} of", _disk.Path, reason);
        }

        _errorTold = true;
        return RequestStatus.IoError;
    }

    [LoggerMessage(1, LogLevel.Warning, "'{Path}' has {Length} bytes; its last {Rest} do not fill a sector of 512 and are left out")]
    private static partial void LogOddSize(ILogger logger, string path, long length, long rest);

    [LoggerMessage(2, LogLevel.Debug, "{Type} at sector {Sector}, {Bytes} bytes: {Status}")]
    private static partial void LogRequest(ILogger logger, RequestType type, ulong sector, long bytes, RequestStatus status);

    [LoggerMessage(3, LogLevel.Warning, "cannot {Operation} '{Path}': {Reason}; the guest gets an I/O error, later ones are not reported")]
    private static partial void LogFailed(ILogger logger, string operation, string path, string reason);

    [LoggerMessage(4, LogLevel.Warning, "cannot flush '{Path}': {Reason}")]
    private static partial void LogFlushFailed(ILogger logger, string path, string reason);
}
