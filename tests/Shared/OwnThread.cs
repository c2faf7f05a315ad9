// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.ExceptionServices;

namespace LguestPlug.Tests;

/// <summary>A thread that a test has to itself, and with it what a system call changes for one thread only: namespaces.</summary>
internal static class OwnThread
{
    /// <summary>Runs the test there; what it throws is thrown here, a skip too.</summary>
    internal static void Run(Action test)
    {
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                test();
            }
#pragma warning disable CA1031 // It goes on to the test's own thread.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }
}
