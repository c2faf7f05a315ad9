// SPDX-License-Identifier: GPL-2.0-or-later
using CsCheck;
using LguestPlug.Testing;

namespace LguestPlug.Virtio.Tests;

/// <summary>The ring with random drivers, well-behaved and hostile.</summary>
public class VirtqueuePropertyTests
{
    private static readonly Gen<int[]> s_cuts = Gen.Int[0, 40].Array[0, 6];

    private static readonly Gen<(int[] Out, int[] In, bool Indirect)> s_request = Gen.Select(s_cuts, s_cuts, Gen.Bool);

    /// <summary>
    /// Batches of random chains, in random pieces, direct and indirect, against a device that answers with what it was sent, each
    /// byte plus one, and completes in its own time.
    /// </summary>
    [Fact]
    public void EveryRequestComesBackOnceWithItsAnswer() =>
        Gen.Select(s_request.Array[1, 12].Array[1, 8], Gen.Int[0, 3].Select(n => 16 << n), Gen.Int[0, 65535]).Sample(
            (batches, size, firstIndex) =>
            {
                using var bench = new QueueBench(size);
                foreach ((int[] Out, int[] In, bool Indirect)[] batch in batches)
                {
                    ulong at = QueueBench.Buffers;
                    var expected = new Dictionary<int, (byte[] Sent, IReadOnlyList<GuestBuffer> Answer)>();
                    foreach ((int[] lengthsOut, int[] lengthsIn, bool indirect) in batch)
                    {
                        if (lengthsOut.Length + lengthsIn.Length == 0 || lengthsOut.Length + lengthsIn.Length > size)
                            continue;

                        GuestBuffer[] output = [.. lengthsOut.Select(n => Place(ref at, n))];
                        GuestBuffer[] input = [.. lengthsIn.Select(n => Place(ref at, n))];
                        var random = new Random(firstIndex + (int)at);
                        byte[] sent = new byte[lengthsOut.Sum()];
                        random.NextBytes(sent);
                        int done = 0;
                        foreach (GuestBuffer piece in output)
                        {
                            sent.AsSpan(done, piece.Length).CopyTo(bench.Memory.Slice(piece.Address, piece.Length));
                            done += piece.Length;
                        }

                        ulong table = Place(ref at, 16 * 16).Address;
                        int head = bench.Driver.Add(output, input, indirect ? table : null);
                        if (head >= 0)
                            expected.Add(head, (sent, input));
                    }

                    while (bench.Queue.TryTake() is { } chain)
                        Echo(chain);

                    int count = expected.Count;
                    for (int i = 0; i < count; i++)
                    {
                        (int Head, uint Length) used = bench.Driver.Collect()!.Value;
                        Assert.True(expected.Remove(used.Head, out var request));
                        byte[] answer = [.. request.Answer.SelectMany(b => bench.Memory.Slice(b.Address, b.Length).ToArray())];
                        Assert.Equal((uint)Math.Min(request.Sent.Length, answer.Length), used.Length);
                        Assert.Equal(request.Sent.Take((int)used.Length).Select(b => (byte)(b + 1)), answer.Take((int)used.Length));
                    }

                    Assert.Null(bench.Driver.Collect());
                    Assert.Equal(size, bench.Driver.FreeDescriptors);
                }
            },
            iter: 300);

