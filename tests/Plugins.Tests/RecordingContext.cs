// SPDX-License-Identifier: GPL-2.0-or-later
using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Plugins.Tests;

/// <summary>A host that notes what a device asks of it and says.</summary>
internal sealed class RecordingContext : IDeviceContext, ILogger
{
    public string Name { get; init; } = "test0";

    public ILogger Logger => this;

    public ConcurrentQueue<string> StopReasons { get; } = [];

    /// <summary>Warnings and errors.</summary>
    public ConcurrentQueue<string> Complaints { get; } = [];

    public ConcurrentQueue<string> Messages { get; } = [];

    public void RequestStop(string reason) => StopReasons.Enqueue(reason);

    public void ConfigChanged()
    {
    }

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        string text = formatter(state, exception);
        Messages.Enqueue(text);
        if (logLevel >= LogLevel.Warning)
            Complaints.Enqueue(text);
    }
}
