// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Host.Engines;

/// <summary>
/// Gets a thread out of a system call that only a signal ends. The runtime installs its own handlers such that calls are
/// restarted, so a signal of our own is used, whose handler is a function of the C library that does nothing: no
/// managed code ever runs in a signal handler.
/// </summary>
internal sealed partial class ThreadInterrupter
{
    // A real-time signal far from those of glibc (32, 33) and of the runtime (the first free one).
    private const int Signal = 58;
    private static readonly Lazy<bool> s_installed = new(Install);
    private readonly Lock _gate = new();
    private nint _thread;

    // At once: the handler is looked up in the C library, which may be out of reach by the time the guest runs.
    public ThreadInterrupter() => _ = s_installed.Value;

    /// <summary>Between this and the disposal, <see cref="Interrupt"/> reaches the calling thread.</summary>
    public Scope Enter()
    {
        lock (_gate)
            _thread = pthread_self();
        return new(this);
    }

    /// <summary>
    /// Interrupts the thread's system calls until it has left, or <paramref name="heeded"/>. Once is not enough: the signal
    /// may arrive just before the call.
    /// </summary>
    public void Interrupt(Func<bool> heeded)
    {
        while (!heeded())
        {
            lock (_gate)
            {
                if (_thread == 0 || _thread == pthread_self())
                    return;
                // Its result does not matter: inside the scope the thread exists.
                _ = pthread_kill(_thread, Signal);
            }
            Thread.Sleep(1);
        }
    }

    private static bool Install()
    {
        var doesNothing = NativeLibrary.GetExport(NativeLibrary.Load("libc", typeof(ThreadInterrupter).Assembly, null), "abs");
        signal(Signal, doesNothing);
        return siginterrupt(Signal, 1) == 0;
    }

    internal readonly ref struct Scope(ThreadInterrupter owner)
    {
        public void Dispose()
        {
            lock (owner._gate)
                owner._thread = 0;
        }
    }

    [LibraryImport("libc")]
    private static partial nint pthread_self();

    [LibraryImport("libc")]
    private static partial int pthread_kill(nint thread, int signal);

    [LibraryImport("libc")]
    private static partial nint signal(int signal, nint handler);

    [LibraryImport("libc")]
    private static partial int siginterrupt(int signal, int flag);
}
