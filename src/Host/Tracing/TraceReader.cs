// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Tracing;

/// <summary>
/// Reads a trace back, line by line and each once, so that it may come through a pipe. What does not belong into a trace is
/// refused with the file and the number of the line.
/// </summary>
internal sealed class TraceReader : IDisposable
{
    /// <summary>No line written here is longer: the largest data of a chain in base64, and its segments.</summary>
    private const int LongestLine = TraceHeader.LargestData / 3 * 4 + (4 << 20);

    private readonly string _path;
    private readonly FileStream _file;
    private readonly Dictionary<string, RunningDevice> _devices = [];
    private byte[] _buffer = new byte[64 * 1024];
    private int _first;
    private int _end;

    public TraceReader(string path)
    {
        _path = path;
        try
        {
            _file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw Unreadable(e);
        }
        try
        {
            Header = ReadHeader();
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    /// <summary>What the first line says.</summary>
    public TraceHeader Header { get; }

    /// <summary>The number of the line read last, from 1 on.</summary>
    public int LineNumber { get; private set; }

    /// <summary>The other lines, as they are asked for.</summary>
    public IEnumerable<TraceRecord> Records()
    {
        while (ReadLine() is { } line)
        {
            TraceRecord record;
            try
            {
                record = TraceJson.ReadRecord(line);
            }
            catch (FormatException e)
            {
                throw Wrong(e.Message);
            }
            Check(record);
            yield return record;
        }
    }

    /// <summary>An error about the line read last.</summary>
    public HostException Wrong(string what) => Wrong(LineNumber, what);

    /// <summary>An error about a line.</summary>
    public HostException Wrong(int line, string what) => new($"{_path}:{line}: {what}");

    public void Dispose() => _file.Dispose();

    private TraceHeader ReadHeader()
    {
        if (ReadLine() is not { } line)
            throw new HostException($"{_path}:1: the file is empty: the trace was not even begun");
        try
        {
            return TraceJson.ReadHeader(line);
        }
        catch (FormatException e)
        {
            throw Wrong(e.Message);
        }
    }

    /// <summary>Each record must fit those before it: whoever uses them need not ask again.</summary>
    private void Check(TraceRecord record)
    {
        if (record is StartRecord start)
        {
            _devices[record.Device] = new(start);
            return;
        }
        if (!_devices.TryGetValue(record.Device, out var device))
            throw Wrong($"{record.Device} was not started before");
        switch (record)
        {
            case ConfigRecord config:
                if (config.Offset + config.Bytes.Length > device.Start.Config.Length)
                    throw Wrong($"{config.Bytes.Length} configuration bytes at {config.Offset}, but {record.Device} has {device.Start.Config.Length}");
                break;
            case ChainRecord chain:
                CheckQueue(device, chain.Queue);
                if (!device.Open.TryAdd((chain.Queue, chain.Number), chain.WritableLength))
                    throw Wrong($"{record.Device} has chain {chain.Number} of queue {chain.Queue} already");
                break;
            case CompletionRecord completion:
                CheckQueue(device, completion.Queue);
                if (!device.Open.Remove((completion.Queue, completion.Number), out var room))
                    throw Wrong($"{record.Device} has no chain {completion.Number} of queue {completion.Queue} to complete");
                if (completion.Used > room)
                    throw Wrong($"a used length of {completion.Used}, but the chain has {room} writable bytes");
                if (completion.Written is { } written && written.Length != completion.Used)
                    throw Wrong($"{written.Length} bytes written, but a used length of {completion.Used}");
                break;
            case FaultRecord fault:
                CheckQueue(device, fault.Queue);
                break;
            default:
                _devices.Remove(record.Device);
                break;
        }
    }

    private void CheckQueue(RunningDevice device, int queue)
    {
        if (queue >= device.Start.Queues.Count)
            throw Wrong($"{device.Start.Device} has no queue {queue}");
    }

    /// <returns>The next line without its end, valid until the next call; null at the end of the file.</returns>
    private ReadOnlyMemory<byte>? ReadLine()
    {
        var searched = 0;
        while (true)
        {
            var at = _buffer.AsSpan(_first + searched, _end - _first - searched).IndexOf((byte)'\n');
            if (at >= 0)
            {
                var line = _buffer.AsMemory(_first, searched + at);
                _first += searched + at + 1;
                LineNumber++;
                return line;
            }
            searched = _end - _first;
            if (searched > LongestLine)
                throw Wrong(LineNumber + 1, $"a line of more than {LongestLine} bytes, which no trace has");
            if (Fill())
                continue;
            if (searched == 0)
                return null;
            throw Wrong(LineNumber + 1, "the line is cut off: the trace was not written to its end");
        }
    }

    private bool Fill()
    {
        if (_first > 0)
        {
            _buffer.AsSpan(_first, _end - _first).CopyTo(_buffer);
            _end -= _first;
            _first = 0;
        }
        if (_end == _buffer.Length)
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        try
        {
            var count = _file.Read(_buffer, _end, _buffer.Length - _end);
            _end += count;
            return count > 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(e);
        }
    }

    private HostException Unreadable(Exception e) => new(
        $"cannot read '{_path}': " + e switch
        {
            _ when Directory.Exists(_path) => "it is a directory",
            FileNotFoundException or DirectoryNotFoundException => "no such file",
            UnauthorizedAccessException => "permission denied",
            _ => e.Message.ReplaceLineEndings(" "),
        },
        inner: e);

    /// <summary>A device between its start and its reset, with the writable bytes of each chain it has not completed.</summary>
    private sealed record RunningDevice(StartRecord Start)
    {
        public Dictionary<(int Queue, long Number), long> Open { get; } = [];
    }
}
