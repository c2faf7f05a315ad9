// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Testing;

namespace LguestPlug.Plugins.Tests;

/// <summary>What every device must bear.</summary>
internal static class HostileDriver
{
    private const int Rounds = 150, ChangesPerRound = 1500, Buffers = 16, BufferSize = 4096;

    /// <summary>Breaks the ring in each way there is; each must be a fault, and after a reset the device must serve again.</summary>
    /// <param name="driver">A started device.</param>
    /// <param name="queue">The queue whose ring is broken; nothing in flight.</param>
    /// <param name="use">Any request that works.</param>
    internal static void BreakTheRingInEveryWay(TestDriver driver, TestQueue queue, Action use)
    {
        foreach (RingDefect defect in Enum.GetValues<RingDefect>())
        {
            queue.Inject(defect);
            Assert.Equal(queue.Name, driver.WaitForFault().Queue);
            driver.Reset();
            driver.Start();
            use();
        }
    }

    /// <summary>
    /// Keeps changing descriptors, the available ring, indirect tables and buffers while the device looks at them. Sooner or later that
    /// is a fault; the device must not hang, nor touch what is not the guest's, and after a reset it must serve again.
    /// </summary>
    /// <param name="driver">A started device that answers each request of this queue by itself.</param>
    /// <param name="queue">The queue whose ring is changed; nothing in flight.</param>
    /// <param name="use">Any request that works.</param>
    internal static void ChangeEverythingMeanwhile(TestDriver driver, TestQueue queue, Action use)
    {
        for (int round = 0; round < Rounds; round++)
        {
            var random = new Random(round);
            RawRing ring = queue.TakeOver();
            GuestBuffer memory = driver.Allocate(Buffers * BufferSize);
            for (int n = 0; n < ChangesPerRound; n++)
            {
                Change(driver, ring, memory, random);
                if (n % 64 == 0)
                    queue.Kick();
            }

            // If it has borne all that it comes across this one.
            queue.Inject(RingDefect.HeadOutsideTable);
            Assert.Equal(queue.Name, driver.WaitForFault().Queue);
            driver.Reset();
            driver.Start();
            use();
        }
    }

    private static void Change(TestDriver driver, RawRing ring, GuestBuffer memory, Random random)
    {
        switch (random.Next(10))
        {
            case 0:
                // Mostly one further, as a driver does; seldom somewhere.
                ring.AvailableIndex = random.Next(2000) == 0 ? (ushort)random.Next(65536) : (ushort)(ring.AvailableIndex + (ring.UsedIndex == ring.AvailableIndex ? 1 : 0));
                break;
            case 1:
                ring.SetAvailableEntry(random.Next(ring.Size), random.Next(Buffers));
                break;
            case 2:
                ring.AvailableFlags = (ushort)random.Next(2);
                break;
            case 3:
                driver.Write(memory.Slice(random.Next(memory.Length - 64), 64), RandomBytes(random, 64));
                break;
            case 5:
                // What is small is more often a type, a sector or a length that means something.
                driver.Write(memory.Slice(BufferSize * random.Next(Buffers), 16), [.. Enumerable.Range(0, 4).SelectMany(_ => BitConverter.GetBytes(random.Next(6)))]);
                break;
            case 4:
                ring.WriteDescriptor(memory.Address + (ulong)(16 * random.Next(Buffers)), Any(memory, random, isNested: true));
                break;
            default:
                ring.SetDescriptor(random.Next(Buffers), Any(memory, random, isNested: false));
                break;
        }
    }

    private static Descriptor Any(GuestBuffer memory, Random random, bool isNested)
    {
        ulong address = random.Next(3000) == 0 ? (ulong)random.NextInt64() : memory.Address + (ulong)(random.Next(Buffers - 1) * BufferSize);
        uint length = random.Next(3000) == 0 ? (uint)random.Next() : (uint)(16 * random.Next(1, 32));
        ushort flags = (ushort)random.Next(4);
        if (!isNested && random.Next(8) == 0)
            return new Descriptor(memory.Address, length, Descriptor.Indirect);

        return new Descriptor(address, length, flags, (ushort)random.Next(Buffers));
    }

    private static byte[] RandomBytes(Random random, int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
