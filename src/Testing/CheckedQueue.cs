// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace LguestPlug.Testing;

/// <summary>A queue as its service sees it from one start to the next reset, with the contract's rules checked.</summary>
internal sealed class CheckedQueue : IVirtqueue
{
    internal const string WaitsInTake = $"waits in {nameof(Take)}";
    private readonly IVirtqueue _inner;
    private readonly Violations _violations;
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly HashSet<CheckedChain> _inHand = [];
    private DeviceFaultException? _fault;
    private Exception? _refusal;
    private bool _toldToStop;
    private volatile bool _retired;
    private volatile string _activity = "works";

    internal CheckedQueue(IVirtqueue inner, Violations violations)
    {
        _inner = inner;
        _violations = violations;
    }

    public string Name => _inner.Name;

    public int Size => _inner.Size;

    public ulong AcceptedFeatures => _inner.AcceptedFeatures;

    public CancellationToken Stopping => _inner.Stopping;

    /// <summary>What the service does now, for messages.</summary>
    internal string Activity => _activity;

    public DescriptorChain? Take() => TakeBy(_inner.Take, nameof(Take));

    public DescriptorChain? TryTake() => TakeBy(_inner.TryTake, nameof(TryTake));

    public void Interrupt()
    {
        Check(nameof(Interrupt));
        _inner.Interrupt();
    }

    public bool WaitReadable(SafeHandle descriptor) => Wait(() => _inner.WaitReadable(descriptor), nameof(WaitReadable));

    public bool WaitWritable(SafeHandle descriptor) => Wait(() => _inner.WaitWritable(descriptor), nameof(WaitWritable));

    public bool Sleep(TimeSpan duration) => Wait(() => _inner.Sleep(duration), nameof(Sleep));

    public DeviceFaultException Fault(string reason)
    {
        Check(nameof(Fault));
        if (string.IsNullOrWhiteSpace(reason) || reason.Contains('\n', StringComparison.Ordinal) || reason.EndsWith('.'))
            Violated($"faults its driver for '{reason}'; expected one line without a full stop");

        return _fault = _inner.Fault(reason);
    }

    /// <summary>The device was reset: whatever was taken from this queue is no longer the device's.</summary>
    internal void Retire() => _retired = true;

    internal void ServiceReturned()
    {
        _activity = "returned";
        CheckFaultPassed();
        if (_inHand.Count > 0 && !_toldToStop && !Stopping.IsCancellationRequested)
            Violated($"the service returned without completing {string.Join(" and ", _inHand.Select(c => c.ToString()).Order())}");
    }

    internal void Completed(CheckedChain chain) => _inHand.Remove(chain);

    /// <summary>Refuses what is not allowed now.</summary>
    internal void Check(string member)
    {
        if (_retired)
            throw Refused($"{member} after the device was reset: it kept something it had to forget");

        if (Environment.CurrentManagedThreadId != _thread)
            throw Refused($"{member} on a thread that is not the queue's own");
    }

    /// <summary>Notes what the device did wrong, and makes the exception it gets for that.</summary>
    internal InvalidOperationException Refused(string what)
    {
        Violated(what);
        return Note(new InvalidOperationException($"queue {Name}: {what}"));
    }

    /// <summary>An exception that the device gets for something noted already.</summary>
    internal T Note<T>(T refusal)
        where T : Exception
    {
        Volatile.Write(ref _refusal, refusal);
        return refusal;
    }

    /// <summary>Whether an exception says no more than what is noted already.</summary>
    internal bool IsNoted(Exception e) => e.GetBaseException() == Volatile.Read(ref _refusal);

    internal void Violated(string what) => _violations.Add($"queue {Name}: {what}");

    private CheckedChain? TakeBy(Func<DescriptorChain?> take, string member)
    {
        Check(member);
        CheckFaultPassed();
        _activity = $"waits in {member}";
        try
        {
            if (take() is not { } inner)
            {
                _toldToStop |= member == nameof(Take);
                return null;
            }

            var chain = new CheckedChain(this, inner);
            _inHand.Add(chain);
            return chain;
        }
        catch (DeviceFaultException e)
        {
            _fault = e;
            throw;
        }
        finally
        {
            _activity = "works";
        }
    }

    private bool Wait(Func<bool> wait, string member)
    {
        Check(member);
        _activity = $"waits in {member}";
        bool goesOn = wait();
        _toldToStop |= !goesOn;
        _activity = "works";
        return goesOn;
    }

    private void CheckFaultPassed()
    {
        if (_fault is null)
            return;

        Violated($"the service went on after a fault, which had to leave it: {_fault.Reason}");
        _fault = null;
    }
}
