// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static Tmds.Linux.LibC;

namespace LguestPlug.Virtio;

/// <summary>
/// The device side of a split virtqueue (virtio 1.2, section 2.7; virtio 0.9.5, section 2.3).
/// </summary>
/// <remarks>
/// The ring is the guest's to write at any moment: every value is read once, checked, and the checked copy is used. What cannot
/// be obeyed is a <see cref="DeviceFaultException"/> that names the entry and the rule. Indirect tables are followed whether or
/// not the driver accepted them, as the C launcher does. All members belong to the queue's thread.
/// </remarks>
public sealed unsafe class Virtqueue : IVirtqueue
{
    private const ushort NoInterrupt = 1;
    private const ushort NoNotify = 1;
    private const int FlagsField = 0;
    private const int IndexField = 1;
    private const int EntriesField = 2;

    private readonly GuestMemory _memory;
    private readonly VirtqueueState _state;
    private readonly QueueSignals _signals;
    private readonly Action _raiseInterrupt;
    private readonly GuestChain[] _idle;
    private readonly byte* _descriptors;
    private readonly ushort* _available;
    private readonly ushort* _used;
    private readonly int _size;
    private readonly int _mask;
    private int _idleCount;
    private int _inHand;
    private int _lastHead;

    /// <summary>A queue over a ring.</summary>
    /// <param name="name">The queue's name for faults.</param>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="ring">The ring in it.</param>
    /// <param name="state">The indices; a new one for a ring that was just reset.</param>
    /// <param name="signals">What wakes the queue.</param>
    /// <param name="raiseInterrupt">Interrupts the driver for this queue; called on the queue's thread.</param>
    /// <param name="acceptedFeatures">The features the driver accepted.</param>
    /// <param name="stopping">Cancelled when the device is to stop, beside <paramref name="signals"/>.</param>
    public Virtqueue(
        string name,
        GuestMemory memory,
        Vring ring,
        VirtqueueState state,
        QueueSignals signals,
        Action raiseInterrupt,
        ulong acceptedFeatures = 0,
        CancellationToken stopping = default)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(ring);
        Name = name;
        AcceptedFeatures = acceptedFeatures;
        Stopping = stopping;
        _memory = memory;
        _state = state;
        _signals = signals;
        _raiseInterrupt = raiseInterrupt;
        _descriptors = ring.Descriptors;
        _available = ring.Available;
        _used = ring.Used;
        _size = ring.Size;
        _mask = ring.Size - 1;
        _idle = new GuestChain[ring.Size];
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Size => _size;

    /// <inheritdoc/>
    public ulong AcceptedFeatures { get; }

    /// <summary>True when chains were completed since the driver was last interrupted.</summary>
    public bool HasUnsignalledCompletions => _state.UnsignalledCompletions != 0;

    /// <inheritdoc/>
    public CancellationToken Stopping { get; }

    /// <summary>A chain was taken and not completed yet.</summary>
    public bool HasChainInHand => _inHand != 0;

    /// <inheritdoc/>
    public DescriptorChain? Take()
    {
        while (!_signals.IsStopping)
        {
            ushort available = Volatile.Read(ref _available[IndexField]);
            if (available != _state.NextAvailable)
                return TakeNext(available);

            Interrupt();

            // The driver may have added a chain and seen NO_NOTIFY just before it is cleared: look once more, after a full
            // barrier, so that either we see its index or it sees our flag.
            _used[FlagsField] = 0;
            Interlocked.MemoryBarrier();
            if (Volatile.Read(ref _available[IndexField]) == _state.NextAvailable)
                _signals.WaitForKick();

            _used[FlagsField] = NoNotify;
        }

        return null;
    }

    /// <inheritdoc/>
    public DescriptorChain? TryTake()
    {
        if (_signals.IsStopping)
            return null;

        ushort available = Volatile.Read(ref _available[IndexField]);
        return available == _state.NextAvailable ? null : TakeNext(available);
    }

    /// <inheritdoc/>
    public void Interrupt()
    {
        if (_state.UnsignalledCompletions == 0)
            return;

        _state.UnsignalledCompletions = 0;

        // The used index must be visible before the driver's flag is read: it may be asking for interrupts this very moment.
        Interlocked.MemoryBarrier();
        if ((Volatile.Read(ref _available[FlagsField]) & NoInterrupt) == 0)
            _raiseInterrupt();
    }

    /// <inheritdoc/>
    public bool WaitReadable(SafeHandle descriptor) => WaitFor(descriptor, POLLIN);

    /// <inheritdoc/>
    public bool WaitWritable(SafeHandle descriptor) => WaitFor(descriptor, POLLOUT);

    /// <inheritdoc/>
    public bool Sleep(TimeSpan duration)
    {
        Interrupt();
        _signals.Sleep(duration);
        return !_signals.IsStopping;
    }

    /// <inheritdoc/>
    public DeviceFaultException Fault(string reason) => FaultAt(HasChainInHand ? _lastHead : -1, reason);

    /// <summary>Puts a completed chain on the used ring.</summary>
    internal void Return(GuestChain chain, uint length)
    {
        ushort index = _state.NextUsed;
        uint* entry = (uint*)(_used + EntriesField) + (2 * (index & _mask));
        entry[0] = (uint)chain.Head;
        entry[1] = length;
        index++;
        _state.NextUsed = index;

        // Whoever keeps something derived from guest memory is told of what was written before the guest is.
        if (_memory.DeviceWrote is { } report)
            ReportWrites(report, chain.WritableBytes.Rewind(), (nint)entry);

        chain.Clear();
        _idle[_idleCount++] = chain;
        _inHand--;
        Volatile.Write(ref _used[IndexField], index);
        _state.UnsignalledCompletions++;
    }

