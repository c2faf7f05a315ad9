// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using System.Numerics;
using LguestPlug.Virtio;

namespace LguestPlug.Host.Bus;

/// <summary>What the bus needs to know of a device to give it a place.</summary>
internal sealed record DeviceShape(string Name, ushort DeviceId, ulong Features, int ConfigLength, IReadOnlyList<int> QueueSizes);

/// <summary>Where a device lies in the device page, as guest-physical addresses.</summary>
/// <param name="Descriptor">The descriptor: type, number of queues, lengths, status.</param>
/// <param name="FeatureLength">Bytes of one feature bitmap.</param>
/// <param name="Queues">Its queues.</param>
internal sealed record DevicePlace(ulong Descriptor, int FeatureLength, IReadOnlyList<QueuePlace> Queues)
{
    public const int HeaderSize = 5;
    public const int QueueEntrySize = 8;

    public ulong Status => Descriptor + 4;

    public ulong OfferedFeatures => Descriptor + HeaderSize + (ulong)(QueueEntrySize * Queues.Count);

    public ulong AcceptedFeatures => OfferedFeatures + (ulong)FeatureLength;

    public ulong Config => AcceptedFeatures + (ulong)FeatureLength;
}

/// <summary>Where a queue's ring lies, and which interrupt line is its own.</summary>
internal readonly record struct QueuePlace(ulong RingAddress, int Size, int Irq);

/// <summary>
/// The lguest device page: packed descriptors in the page right above RAM, in the order of the devices, the rings in the pages
/// behind it, interrupt lines from 1 on. Byte for byte what the C launcher lays out.
/// </summary>
internal sealed class DevicePageLayout
{
    /// <summary>Pages kept above RAM for descriptors and rings.</summary>
    public const int DevicePages = 256;

    private const int PageSize = GuestMemory.PageSize;
    private const int FirstIrq = 1;
    private const int Irqs = 32;
    private const int LongestConfig = 255;
    private const int MostQueues = 255;
    private const int FeatureBits = 32;

    private DevicePageLayout(IReadOnlyList<DevicePlace> places, ulong limit)
    {
        Places = places;
        Limit = limit;
    }

    public IReadOnlyList<DevicePlace> Places { get; }

    /// <summary>The first address behind the last ring: the end of what the guest may touch.</summary>
    public ulong Limit { get; }

    /// <param name="ramSize">Bytes of RAM.</param>
    /// <param name="devices">The devices in bus order.</param>
    public static DevicePageLayout Compute(ulong ramSize, IReadOnlyList<DeviceShape> devices)
    {
        var places = new List<DevicePlace>();
        var descriptor = ramSize;
        var nextRing = ramSize + PageSize;
        var nextIrq = FirstIrq;
        foreach (var device in devices)
        {
            CheckShape(device);
            var queues = new List<QueuePlace>();
            foreach (var size in device.QueueSizes)
            {
                if (nextIrq >= Irqs)
                    throw new HostException($"too many devices: {device.Name} is the one too many for the {Irqs - FirstIrq} interrupt lines of the lguest bus (one for each queue)");
                queues.Add(new(nextRing, size, nextIrq++));
                nextRing += (ulong)Vring.PageCount(size) * PageSize;
            }
            if (nextRing > ramSize + (DevicePages * PageSize))
                throw new HostException($"too many devices: {device.Name} is the one too many for the {DevicePages} pages of descriptors and rings");

            var featureLength = (BitOperations.Log2(device.Features) / 8) + 1;
            var place = new DevicePlace(descriptor, device.Features == 0 ? 0 : featureLength, queues);
            descriptor = place.Config + (ulong)device.ConfigLength;
            if (descriptor > ramSize + PageSize)
                throw new HostException($"too many devices: {device.Name} is the one too many for the page of descriptors");
            places.Add(place);
        }
        return new(places, nextRing);
    }

    /// <summary>Writes a device's descriptor but for the configuration; everything else in the page is zero already.</summary>
    public static void Write(GuestMemory memory, DevicePlace place, DeviceShape device)
    {
        var header = memory.Slice(place.Descriptor, DevicePlace.HeaderSize);
        header[0] = (byte)device.DeviceId;
        header[1] = (byte)place.Queues.Count;
        header[2] = (byte)place.FeatureLength;
        header[3] = (byte)device.ConfigLength;
        for (var i = 0; i < place.Queues.Count; i++)
        {
            var queue = place.Queues[i];
            var entry = memory.Slice(place.Descriptor + DevicePlace.HeaderSize + (ulong)(i * DevicePlace.QueueEntrySize), DevicePlace.QueueEntrySize);
            BinaryPrimitives.WriteUInt16LittleEndian(entry, (ushort)queue.Size);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[2..], (ushort)queue.Irq);
            BinaryPrimitives.WriteUInt32LittleEndian(entry[4..], (uint)(queue.RingAddress / PageSize));
        }
        WriteBitmap(memory.Slice(place.OfferedFeatures, place.FeatureLength), device.Features);
    }

    /// <summary>Reads the features the guest has accepted, as they are now.</summary>
    public static ulong ReadAccepted(GuestMemory memory, DevicePlace place)
    {
        ulong bits = 0;
        foreach (var (i, octet) in memory.Slice(place.AcceptedFeatures, place.FeatureLength).ToArray().Index())
            bits |= (ulong)octet << (8 * i);
        return bits;
    }

    private static void WriteBitmap(Span<byte> bitmap, ulong bits)
    {
        for (var i = 0; i < bitmap.Length; i++)
            bitmap[i] = (byte)(bits >> (8 * i));
    }

    private static void CheckShape(DeviceShape device)
    {
        if (device.DeviceId is 0 or > byte.MaxValue)
            throw new HostException($"{device.Name}: virtio device type {device.DeviceId} cannot be on the lguest bus (1 to 255 can)");
        if (device.ConfigLength > LongestConfig)
            throw new HostException($"{device.Name}: {device.ConfigLength} configuration bytes cannot be on the lguest bus ({LongestConfig} at most)");
        if (device.QueueSizes.Count > MostQueues)
            throw new HostException($"{device.Name}: {device.QueueSizes.Count} queues cannot be on the lguest bus ({MostQueues} at most)");
        if (device.Features >> FeatureBits != 0)
            throw new HostException($"{device.Name}: features 0x{device.Features:x} cannot be on the lguest bus (bits 0 to 31 can)");
    }
}
