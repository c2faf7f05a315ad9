// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Lguest;

/// <summary>
/// Decides whether the thread of a guest that halts looks out for an interrupt for a while before it falls asleep. To fall asleep
/// and be woken takes tens of microseconds, and a device that was just notified often answers sooner than that; but where
/// processors are short, whoever is to answer may be waiting for this very one. So both ways are tried now and then, and the one
/// whose halts are shorter is gone. Only halts upon a notification count: a guest at rest, which notifies nobody, never keeps a
/// processor busy.
/// </summary>
/// <param name="processors">How many there are: with one, nobody could answer in the meantime.</param>
internal sealed class HaltPolling(int processors)
{
    /// <summary>How long to look out at most, in nanoseconds.</summary>
    public const long Window = 200_000;

    // What takes longer than this takes long either way.
    private const long Most = 2 * Window;

    // One in so many halts goes the other way.
    private const int TrialInterval = 16;

    // Averages count the last halt with one part in so many.
    private const int Memory = 8;

    private long _averagePolled, _averageSlept;
    private int _halts;

    /// <summary>Times that the answer came during the look.</summary>
    public long Successes { get; private set; }

    /// <summary>Whether looking out makes halts shorter by more than chance.</summary>
    private bool Pays => _averagePolled != 0 && _averagePolled + (_averagePolled / Memory) < _averageSlept;

    /// <summary>Whether to look out before this halt's sleep, if it follows upon a notification.</summary>
    public bool ShouldPoll() => processors > 1 && (++_halts % TrialInterval == 0) != Pays;

    /// <summary>Tells how a halt that followed upon a notification ended.</summary>
    /// <param name="nanoseconds">How long it was.</param>
    /// <param name="polled">Whether somebody looked out.</param>
    /// <param name="slept">Whether the guest's thread fell asleep.</param>
    public void Learn(long nanoseconds, bool polled, bool slept)
    {
        if (polled && !slept)
        {
            Successes++;
        }

        ref long average = ref polled ? ref _averagePolled : ref _averageSlept;
        long counted = Math.Clamp(nanoseconds, 1, Most);
        average += average == 0 ? counted : (counted - average) / Memory;
    }
}