    /// <summary>
    /// Rubbish in the whole ring and in memory: either there is a chain all of whose pieces lie in guest memory, no longer than
    /// the ring, or there is a fault with a reason. The guard pages would turn anything else into a crash.
    /// </summary>
    [Fact]
    public void RubbishIsEitherAChainInMemoryOrAFault()
    {
        Gen<ulong> address = Gen.Frequency(
            (6, Gen.ULong[0, 64 * 4096]), (1, Gen.ULong[(64 * 4096) - 64, (64 * 4096) + 64]), (1, Gen.ULong), (1, Gen.ULong[ulong.MaxValue - 64, ulong.MaxValue]));
        Gen<uint> length = Gen.Frequency((4, Gen.UInt[0, 512]), (3, Gen.UInt[0, 16].Select(n => 16 * n)), (1, Gen.UInt));
        Gen<ushort> flags = Gen.Frequency((6, Gen.UShort[0, 7]), (6, Gen.UShort[0, 3]), (1, Gen.UShort));
        Gen<ushort> next = Gen.Frequency((6, Gen.UShort[0, 9]), (1, Gen.UShort));
        var descriptor = Gen.Select(address, length, flags, next);
        int chains = 0;
        int faults = 0;
        Gen.Select(descriptor.Array[8], descriptor.Array[32], Gen.Frequency((6, Gen.UShort[0, 8]), (1, Gen.UShort)), Gen.Frequency((8, Gen.UShort[0, 7]), (1, Gen.UShort)).Array[8]).Sample(
            (ring, table, index, heads) =>
            {
                using var bench = new QueueBench(8);
                for (int i = 0; i < ring.Length; i++)
                    bench.Driver.SetDescriptor(i, ring[i].Item1, ring[i].Item2, (DescriptorFlags)ring[i].Item3, ring[i].Item4);

                // Indirect tables are wherever the descriptors point: all of the lower memory is made of descriptors.
                for (ulong at = 0x8000; at < 0x10000; at += 16)
                {
                    var (a, l, f, n) = table[(at / 16) % 32];
                    bench.Driver.WriteDescriptor(at, a, l, (DescriptorFlags)f, n);
                }

                for (int i = 0; i < heads.Length; i++)
                    bench.Driver.SetAvailableEntry(i, heads[i]);

                bench.Driver.AvailableIndex = index;
                try
                {
                    while (bench.Queue.TryTake() is { } chain)
                    {
                        Interlocked.Increment(ref chains);
                        CheckPieces(bench, chain.Readable);
                        CheckPieces(bench, chain.Writable);
                        Assert.InRange(chain.Readable.Pieces.Length + chain.Writable.Pieces.Length, 0, 8);
                        while (chain.Readable.Span.Length > 0)
                        {
                            _ = chain.Readable.Span.IndexOf((byte)0xEE);
                            chain.Readable.Advance(chain.Readable.Span.Length);
                        }

                        chain.Complete(chain.Writable.Length);
                    }
                }
                catch (DeviceFaultException fault)
                {
                    Interlocked.Increment(ref faults);
                    Assert.StartsWith("queue test", fault.Message, StringComparison.Ordinal);
                    Assert.DoesNotContain('\n', fault.Message);
                }
            },
            iter: 3000);
        Assert.True(chains > 100 && faults > 100, $"{chains} chains and {faults} faults: the generator has lost its aim");
    }

    /// <summary>A guest that rewrites its descriptors while we look: what was checked is what is used.</summary>
    [Fact]
    public void DescriptorsThatChangeUnderOurEyesNeverLeadOutside()
    {
        using var bench = new QueueBench(8);
        bool stop = false;
        var liar = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                bench.Driver.SetDescriptor(0, QueueBench.Buffers, 64, DescriptorFlags.Next, 1);
                bench.Driver.SetDescriptor(1, 0xFFFF_FFFF_0000, uint.MaxValue, DescriptorFlags.Write, 0);
                bench.Driver.SetDescriptor(0, ulong.MaxValue - 32, 64, DescriptorFlags.Indirect, 9);
                bench.Driver.SetDescriptor(1, QueueBench.Buffers, 64, DescriptorFlags.Write, 0);
            }
        });
        liar.Start();
        for (int i = 0; i < 20_000; i++)
        {
            bench.Driver.Publish(0);
            try
            {
                DescriptorChain chain = bench.Queue.TryTake()!;
                CheckPieces(bench, chain.Readable);
                CheckPieces(bench, chain.Writable);
                chain.Complete(0);
            }
            catch (DeviceFaultException)
            {
                // The ring goes on behind the bad entry here, so that the race is run often.
            }
        }

        Volatile.Write(ref stop, true);
        liar.Join();
    }

    private static GuestBuffer Place(ref ulong at, int length)
    {
        var buffer = new GuestBuffer(at, length);
        at += (ulong)length + 3;
        return buffer;
    }

    private static void Echo(DescriptorChain chain)
    {
        long written = 0;
        Span<byte> one = stackalloc byte[1];
        while (chain.Readable.Length > 0 && chain.Writable.Length > 0)
        {
            chain.Readable.Read(one);
            one[0]++;
            written += chain.Writable.Write(one);
        }

        chain.Complete(written);
    }

    private static void CheckPieces(QueueBench bench, ChainPart part)
    {
        long total = 0;
        foreach (IoVector piece in part.Pieces)
        {
            Assert.True(piece.Length > 0);
            Assert.True(piece.Address >= bench.Memory.BaseAddress);
            Assert.True(piece.Address + (nint)piece.Length <= bench.Memory.BaseAddress + (nint)bench.Memory.Limit);
            total += (long)piece.Length;
        }

        Assert.Equal(part.Length, total);
    }
}
