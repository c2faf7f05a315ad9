// SPDX-License-Identifier: GPL-2.0-or-later
using System.ComponentModel;

namespace LguestPlug.Host;

/// <summary>Tells exceptions that are the system's saying that it has nothing more to give from defects of ours.</summary>
internal static class Shortage
{
    private const int Eagain = 11;
    private const int Enomem = 12;
    private const int Enfile = 23;
    private const int Emfile = 24;

    /// <returns>What to tell the user; null if it is none.</returns>
    public static string? In(Exception e) => e switch
    {
        InsufficientMemoryException => e.Message,
        OutOfMemoryException => "the system gives lguest no more memory or threads (ulimit -a shows its limits)",
        Win32Exception { NativeErrorCode: Eagain or Enomem or Enfile or Emfile } => $"the system gives lguest no more: {e.Message} (ulimit -a shows its limits)",
        { InnerException: { } inner } => In(inner),
        _ => null,
    };
}
