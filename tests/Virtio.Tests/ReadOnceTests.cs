// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Testing;

namespace LguestPlug.Virtio.Tests;

/// <summary>
/// A second thread changes one field of the ring between a value that is right and one that breaks a rule, as fast as it can. What
/// was checked is what is used: a chain is either taken as the right value says or refused for that rule, and nothing in between.
/// </summary>
public class ReadOnceTests
{
    private const ulong Buffer = QueueBench.Buffers, OtherBuffer = Buffer + 0x1000, Table = Buffer + 0x2000, Outside = 0x4000_0000_0000;
    private const ushort Next = Descriptor.HasNext, Write = Descriptor.Write, Indirect = Descriptor.Indirect;
    private const int Tries = 2_000_000, RefusalsAtLeast = 20_000, MostTries = 50_000_000;

    [Fact]
    public void TheIndex() => Race(
        (bench, isRight) => bench.Driver.AvailableIndex = isRight ? (ushort)1 : (ushort)9,
        bench => bench.Driver.SetDescriptor(0, new Descriptor(Buffer, 16, Write)),
        "queue test: the available index moved from 0 to 9, further than the 8 entries of the ring",
        "w 0x8000+16");

    [Fact]
    public void AHead() => Race(
        (bench, isRight) => bench.Driver.SetAvailableEntry(0, isRight ? 0 : 8),
        bench => bench.Driver.SetDescriptor(0, new Descriptor(Buffer, 16, Write)),
        "queue test: available entry 0 names descriptor 8, but the table has 8",
        "w 0x8000+16");

    [Theory]
    [InlineData(Write, "w")]
    [InlineData(0, "r")]
    public void TheAddressOfABuffer(ushort flags, string direction) => Race(
        (bench, isRight) => bench.Driver.SetDescriptor(0, new Descriptor(isRight ? Buffer : Outside, 16, flags)),
        _ => { },
        "queue test, descriptor 0: 16 bytes at 0x400000000000 lie outside guest memory, which ends at 0x40000",
        $"{direction} 0x8000+16");

    [Theory]
    [InlineData(Write, "w")]
    [InlineData(0, "r")]
    public void TheLengthOfABuffer(ushort flags, string direction) => Race(
        (bench, isRight) => bench.Driver.SetDescriptor(0, new Descriptor(Buffer, isRight ? 16u : 0x4000_0000u, flags)),
        _ => { },
        "queue test, descriptor 0: 1073741824 bytes at 0x8000 lie outside guest memory, which ends at 0x40000",
        $"{direction} 0x8000+16");

    [Fact]
    public void TheFlags() => Race(
        (bench, isRight) => bench.Driver.SetDescriptor(0, new Descriptor(Buffer, 16, isRight ? Write : (ushort)(Indirect | Next))),
        _ => { },
        "queue test, descriptor 0: an indirect descriptor with a next one",
        "w 0x8000+16");

    [Fact]
    public void TheNextInTheRing() => Race(
        (bench, isRight) => bench.Driver.SetDescriptor(0, new Descriptor(Buffer, 16, Next, isRight ? (ushort)1 : (ushort)8)),
        bench => bench.Driver.SetDescriptor(1, new Descriptor(OtherBuffer, 32, Write)),
        "queue test, descriptor 0: next is 8, but the table has 8 descriptors",
        "r 0x8000+16 w 0x9000+32");

    [Fact]
    public void TheNextInATable() => Race(
        (bench, isRight) => bench.Driver.WriteDescriptor(Table, new Descriptor(Buffer, 16, Next, isRight ? (ushort)1 : (ushort)2)),
        bench =>
        {
            bench.Driver.SetDescriptor(0, new Descriptor(Table, 32, Indirect));
            bench.Driver.WriteDescriptor(Table + Descriptor.Size, new Descriptor(OtherBuffer, 32, Write));
        },
        "queue test, descriptor 0: next is 2, but the table has 2 descriptors",
        "r 0x8000+16 w 0x9000+32");

    [Fact]
    public void TheLengthOfATable() => Race(
        (bench, isRight) => bench.Driver.SetDescriptor(0, new Descriptor(Table, isRight ? 32u : 40u, Indirect)),
        bench =>
        {
            bench.Driver.WriteDescriptor(Table, new Descriptor(Buffer, 16, Next, 1));
            bench.Driver.WriteDescriptor(Table + Descriptor.Size, new Descriptor(OtherBuffer, 32, Write));
        },
        "queue test, descriptor 0: an indirect table of 40 bytes, not a positive multiple of 16",
        "r 0x8000+16 w 0x9000+32");

    private static void Race(Action<QueueBench, bool> set, Action<QueueBench> setUp, string refusal, string pieces)
    {
        using var bench = new QueueBench(8);
        bench.Driver.Publish(0);
        setUp(bench);
        set(bench, true);
        bool isOver = false;
        var driver = new Thread(() =>
        {
            while (!Volatile.Read(ref isOver))
            {
                set(bench, false);
                set(bench, true);
            }
        });
        driver.Start();
        try
        {
            int taken = 0, refused = 0;
            nint sum = 0;
            for (int i = 0; i < Tries || refused < RefusalsAtLeast; i++)
            {
                Assert.True(i < MostTries, $"no race: {taken} taken, {refused} refused");

                // The same entry again and again.
                bench.State.NextAvailable = 0;
                try
                {
                    DescriptorChain chain = bench.Queue.TryTake()!;
                    if (Sum(chain) != sum || taken == 0)
                        Assert.Equal(pieces, Pieces(bench, chain));

                    sum = Sum(chain);
                    taken++;

                    chain.Complete(0);
                }
                catch (DeviceFaultException fault)
                {
                    refused++;
                    Assert.Equal(refusal, fault.Message);
                }
            }

            TestContext.Current.TestOutputHelper?.WriteLine($"{taken} taken, {refused} refused");
        }
        finally
        {
            Volatile.Write(ref isOver, true);
            driver.Join();
        }
    }

    /// <summary>A different one for different pieces, so that the words are made only then.</summary>
    private static nint Sum(DescriptorChain chain)
    {
        nint sum = 0;
        foreach (ref readonly IoVector piece in chain.Readable.Pieces)
            sum = (31 * sum) + piece.Address + (nint)piece.Length;

        sum *= 31;
        foreach (ref readonly IoVector piece in chain.Writable.Pieces)
            sum = (31 * sum) + piece.Address + (nint)piece.Length;

        return sum;
    }

    private static string Pieces(QueueBench bench, DescriptorChain chain) => string.Join(
        ' ',
        [.. Pieces(bench, "r", chain.Readable), .. Pieces(bench, "w", chain.Writable)]);

    private static List<string> Pieces(QueueBench bench, string direction, ChainPart part)
    {
        List<string> all = [];
        foreach (IoVector piece in part.Pieces)
            all.Add($"{direction} 0x{piece.Address - bench.Memory.BaseAddress:x}+{piece.Length}");

        return all;
    }
}
