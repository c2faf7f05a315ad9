// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Logging;

/// <summary>
/// Writes each message as one line on stderr: what the user must know as <c>lguest: text</c>, what <c>--verbose</c> adds as
/// <c>category: text</c>. A line is one system call, so lines of several threads, and of the guest, never mix.
/// </summary>
internal sealed class StderrLoggerProvider(Stream output) : ILoggerProvider
{
    private readonly Lock _gate = new();

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    /// <summary>Writes a line as it is; for the last words of the program.</summary>
    public void WriteLine(string text) => Write(text.TrimEnd('\r', '\n').ReplaceLineEndings(" ") + '\n');

    /// <summary>Writes several lines as they are; for defects of ours.</summary>
    public void WriteLines(string text) => Write(text + '\n');

    private void Write(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        try
        {
            lock (_gate)
                output.Write(bytes);
        }
        catch (IOException)
        {
            // Nobody reads stderr any more; that is no reason to end the guest.
        }
    }

    public void Dispose()
    {
    }

    private sealed class Logger(StderrLoggerProvider owner, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var text = formatter(state, exception);
            if (exception is not null)
                text += $": {exception.Message}";
            owner.WriteLine($"{(logLevel >= LogLevel.Warning ? "lguest" : category)}: {text}");
        }
    }
}
