// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Console;

/// <summary>
/// Recognises three ^C in quick succession, the one way out of a raw terminal. Each must come by itself: pasted text with such
/// bytes in it is not a person at the keys.
/// </summary>
internal sealed class EscapeKey(TimeProvider clock)
{
    private const byte ControlC = 3;
    private const int Presses = 3;
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(1.5);

    private readonly long[] _times = new long[Presses];
    private int _count;

    /// <summary>Notes what one read from the terminal gave.</summary>
    /// <param name="bytes">The number of bytes.</param>
    /// <param name="first">The first of them.</param>
    /// <returns>True when this was the third ^C within about a second.</returns>
    internal bool Note(long bytes, byte first)
    {
        if (bytes != 1 || first != ControlC)
        {
            _count = 0;
            return false;
        }

        long now = clock.GetTimestamp();
        _times[_count++ % Presses] = now;
        if (_count < Presses || clock.GetElapsedTime(_times[_count % Presses], now) > Window)
            return false;

        _count = 0;
        return true;
    }
}
