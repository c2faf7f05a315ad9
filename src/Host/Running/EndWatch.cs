// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Running;

/// <summary>
/// Sees to it that an end comes. The machine ends on the main thread, where plugins are called, too: one that does not come back
/// is named, and the process ends without it.
/// </summary>
/// <param name="tell">Writes a line for the user.</param>
internal sealed class EndWatch(Action<string> tell)
{
    // Longer than a runner waits for a queue, which says more.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(15);

    // When all has stopped, a disk may have much to write.
    private static readonly TimeSpan s_patienceForRelease = TimeSpan.FromSeconds(60);

    private readonly Lock _gate = new();
    private TaskCompletionSource? _over;

    /// <summary>Says who has the main thread; null if it cannot tell.</summary>
    public Func<string?> Culprit { get; set; } = () => null;

    /// <summary>The end has begun; of several times the first counts.</summary>
    /// <param name="reason">Why, for the user.</param>
    /// <param name="exitCode">What the process ends with if it has to be forced.</param>
    /// <param name="released">Whether all has stopped and is being released.</param>
    public void Begin(string reason, int exitCode, bool released = false)
    {
        lock (_gate)
        {
            if (_over is not null)
                return;
            var over = _over = new TaskCompletionSource();
            try
            {
                new Thread(() => Watch(over, released ? s_patienceForRelease : s_patience, reason, exitCode)) { IsBackground = true, Name = "end" }.Start();
            }
            catch (OutOfMemoryException)
            {
                // No more threads: it will have to do without.
            }
        }
    }

    /// <summary>It was not the end: the guest is started afresh.</summary>
    public void Cancel()
    {
        lock (_gate)
        {
            _over?.SetResult();
            _over = null;
        }
    }

    private void Watch(TaskCompletionSource over, TimeSpan patience, string reason, int exitCode)
    {
        if (over.Task.Wait(patience))
            return;
        tell($"lguest: {reason}; {Culprit() ?? "the end is held up"} for {patience.TotalSeconds} s");
        // Unlike a kill it lets the terminal be put back.
        Environment.Exit(exitCode);
    }
}
