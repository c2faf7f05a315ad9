// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Host.Running;

/// <summary>
/// Turns SIGINT, SIGTERM and SIGHUP into an orderly stop. The second signal ends the process at once. SIGXFSZ, which would end
/// it for a file that may not grow, is not heeded: the write that met the limit fails.
/// </summary>
internal sealed class HostSignals : IDisposable
{
    private const PosixSignal FileSizeExceeded = (PosixSignal)25; // SIGXFSZ
    private readonly StopRequests _stop;
    private readonly List<PosixSignalRegistration> _registrations = [];
    private int _received;

    public HostSignals(StopRequests stop)
    {
        _stop = stop;
        try
        {
            RegisterAll();
        }
        catch (TypeInitializationException e)
        {
            // The runtime waits for signals on a thread of its own, made with the first registration.
            throw new HostException("no thread for signals: the system gives no more of them", inner: e);
        }
    }

    private void RegisterAll()
    {
        Register(PosixSignal.SIGINT, "SIGINT", ExitCode.Interrupted);
        Register(PosixSignal.SIGTERM, "SIGTERM", ExitCode.Terminated);
        Register(PosixSignal.SIGHUP, "SIGHUP", ExitCode.Hangup);
        _registrations.Add(PosixSignalRegistration.Create(FileSizeExceeded, context => context.Cancel = true));
    }

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
    }

    private void Register(PosixSignal signal, string name, int exitCode) =>
        _registrations.Add(PosixSignalRegistration.Create(signal, context =>
        {
            if (Interlocked.Increment(ref _received) > 1)
                return;
            context.Cancel = true;
            _stop.Stop(new($"stopped by {name}", exitCode));
        }));
}
