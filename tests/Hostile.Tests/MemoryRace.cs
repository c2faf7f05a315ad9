// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Testing;

namespace LguestPlug.Hostile.Tests;

/// <summary>
/// Keeps changing descriptors, the available ring, indirect tables and buffers while the device's own thread looks at them. Sooner
/// or later that is a fault; the device must not hang, nor touch what is not open to it, and after a reset it must serve again.
/// </summary>
internal sealed class MemoryRace(Attack attack)
{
    private const int ChangesPerRound = 1500, Buffers = 16, BufferSize = 4096;

    public void Run(int rounds)
    {
        for (int round = 0; round < rounds; round++)
        {
            var one = round == rounds - 1 ? attack : new Attack(attack.Subject, attack.Rig, attack.Driver, attack.OpenAll());
            RunOnce(one, new Random(round));
            attack.Rig.AcceptWorld();
            if (one == attack)
                break;

            one.ProvokeUntilFault();
            Assert.Equal(attack.Queue.Name, attack.Driver.WaitForFault().Queue);
            attack.Driver.Reset();
            attack.Driver.Start();
        }
    }

    private static void RunOnce(Attack a, Random random)
    {
        GuestBuffer memory = a.OpenAll().Slice(0, Buffers * BufferSize);
        a.Open(new GuestBuffer(0, 16));
        for (int n = 0; n < ChangesPerRound; n++)
        {
            Change(a, memory, random);
            if (n % 64 != 0)
                continue;

            a.Queue.Kick();
            a.Rig.Provoke(a.Queue.Name);
        }

        // If it has borne all that it comes across this one.
        RawRing ring = a.Ring;
        for (int i = 0; i < ring.Size; i++)
            ring.SetAvailableEntry(i, ring.Size);

        ring.AvailableIndex++;
        a.Queue.Kick();
        a.ProvokeUntilFault();
    }

    private static void Change(Attack a, GuestBuffer memory, Random random)
    {
        RawRing ring = a.Ring;
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
                a.Driver.Write(memory.Slice(16 * random.Next((memory.Length / 16) - 4), 64), RandomBytes(random, 64));
                break;
            case 4:
                ring.WriteDescriptor(memory.Address + (ulong)(16 * random.Next(Buffers)), Any(memory, random, isNested: true));
                break;
            case 5:
                // What is small is more often a type, a sector or a length that means something.
                a.Driver.Write(memory.Slice(BufferSize * random.Next(Buffers), 16), [.. Enumerable.Range(0, 4).SelectMany(_ => BitConverter.GetBytes(random.Next(6)))]);
                break;
            default:
                ring.SetDescriptor(random.Next(Buffers), Any(memory, random, isNested: false));
                break;
        }
    }

    private static Descriptor Any(GuestBuffer memory, Random random, bool isNested)
    {
        // Tables are in the first buffer, which the device is never to write, and what is too long is longer than memory: so it is
        // known where the device may write, whatever of all this it happens to see.
        ulong address = random.Next(3000) == 0 ? (ulong)random.NextInt64() : memory.Address + (ulong)(random.Next(1, Buffers - 1) * BufferSize);
        uint length = random.Next(3000) == 0 ? 0x4000_0000u + (uint)random.Next() : (uint)(16 * random.Next(1, 32));
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
