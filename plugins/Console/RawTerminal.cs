// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using Tmds.Linux;
using static Tmds.Linux.LibC;

namespace LguestPlug.Console;

/// <summary>
/// A terminal that can be told to pass every key on as it is pressed, and that is put back as it was on every way out of the
/// process, an unhandled exception included. Only line editing, echo and the signal keys are switched off: output keeps its
/// line endings.
/// </summary>
internal sealed unsafe class RawTerminal : IDisposable
{
    private readonly SafeHandle _terminal;
    private readonly Lock _lock = new();
    private readonly PosixSignalRegistration _continued;
    private termios _original;
    private bool _isRaw;

    private RawTerminal(SafeHandle terminal)
    {
        _terminal = terminal;
        AppDomain.CurrentDomain.ProcessExit += OnExit;
        AppDomain.CurrentDomain.UnhandledException += OnExit;

        // A shell that had stopped us has used the terminal in its own way meanwhile.
        _continued = PosixSignalRegistration.Create(PosixSignal.SIGCONT, _ => ApplyAgain());
    }

    /// <summary>The terminal behind a descriptor, or null when there is none.</summary>
    internal static RawTerminal? For(SafeHandle descriptor) =>
        isatty((int)descriptor.DangerousGetHandle()) == 1 ? new RawTerminal(descriptor) : null;

    /// <summary>Makes the terminal raw. In the background it is left alone: the system would stop us for touching it.</summary>
    internal void MakeRaw()
    {
        lock (_lock)
        {
            if (_isRaw || !IsInForeground)
                return;

            termios settings;
            if (tcgetattr(Descriptor, &settings) != 0)
                return;

            _original = settings;
            _isRaw = Apply(settings);
        }
    }

    /// <summary>Puts the terminal back as it was.</summary>
    internal void Restore()
    {
        lock (_lock)
        {
            if (!_isRaw)
                return;

            termios settings = _original;
            _ = tcsetattr(Descriptor, (int)TCSANOW, &settings);
            _isRaw = false;
        }
    }

    public void Dispose()
    {
        Restore();
        _continued.Dispose();
        AppDomain.CurrentDomain.ProcessExit -= OnExit;
        AppDomain.CurrentDomain.UnhandledException -= OnExit;
    }

    private int Descriptor => (int)_terminal.DangerousGetHandle();

    /// <summary>True also for a terminal that is not this session's: nobody stops us there.</summary>
    private bool IsInForeground
    {
        get
        {
            int group = (int)tcgetpgrp(Descriptor);
            return group < 0 || group == (int)getpgrp();
        }
    }

    private bool Apply(termios settings)
    {
        settings.c_lflag &= ~(ISIG | ICANON | ECHO);
        return tcsetattr(Descriptor, (int)TCSANOW, &settings) == 0;
    }

    private void ApplyAgain()
    {
        lock (_lock)
        {
            if (_isRaw && IsInForeground)
                Apply(_original);
        }
    }

    private void OnExit(object? sender, EventArgs e) => Restore();
}
