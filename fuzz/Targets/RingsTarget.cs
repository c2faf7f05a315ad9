// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Virtio;

namespace LguestPlug.Fuzz.Targets;

/// <summary>
/// The input is a ring's size and then steps: memory written as a driver may write it, at any moment, and chains taken, read, written
/// and handed back as a device does. Only a <see cref="DeviceFaultException"/> may come of it.
/// </summary>
internal sealed class RingsTarget : FuzzTarget
{
    private const int Pages = 16, LimitPages = 14, Page = GuestMemory.PageSize, MaximumSteps = 256;

    private readonly DriverMemory _memory = new(Pages, LimitPages);
    private readonly QueueSignals _signals = new();
    private readonly byte[] _buffer = new byte[2 * Page];

    public override void Run(ReadOnlySpan<byte> input)
    {
        _memory.Clear();
        Span<byte> all = _memory.Bytes;

        var reader = new InputReader(input);
        var ring = new Vring(_memory.Guest, 0, 1 << (reader.Byte() % 7));
        var queue = new Virtqueue("fuzzed", _memory.Guest, ring, new VirtqueueState(), _signals, static () => { });
        var inHand = new List<DescriptorChain>();
        try
        {
            for (int step = 0; step < MaximumSteps && !reader.IsAtEnd; step++)
                Step(ref reader, queue, ring, inHand, all);
        }
        catch (DeviceFaultException e)
        {
            if (e.Message.Length == 0 || e.Message.Contains('\n', StringComparison.Ordinal))
                throw new FuzzDefectException($"the message is not one line: {e.Message}");
        }

        _memory.CheckBeyond();
    }

    private void Step(ref InputReader reader, Virtqueue queue, Vring ring, List<DescriptorChain> inHand, Span<byte> all)
    {
        int step = reader.Byte();
        DescriptorChain? chain = inHand.Count > 0 ? inHand[step / 16 % inHand.Count] : null;
        switch (step % 16)
        {
            case 0 or 1:
                if (queue.TryTake() is { } taken)
                {
                    if (taken.Readable.Length + taken.Writable.Length > uint.MaxValue || taken.Head >= ring.Size || inHand.Count >= ring.Size)
                        throw new FuzzDefectException("an impossible chain");

                    inHand.Add(taken);
                }

                break;
            case 2:
                chain?.Readable.Read(_buffer.AsSpan(0, Math.Min(_buffer.Length, (int)reader.UInt16())));
                break;
            case 3:
                chain?.Writable.Write(_buffer.AsSpan(0, Math.Min(_buffer.Length, (int)reader.UInt16())));
                break;
            case 4 when chain is not null:
                long count = reader.UInt16();
                chain.Readable.Advance(Math.Min(count, chain.Readable.Length));
                break;
            case 5 when chain is not null:
                long written = reader.UInt16();
                chain.Writable.Advance(Math.Min(written, chain.Writable.Length));
                break;
            case 6 when chain is not null:
                _ = chain.Readable.Span.Length + chain.Writable.Span.Length + chain.Readable.Pieces.Length + chain.Writable.Pieces.Length;
                _ = chain.Readable.TryRead(out ulong _);
                _ = chain.Writable.TryWrite(0x1234_5678_9ABC_DEF0ul);
                break;
            case 7 or 8 when chain is not null:
                chain.Complete(0);
                inHand.Remove(chain);
                break;
            case 9:
                queue.Interrupt();
                break;
            case 10:
                // A whole descriptor. Small addresses are more often right.
                int index = reader.Byte() % ring.Size;
                ulong address = (reader.Byte() & 7) != 0 ? (ulong)(reader.UInt16() % (LimitPages * Page)) : reader.UInt64();
                uint length = (reader.Byte() & 7) != 0 ? reader.Byte() * 16u : reader.UInt32();
                _memory.SetDescriptor(index * 16, address, length, reader.Byte(), reader.Byte());
                break;
            case 11:
                // The next head, and the index moved on.
                Span<ushort> available = MemoryMarshal.Cast<byte, ushort>(all.Slice(16 * ring.Size, 4 + (2 * ring.Size)));
                available[2 + (available[1] & (ring.Size - 1))] = reader.Byte();
                available[1]++;
                break;
            case 12 or 13:
                int at = reader.UInt16() % ((LimitPages * Page) - 16);
                reader.Bytes(1 + (step / 16)).CopyTo(all[at..]);
                break;
            case 14:
                // A descriptor of a table that another one may name as indirect.
                int place = (Page * 8) + (reader.Byte() * 16);
                _memory.SetDescriptor(place, reader.UInt16() % (ulong)(LimitPages * Page), reader.Byte() * 16u, reader.Byte(), reader.Byte());
                break;
            default:
                break;
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _signals.Dispose();
            _memory.Dispose();
        }

        base.Dispose(disposing);
    }
}
