// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Output;

/// <summary>Standard output or error cannot be written: its disk is full, say.</summary>
/// <param name="stream">Which of the two.</param>
/// <param name="reason">The system's words.</param>
internal sealed class OutputException(string stream, string reason) : IOException($"cannot write to {stream}: {reason}")
{
    public string Reason => reason;
}
