// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Lguest;

/// <summary>
/// Decides whether the thread of a guest that halts looks out for an interrupt for a while before it falls asleep. To fall asleep
/// and be woken takes some 50 µs, and a processor that slept has lost its caches; a device that was just notified often answers sooner
/// than that. Only then is it worth a look, so a guest at rest, which notifies nobody, never keeps a processor busy.
/// </summary>
/// <param name="processors">How many there are: with one, whoever is to answer could not run in the meantime.</param>
internal sealed class HaltPolling(int processors)
{
    /// <summary>How long to look out at most, in nanoseconds.</summary>
    public const long Window = 200_000;

    // Whoever slept was woken late.
    private const long Soon = Window + 100_000;

    // A console's output or the last of a transfer are notified, too, and bring no answer: one such halt between two others that
    // are worth a look changes nothing, several in a row do.
    private const int Most = 3;

    private int _confidence = Most;

    /// <summary>Times that it was worth the look.</summary>
    public long Successes { get; private set; }

    /// <summary>Whether to look out before this halt's sleep, if it follows upon a notification.</summary>
    public bool IsWorthwhile => _confidence > 0 && processors > 1;

    /// <summary>Tells how a halt that followed upon a notification ended.</summary>
    /// <param name="nanoseconds">How long it was.</param>
    /// <param name="slept">The guest's thread fell asleep.</param>
    public void Learn(long nanoseconds, bool slept)
    {
        if (!slept)
        {
            Successes++;
        }

        _confidence = nanoseconds < Soon ? Math.Min(_confidence + 1, Most) : Math.Max(_confidence - 1, 0);
    }
}
