// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Testing;

/// <summary>A host that notes what a device asks of it and says.</summary>
public sealed class TestDeviceContext : IDeviceContext
{
    private readonly ConcurrentQueue<LogEntry> _log = [];
    private readonly ConcurrentQueue<string> _stopRequests = [];
    private readonly ConcurrentQueue<PrintedText> _printed = [];
    private readonly NotingLogger _logger;

    /// <summary>A host for one device.</summary>
    /// <param name="name">The device's name.</param>
    public TestDeviceContext(string name = "test0")
    {
        Name = name;
        _logger = new NotingLogger(_log);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public ILogger Logger => _logger;

    /// <summary>What the device has logged so far, of every level.</summary>
    public IReadOnlyList<LogEntry> Log => [.. _log];

    /// <summary>Its messages of level Warning and above: what a user sees even of a quiet host.</summary>
    public IReadOnlyList<string> Warnings => [.. _log.Where(entry => entry.Level >= LogLevel.Warning).Select(entry => entry.Message)];

    /// <summary>The reasons for which the device asked the host to stop, in order.</summary>
    public IReadOnlyList<string> StopRequests => [.. _stopRequests];

    /// <summary>What the device said that the guest has printed, in order.</summary>
    public IReadOnlyList<PrintedText> Printed => [.. _printed];

    internal event Action? Changed;

    /// <inheritdoc/>
    public void RequestStop(string reason) => _stopRequests.Enqueue(reason);

    /// <inheritdoc/>
    public void ConfigChanged() => Changed?.Invoke();

    /// <inheritdoc/>
    public void GuestPrinted(ReadOnlySpan<byte> text, SafeHandle? writtenTo) => _printed.Enqueue(new PrintedText(Encoding.UTF8.GetString(text), writtenTo));

    private sealed class NotingLogger(ConcurrentQueue<LogEntry> log) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            log.Enqueue(new LogEntry(logLevel, formatter(state, exception)));
    }
}

/// <summary>What a guest has printed.</summary>
/// <param name="Text">The text, taken for UTF-8.</param>
/// <param name="WrittenTo">Where the device has written it; null if nowhere.</param>
public readonly record struct PrintedText(string Text, SafeHandle? WrittenTo);

/// <summary>A message of a device.</summary>
/// <param name="Level">How serious it is.</param>
/// <param name="Message">The text, with its values filled in.</param>
public readonly record struct LogEntry(LogLevel Level, string Message);
