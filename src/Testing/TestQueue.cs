// SPDX-License-Identifier: MIT
using LguestPlug.Virtio;

namespace LguestPlug.Testing;

/// <summary>The driver's side of one queue. Used by the test's thread only.</summary>
/// <remarks>
/// Every method throws a <see cref="DeviceTestException"/> as soon as the device is known to have broken a rule, whatever the
/// method is for; so does a wait that outlasts <see cref="TestDriver.Patience"/>, or a device that stops meanwhile.
/// </remarks>
public sealed class TestQueue
{
    private readonly TestDriver _driver;
    private readonly int _index;
    private readonly Vring _ring;
    private readonly Dictionary<int, Submission> _inFlight = [];
    private readonly List<Completion> _completions = [];
    private DriverRing _driverRing;
    private IReadOnlyList<GuestBuffer> _open = [];
    private bool _isTakenOver;
    private int _interrupts;
    private int _interruptsWaitedFor;
    private int _submissions;

    internal TestQueue(TestDriver driver, int index, QueueDefinition definition, Vring ring)
    {
        _driver = driver;
        _index = index;
        _ring = ring;
        Name = definition.Name;
        _driverRing = NewDriverRing();
    }

    /// <summary>The queue's name, from its <see cref="QueueDefinition"/>.</summary>
    public string Name { get; }

    /// <summary>Number of ring entries.</summary>
    public int Size => _ring.Size;

    /// <summary>Chains submitted whose completion was not returned by a wait yet.</summary>
    public int InFlight => _inFlight.Count + _completions.Count;

    /// <summary>Kicks made so far: fewer than submissions when the device asked for none.</summary>
    public int Kicks { get; private set; }

    /// <summary>True when the device asks to be kicked: it is about to sleep, or sleeps, or has not started.</summary>
    public bool WantsKicks => _driverRing.WantsKick;

    /// <summary>Interrupts raised so far.</summary>
    public int Interrupts => Volatile.Read(ref _interrupts);

    /// <summary>Whether the driver wants interrupts, as at first. Off, the device must raise none.</summary>
    public bool WantsInterrupts
    {
        get => (_driverRing.AvailableFlags & 1) == 0;
        set => _driverRing.AvailableFlags = value ? (ushort)0 : (ushort)1;
    }

    internal IEnumerable<GuestBuffer> WritableNow => _inFlight.Values.SelectMany(s => s.Writable).Append(_driverRing.UsedRing).Concat(_open);

    /// <summary>Submits a chain, kicks, and waits until the device hands this very chain back.</summary>
    /// <returns>What came of it.</returns>
    public Completion Send(Chain chain)
    {
        Submission submission = SubmitAll([chain])[0];
        return Wait(() => Collected(c => c == submission.Completion), $"did not hand back the chain that {chain}");
    }

    /// <summary>Submits chains, visible to the device all at once, and kicks if the device wants to be. Allowed before the start, too.</summary>
    /// <exception cref="InvalidOperationException">A chain is empty, or has more segments than the ring entries, or there are too few free descriptors.</exception>
    public void Submit(params ReadOnlySpan<Chain> chains) => SubmitAll(chains);

    /// <summary>Waits for the next completion, in the order in which the device hands chains back.</summary>
    public Completion WaitForCompletion() => Wait(() => Collected(_ => true), "handed no chain back");

    /// <summary>Waits for the completion of a chain; others stay to be waited for.</summary>
    /// <param name="chain">A chain in flight. Submitted more than once, whichever comes first.</param>
    public Completion WaitForCompletion(Chain chain) => Wait(() => Collected(c => c.Chain == chain), $"did not hand back the chain that {chain}");

    /// <summary>Waits until every chain in flight is completed.</summary>
    /// <returns>Their completions, in the order in which the device handed them back.</returns>
    public IReadOnlyList<Completion> WaitForAll()
    {
        var all = new List<Completion>();
        while (InFlight > 0)
            all.Add(WaitForCompletion());

        return all;
    }

    /// <summary>The next completion if there is one now, else null.</summary>
    public Completion? TryGetCompletion()
    {
        _driver.ThrowIfViolated();
        return Collected(_ => true);
    }

    /// <summary>Waits for an interrupt that was not waited for before.</summary>
    public void WaitForInterrupt()
    {
        _driver.WaitUntil(() => Interrupts > _interruptsWaitedFor, $"queue {Name}: the device raised no interrupt", Situation);
        _interruptsWaitedFor++;
    }

