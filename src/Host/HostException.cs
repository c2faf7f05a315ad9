// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host;

/// <summary>A mistake or failure that one line explains; it ends the program with that line and nothing else.</summary>
internal class HostException(string message, int exitCode = ExitCode.HostError, Exception? inner = null)
    : Exception(message, inner)
{
    public int ExitCode { get; } = exitCode;
}

/// <summary>The command line is wrong.</summary>
internal sealed class UsageException(string message) : HostException(message, Host.ExitCode.Usage);
