// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Tracing;
using LguestPlug.Host.CommandLine;

namespace LguestPlug.Host.Inspection;

/// <summary>The file that executed instructions are written to; one for all boots.</summary>
internal sealed class CpuTraceFile(CpuTraceRequest request) : IDisposable
{
    private const string Option = "--trace-cpu";

    private FileStream? _file;
    private CpuTrace? _trace;

    /// <summary>What went wrong on the way, in words; null if nothing did.</summary>
    public string? Failure =>
        _trace?.Failure is { } failure ? OutputFile.Failure(Option, request.File, failure).Message + "; the trace ends there" : null;

    /// <summary>Makes the file empty the first time. The images must be open: the file may not be one of them.</summary>
    public CpuTrace Open()
    {
        if (_trace is not null)
            return _trace;
        _file = OutputFile.Open(Option, request.File);
        try
        {
            // Pipes and devices cannot be cut off.
            if (_file is { CanSeek: true, Length: > 0 })
                _file.SetLength(0);
        }
        catch (IOException e)
        {
            throw OutputFile.Failure(Option, request.File, e);
        }
        return _trace = new CpuTrace(_file, request.From, request.Count);
    }

    public void Dispose() => _file?.Dispose();
}
