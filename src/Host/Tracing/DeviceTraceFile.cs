// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers;
using System.Diagnostics;
using System.Text;
using LguestPlug.Host.Bus;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Inspection;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Tracing;

/// <summary>
/// The file that chains and completions are written to. A record is one system call, so that a trace is whole however the
/// process ends; the first call that fails ends the trace and not the guest.
/// </summary>
internal sealed class DeviceTraceFile(DeviceTraceRequest request) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly ArrayBufferWriter<byte> _line = new();
    private readonly TraceText _text = new();
    private FileStream? _file;
    private ILogger? _logger;
    private long _begun;
    private long _length;
    private volatile bool _isOpen;

    /// <summary>Which bytes are to be kept.</summary>
    public TraceData Data => request.Format == TraceFormat.Json ? request.Data : TraceData.None;

    /// <summary>False once nothing can be written any more: then a record need not be made.</summary>
    public bool IsOpen => _isOpen;

    /// <summary>
    /// Begins the file and has the chosen devices tell of themselves. The machine's files must be open: the trace may not be one
    /// of them.
    /// </summary>
    public void Attach(IReadOnlyList<BusDevice> devices, ILogger logger)
    {
        _logger = logger;
        var chosen = Choose(devices);
        _file = OutputFile.Open(DeviceTraceRequest.Option, request.File);
        try
        {
            // Pipes and devices cannot be cut off.
            if (_file is { CanSeek: true, Length: > 0 })
                _file.SetLength(0);
        }
        catch (IOException e)
        {
            throw OutputFile.Failure(DeviceTraceRequest.Option, request.File, e);
        }
        lock (_gate)
        {
            _isOpen = true;
            _begun = Stopwatch.GetTimestamp();
            var header = new TraceHeader(TraceHeader.Current, $"lguest {typeof(DeviceTraceFile).Assembly.GetName().Version?.ToString(3)}", DateTimeOffset.UtcNow, Data);
            if (request.Format == TraceFormat.Json)
                TraceJson.Write(header, _line);
            else
                Encoding.UTF8.GetBytes(TraceText.Line(header), _line);
            WriteLine();
        }
        foreach (var device in chosen)
            device.Runner.Trace = new DeviceTrace(this, device);
    }

    /// <summary>Writes a record, with the time of now.</summary>
    public void Write(TraceRecord record)
    {
        lock (_gate)
        {
            if (!_isOpen)
                return;
            // Within the lock, so that time never goes back from one line to the next.
            record.Time = (long)Stopwatch.GetElapsedTime(_begun).TotalNanoseconds;
            if (request.Format == TraceFormat.Json)
                TraceJson.Write(record, _line);
            else
                Encoding.UTF8.GetBytes(_text.Line(record), _line);
            WriteLine();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isOpen = false;
            _file?.Dispose();
        }
    }

    private IReadOnlyList<BusDevice> Choose(IReadOnlyList<BusDevice> devices)
    {
        var unknown = request.Devices.FirstOrDefault(name => !devices.Any(d => IsNamed(d, name)));
        if (unknown is not null)
        {
            var names = devices.Select(d => d.Runner.Name).ToList();
            throw new HostException(
                $"{DeviceTraceRequest.Option}: no device '{unknown}' in this machine{Suggestion.For(unknown, names.Concat(devices.Select(d => d.PluginName)))} (its devices: {string.Join(", ", names)})");
        }
        return request.Devices.Count == 0 ? devices : [.. devices.Where(d => request.Devices.Any(name => IsNamed(d, name)))];
    }

    private static bool IsNamed(BusDevice device, string name) => device.Runner.Name == name || device.PluginName == name;

    private void WriteLine()
    {
        _line.Write("\n"u8);
        try
        {
            _file!.Write(_line.WrittenSpan);
            _length += _line.WrittenCount;
        }
        catch (IOException e)
        {
            _isOpen = false;
            _logger?.LogWarning("{Failure}; the trace ends there", OutputFile.Failure(DeviceTraceRequest.Option, request.File, e).Message);
            CutOffHalfLine();
        }
        _line.ResetWrittenCount();
    }

    private void CutOffHalfLine()
    {
        try
        {
            if (_file!.CanSeek)
                _file.SetLength(_length);
        }
        catch (IOException)
        {
            // It stays, and whoever reads the trace is told of a line cut off.
        }
    }
}
