// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Console;

/// <summary>The console (virtio 1.2, section 5.3) with one port: what is typed goes to the guest, what it prints comes out.</summary>
internal sealed partial class ConsoleDevice : VirtioDevice
{
    private const int LargestWrite = 64 * 1024;

    private readonly SafeHandle _input;
    private readonly ConsoleOutput _output;
    private readonly RawTerminal? _terminal;
    private readonly IDeviceContext _context;
    private readonly EscapeKey _escape;
    private readonly OutputBatch _batch;
    private bool _inputEnded;
    private bool _outputFailed;

    /// <summary>A console.</summary>
    /// <param name="input">What the guest reads; the device disposes it.</param>
    /// <param name="output">Where the guest writes; the device disposes it.</param>
    /// <param name="terminal">The terminal to make raw while the guest uses the console, or null.</param>
    /// <param name="context">Asked to stop on three ^C.</param>
    /// <param name="clock">Times the ^C.</param>
    internal ConsoleDevice(SafeHandle input, ConsoleOutput output, RawTerminal? terminal, IDeviceContext context, TimeProvider clock)
    {
        _input = input;
        _output = output;
        _terminal = terminal;
        _context = context;
        _escape = new EscapeKey(clock);
        _batch = new OutputBatch(output.MayBlock ? ConsoleOutput.PipeAtomicSize : LargestWrite);
        Queues = [new QueueDefinition("receive", ServeInput), new QueueDefinition("transmit", ServeOutput)];
    }

    public override ushort DeviceId => 3;

    public override IReadOnlyList<QueueDefinition> Queues { get; }

    public override string HelpIfUnused =>
        "the guest never used its console: its kernel needs CONFIG_VIRTIO_CONSOLE, and console=hvc0 on its command line to print there";

    /// <summary>Only now does the guest get the keys; until here ^C ends the host in the usual way.</summary>
    public override void Start(ulong acceptedFeatures)
    {
        _batch.Clear();
        _terminal?.MakeRaw();
    }

    public override void Reset() => _terminal?.Restore();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _terminal?.Dispose();
            _output.Dispose();
            _input.Dispose();
        }

        base.Dispose(disposing);
    }

    private void ServeInput(IVirtqueue queue)
    {
        if (queue.Take() is not { } chain)
            return;

        if (chain.Readable.Length > 0)
            throw queue.Fault("a device-readable descriptor in the receive queue");

        // Without room for a byte the end of input could not be told from nothing read.
        if (chain.Writable.Length == 0)
        {
            chain.Complete(0);
            return;
        }

        ReadOnlySpan<byte> front = chain.Writable.Span;
        TransferResult result = Read(queue, chain.Writable);
        if (result.Bytes == 0)
            return;

        byte first = front[0];
        chain.Complete(result.Bytes);
        queue.Interrupt();
        if (_escape.Note(result.Bytes, first))
            _context.RequestStop("three ^C within a second");
    }

    /// <summary>Waits for input. No bytes mean that the device is to stop.</summary>
    private TransferResult Read(IVirtqueue queue, ChainWriter to)
    {
        while (!_inputEnded && queue.WaitReadable(_input))
        {
            TransferResult result = to.FillFrom(_input);
            if (result.Bytes > 0)
                return result;

            if (result.WouldBlock)
                continue;

            // A guest without a keyboard is of use: it goes on until it ends itself.
            _inputEnded = true;
            if (result.Succeeded)
                LogInputEnded(_context.Logger);
            else
                LogInputFailed(_context.Logger, result.ErrorText);
        }

        queue.Sleep(Timeout.InfiniteTimeSpan);
        return default;
    }

    private void ServeOutput(IVirtqueue queue)
    {
        DescriptorChain? chain = queue.Take();
        while (chain is not null)
        {
            if (chain.Writable.Length > 0)
                throw queue.Fault("a device-writable descriptor in the transmit queue");

            if (_batch.Add(chain))
            {
                chain = queue.TryTake();
                if (chain is not null && !_batch.IsFull)
                    continue;
            }

            if (!WriteBatch(queue))
                return;
        }
    }

    /// <summary>Writes all of it, however little is taken at a time.</summary>
    /// <returns>False when the device is to stop.</returns>
    private bool WriteBatch(IVirtqueue queue)
    {
        bool isStopping = false;
        bool mustWait = _output.MayBlock;
        while (!_batch.IsWritten)
        {
            if (mustWait && !queue.WaitWritable(_output.Handle))
            {
                isStopping = true;
                break;
            }

            TransferResult result = _batch.WriteTo(_output.Handle);
            mustWait = _output.MayBlock || result.WouldBlock;
            if (result.Bytes == 0 && !result.WouldBlock)
            {
                // Nobody reads any more, or the disk is full: the guest must not hang for that, so its output is lost.
                if (!_outputFailed)
                    LogOutputFailed(_context.Logger, result.ErrorText);

                _outputFailed = true;
                break;
            }
        }

        _context.GuestPrinted(_batch.Bytes, _outputFailed ? null : _output.Handle);
        if (isStopping)
            return false;

        _batch.Complete();
        return true;
    }

    [LoggerMessage(1, LogLevel.Information, "console input has ended; the guest goes on without")]
    private static partial void LogInputEnded(ILogger logger);

    [LoggerMessage(2, LogLevel.Warning, "console input cannot be read ({Reason}); the guest goes on without")]
    private static partial void LogInputFailed(ILogger logger, string reason);

    [LoggerMessage(3, LogLevel.Warning, "console output cannot be written ({Reason}); it is lost from here on")]
    private static partial void LogOutputFailed(ILogger logger, string reason);
}