    /// <summary>
    /// Waits until the device has handed back all there is and its service waits in Take. An interrupt it owes may come a moment
    /// later.
    /// </summary>
    public void WaitUntilIdle() => _driver.WaitUntil(
        () => _driverRing.UsedIndex == _driverRing.AvailableIndex && WantsKicks && _driver.Activity(_index) == CheckedQueue.WaitsInTake, $"queue {Name}: the device did not become idle", Situation);

    /// <summary>Kicks, whether or not the device wants it.</summary>
    public void Kick()
    {
        Kicks++;
        _driver.Runner.Kick(_index);
    }

    /// <summary>
    /// Gives the ring's own fields, to break rules with. From here to the next <see cref="TestDriver.Reset"/> guest memory is not
    /// checked, since only the test knows what the device may write, and chains published by hand do not show as completions.
    /// </summary>
    public RawRing TakeOver()
    {
        _driver.StopWatchingMemory();
        _isTakenOver = true;
        return _driverRing;
    }

    /// <summary>
    /// As <see cref="TakeOver()"/>, but guest memory goes on being checked: the device may write the used ring and what the test
    /// names here, and nothing else. Of what it writes there nothing is known.
    /// </summary>
    /// <param name="open">Where the device may write; looked at whenever memory is checked, so that a list may still grow.</param>
    public RawRing TakeOver(IReadOnlyList<GuestBuffer> open)
    {
        ArgumentNullException.ThrowIfNull(open);
        _isTakenOver = true;
        _open = open;
        return _driverRing;
    }

    /// <summary>Breaks the ring in one of the ways a hostile driver can, and kicks. Expect <see cref="TestDriver.WaitForFault"/>.</summary>
    /// <param name="defect">How. As after <see cref="TakeOver()"/>, memory is not checked until the next reset.</param>
    public void Inject(RingDefect defect)
    {
        if (_driverRing.FreeDescriptors == 0)
            throw new InvalidOperationException($"queue {Name} has no free descriptor: wait for chains that are in flight");

        RawRing raw = TakeOver();
        GuestBuffer buffer = _driver.Allocate(8 * Descriptor.Size);
        var plain = new Descriptor(buffer.Address, 16);
        int[] own = _driverRing.Spend(Math.Min(2, _driverRing.FreeDescriptors));
        int head = own[0];
        ushort other = (ushort)own[^1];
        switch (defect)
        {
            case RingDefect.HeadOutsideTable:
                head = Size;
                break;
            case RingDefect.NextOutsideTable:
                raw.SetDescriptor(head, plain with { Flags = Descriptor.HasNext, Next = (ushort)Size });
                break;
            case RingDefect.Loop:
                raw.SetDescriptor(head, plain with { Flags = Descriptor.HasNext, Next = other });
                raw.SetDescriptor(other, plain with { Flags = Descriptor.HasNext, Next = (ushort)head });
                break;
            case RingDefect.BufferOutsideMemory:
                raw.SetDescriptor(head, plain with { Address = _driver.MemorySize - 8 });
                break;
            case RingDefect.BufferWrapsAround:
                raw.SetDescriptor(head, plain with { Address = ulong.MaxValue - 7 });
                break;
            case RingDefect.ReadableBehindWritable:
                raw.WriteDescriptor(buffer.Address, plain with { Flags = Descriptor.Write | Descriptor.HasNext, Next = 1 });
                raw.WriteDescriptor(buffer.Address + Descriptor.Size, plain);
                raw.SetDescriptor(head, new Descriptor(buffer.Address, 2 * Descriptor.Size, Descriptor.Indirect));
                break;
            case RingDefect.IndexTooFarAhead:
                raw.AvailableIndex += (ushort)(Size + 1);
                Kick();
                return;
            case RingDefect.IndirectTableOutsideMemory:
                raw.SetDescriptor(head, new Descriptor(_driver.MemorySize - Descriptor.Size, 2 * Descriptor.Size, Descriptor.Indirect));
                break;
            case RingDefect.IndirectTableOfOddLength:
                raw.SetDescriptor(head, new Descriptor(buffer.Address, Descriptor.Size + 1, Descriptor.Indirect));
                break;
            case RingDefect.IndirectTableEmpty:
                raw.SetDescriptor(head, new Descriptor(buffer.Address, 0, Descriptor.Indirect));
                break;
            case RingDefect.IndirectTableInTable:
                raw.WriteDescriptor(buffer.Address, new Descriptor(buffer.Address, Descriptor.Size, Descriptor.Indirect));
                raw.SetDescriptor(head, new Descriptor(buffer.Address, Descriptor.Size, Descriptor.Indirect));
                break;
            case RingDefect.IndirectTableWithNext:
                raw.WriteDescriptor(buffer.Address, plain);
                raw.SetDescriptor(head, new Descriptor(buffer.Address, Descriptor.Size, Descriptor.Indirect | Descriptor.HasNext, other));
                break;
            case RingDefect.IndirectTableLoop:
                raw.WriteDescriptor(buffer.Address, plain with { Flags = Descriptor.HasNext, Next = 0 });
                raw.SetDescriptor(head, new Descriptor(buffer.Address, Descriptor.Size, Descriptor.Indirect));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(defect));
        }