    private void ReportWrites(Action<uint, uint> report, ReadOnlySpan<IoVector> pieces, nint usedEntry)
    {
        foreach (ref readonly IoVector piece in pieces)
            report((uint)(piece.Address - _memory.BaseAddress), (uint)piece.Length);

        report((uint)(usedEntry - _memory.BaseAddress), 2 * sizeof(uint));
    }

    private bool WaitFor(SafeHandle descriptor, int events)
    {
        if (HasUnsignalledCompletions)
        {
            // The driver hears of completions only if we are really going to sleep.
            if (_signals.Poll(descriptor, events, milliseconds: 0))
                return !_signals.IsStopping;

            Interrupt();
        }

        _signals.Poll(descriptor, events);
        return !_signals.IsStopping;
    }

    private GuestChain TakeNext(ushort available)
    {
        ushort next = _state.NextAvailable;
        if ((ushort)(available - next) > _size)
            throw IndexTooFar(next, available);

        int head = _available[EntriesField + (next & _mask)];
        if (head >= _size)
            throw NoSuchHead(next, head);

        if (_inHand == _size)
            throw TooManyInFlight(head);

        // The one completed last is the one the caches still hold.
        GuestChain chain = _idleCount > 0 ? _idle[--_idleCount] : new GuestChain(this);
        _state.NextAvailable = (ushort)(next + 1);
        Gather(chain, head);
        _lastHead = head;
        _inHand++;
        chain.Seal(head);
        return chain;
    }

    /// <summary>Follows the chain from <paramref name="head"/> and collects its pieces.</summary>
    private void Gather(GuestChain chain, int head)
    {
        ScatteredBytes readable = chain.ReadableBytes;
        ScatteredBytes writable = chain.WritableBytes;

        byte* table = _descriptors;
        int tableSize = _size;
        bool inIndirectTable = false;
        bool inWritablePart = false;
        int total = 0;
        int inThisTable = 0;
        ulong bytes = 0;
        int i = head;
        while (true)
        {
            // Two loads, each made once: the guest cannot change a field between its check and its use.
            ulong address = Unsafe.ReadUnaligned<ulong>(table + (Vring.DescriptorSize * i));
            ulong rest = Unsafe.ReadUnaligned<ulong>(table + (Vring.DescriptorSize * i) + sizeof(ulong));
            uint length = (uint)rest;
            var flags = (DescriptorFlags)(ushort)(rest >> 32);
            int next = (ushort)(rest >> 48);

            if (!_memory.TryGetPointer(address, length, out nint pointer))
                throw OutsideMemory(i, address, length);

            if ((flags & DescriptorFlags.Indirect) != 0)
            {
                if (inIndirectTable || (flags & DescriptorFlags.Next) != 0 || length == 0 || length % Vring.DescriptorSize != 0)
                    throw BadIndirect(i, inIndirectTable, flags, length);

                table = (byte*)pointer;
                tableSize = (int)(length / Vring.DescriptorSize);
                inIndirectTable = true;
                inThisTable = 0;
                i = 0;
                continue;
            }

            if (++total > _size || ++inThisTable > tableSize)
                throw TooLong(i, tableSize);

            bytes += length;
            if (bytes > uint.MaxValue)
                throw FaultAt(i, "a chain of 4 GiB or more");

            if ((flags & DescriptorFlags.Write) != 0)
            {
                inWritablePart = true;
                writable.Append(pointer, length);
            }
            else if (inWritablePart)
            {
                throw FaultAt(i, "a device-readable descriptor after a device-writable one");
            }
            else
            {
                readable.Append(pointer, length);
            }

            if ((flags & DescriptorFlags.Next) == 0)
                return;

            if (next >= tableSize)
                throw NoSuchNext(i, next, tableSize);

            i = next;
        }
    }

    // The texts are made in methods of their own: where they are woven in, every call pays for the room they take.
    private DeviceFaultException IndexTooFar(ushort next, ushort available) =>
        FaultAt(-1, $"the available index moved from {next} to {available}, further than the {_size} entries of the ring");

    private DeviceFaultException NoSuchHead(ushort next, int head) =>
        FaultAt(-1, $"available entry {next & _mask} names descriptor {head}, but the table has {_size}");

    private DeviceFaultException TooManyInFlight(int head) =>
        FaultAt(head, $"another chain made available while all {_size} of the ring are in the device's hand");

    private DeviceFaultException OutsideMemory(int index, ulong address, uint length) =>
        FaultAt(index, $"{length} bytes at 0x{address:x} lie outside guest memory, which ends at 0x{_memory.Limit:x}");

    private DeviceFaultException BadIndirect(int index, bool inIndirectTable, DescriptorFlags flags, uint length) => FaultAt(
        index,
        inIndirectTable ? "an indirect descriptor inside an indirect table"
        : (flags & DescriptorFlags.Next) != 0 ? "an indirect descriptor with a next one"
        : $"an indirect table of {length} bytes, not a positive multiple of {Vring.DescriptorSize}");

    private DeviceFaultException TooLong(int index, int tableSize) =>
        FaultAt(index, $"a chain longer than its table of {Math.Min(tableSize, _size)} descriptors, or a loop");

    private DeviceFaultException NoSuchNext(int index, int next, int tableSize) =>
        FaultAt(index, $"next is {next}, but the table has {tableSize} descriptors");

    private DeviceFaultException FaultAt(int index, string reason) => new(Name, index, reason);
}