        raw.Publish(head);
        Kick();
    }

    internal void RaiseInterrupt() => Interlocked.Increment(ref _interrupts);

    /// <summary>The device is reset and gives nothing back any more.</summary>
    internal void Clear()
    {
        _ring.Clear();
        _inFlight.Clear();
        _completions.Clear();
        _open = [];
        _isTakenOver = false;
        _driverRing = NewDriverRing();
    }

    /// <summary>What an address of the ring belongs to.</summary>
    internal string? Describe(ulong address)
    {
        ulong available = _ring.Address + (Descriptor.Size * (ulong)Size);
        if (address < _ring.Address || address >= _driverRing.UsedRing.End)
            return null;

        return address < available
            ? $"in descriptor {(address - _ring.Address) / Descriptor.Size} of queue {Name}"
            : address < _driverRing.UsedRing.Address ? $"in or behind the available ring of queue {Name}" : $"in the used ring of queue {Name}";
    }

    private DriverRing NewDriverRing() => new(_driver.Memory.Memory, _ring) { Wrote = _driver.Memory.Accept };

    private List<Submission> SubmitAll(ReadOnlySpan<Chain> chains)
    {
        _driver.ThrowIfViolated();
        var submissions = new List<Submission>(chains.Length);
        foreach (Chain chain in chains)
            submissions.Add(Place(chain));

        _driverRing.Publish([.. submissions.Select(s => s.Head)]);
        if (WantsKicks)
            Kick();

        return submissions;
    }

    private Submission Place(Chain chain)
    {
        int count = chain.SegmentCount;
        if (count == 0)
            throw new InvalidOperationException("a chain has at least one segment");

        if (count > Size)
            throw new InvalidOperationException($"a chain of {count} segments; queue {Name} allows {Size}");

        int needed = chain.IsIndirect ? 1 : count;
        if (needed > _driverRing.FreeDescriptors)
            throw new InvalidOperationException($"queue {Name} has {_driverRing.FreeDescriptors} free descriptors; the chain needs {needed}: wait for some that are in flight");

        var submission = new Submission(chain, ++_submissions);
        foreach (Chain.Part part in chain.Parts)
        {
            string what = $"a {(part.IsWritable ? "writable" : "readable")} segment of {{0}} bytes, submission {submission.Number} of queue {Name}";
            foreach ((int offset, int length) in part.Pieces)
            {
                GuestBuffer piece = part.Buffer?.Slice(offset, length) ?? Borrow(submission, length, what.Replace("{0}", $"{length}", StringComparison.Ordinal));
                if (part.Content is not null)
                    _driver.Memory.Write(piece, part.Content.AsSpan(offset, length));
                else if (part.Buffer is null)
                    _driver.Memory.FillWithPattern(piece);

                (part.IsWritable ? submission.Writable : submission.Readable).Add(piece);
                if (part.IsWritable)
                    submission.Patterned.Add(part.Content is null && part.Buffer is null);
            }
        }

        if (chain.IsIndirect)
            submission.Table = Borrow(submission, count * Descriptor.Size, $"the indirect table of submission {submission.Number} of queue {Name}");

        submission.Head = _driverRing.Build(submission.Readable, submission.Writable, submission.Table?.Address);
        _inFlight.Add(submission.Head, submission);
        return submission;
    }

    private GuestBuffer Borrow(Submission submission, int length, string what)
    {
        GuestBuffer buffer = _driver.Borrow(length, what);
        submission.Borrowed.Add(buffer);
        return buffer;
    }

    /// <summary>Takes in what the device has handed back, and gives the first that fits.</summary>
    private Completion? Collected(Func<Completion, bool> fits)
    {
        CollectAll();
        int found = _completions.FindIndex(c => fits(c));
        if (found < 0)
            return null;

        Completion completion = _completions[found];
        _completions.RemoveAt(found);
        return completion;
    }

    private void CollectAll()
    {
        while (true)
        {
            (int Head, uint Length) used;
            try
            {
                if (_driverRing.Collect() is not { } next)
                    break;

                used = next;
            }
            catch (DeviceTestException e)
            {
                if (_isTakenOver)
                    continue;

                _driver.Violated($"queue {Name}: {e.Message}");
                break;
            }

            Finish(_inFlight[used.Head], used.Length);
        }

        _driver.ThrowIfViolated();
    }

    private void Finish(Submission submission, uint used)
    {
        if (used > submission.Chain.WritableLength)
        {
            _driver.Violated($"queue {Name}: the chain that {submission.Chain} came back with a used length of {used}, but it has {submission.Chain.WritableLength} writable bytes");
            used = 0;
        }

        _driver.CheckMemory([.. submission.Writable, .. submission.Readable, .. submission.Table is { } table ? [table] : Array.Empty<GuestBuffer>()]);
        byte[] writable = new byte[submission.Chain.WritableLength];
        long at = 0;
        for (int i = 0; i < submission.Writable.Count; i++)
        {
            GuestBuffer piece = submission.Writable[i];
            Span<byte> content = writable.AsSpan((int)at, piece.Length);
            _driver.Memory.Memory.Slice(piece.Address, piece.Length).CopyTo(content);
            if (submission.Patterned[i])
                CheckWritten(submission, content, at, used, _driver.Memory.Known(piece));

            at += piece.Length;
        }

        _inFlight.Remove(submission.Head);
        foreach (GuestBuffer piece in submission.Writable)
            _driver.Memory.Accept(piece);

        foreach (GuestBuffer piece in submission.Borrowed)
            _driver.Memory.Release(piece);

        submission.Completion = new Completion(submission.Chain, submission.Head, used, writable);
        _completions.Add(submission.Completion);
    }

    /// <summary>A used length covers bytes that were written (virtio 1.2, section 2.7.8.2): eight of the pattern are no accident.</summary>
    private void CheckWritten(Submission submission, ReadOnlySpan<byte> content, long offset, uint used, ReadOnlySpan<byte> pattern)
    {
        int claimed = (int)Math.Clamp(used - offset, 0, content.Length);
        int same = 0;
        for (int i = 0; i < claimed; i++)
        {
            same = content[i] == pattern[i] ? same + 1 : 0;
            if (same < 8)
                continue;

            _driver.Violated($"queue {Name}: the chain that {submission.Chain} came back with a used length of {used}, but the device never wrote byte {offset + i - 7} and those behind it");
            return;
        }
    }

    private Completion Wait(Func<Completion?> look, string otherwise)
    {
        Completion? found = null;
        _driver.WaitUntil(() => (found = look()) is not null, $"queue {Name}: the device {otherwise}", Situation);
        return found!;
    }

    private string Situation() =>
        $"{_inFlight.Count} chain{(_inFlight.Count == 1 ? "" : "s")} in flight{(_inFlight.Count > 0 ? $" (the oldest {_inFlight.Values.MinBy(s => s.Number)!.Chain})" : "")}, the service {_driver.Activity(_index)}";

    private sealed class Submission(Chain chain, int number)
    {
        internal Chain Chain { get; } = chain;

        internal int Number { get; } = number;

        internal int Head { get; set; }

        internal List<GuestBuffer> Readable { get; } = [];

        internal List<GuestBuffer> Writable { get; } = [];

        /// <summary>Of each writable piece, whether it was filled with a pattern.</summary>
        internal List<bool> Patterned { get; } = [];

        internal GuestBuffer? Table { get; set; }

        internal List<GuestBuffer> Borrowed { get; } = [];

        internal Completion? Completion { get; set; }
    }
}
