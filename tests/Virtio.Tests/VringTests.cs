// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Testing;
using LguestPlug.Tests;

namespace LguestPlug.Virtio.Tests;

public class VringTests
{
    [Theory]
    [InlineData(8, 4166, 2)]
    [InlineData(64, 4614, 2)]
    [InlineData(128, 5126, 2)]
    [InlineData(256, 10246, 3)]
    public void HasTheLegacySize(int entries, int bytes, int pages)
    {
        Assert.Equal(bytes, Vring.ByteSize(entries));
        Assert.Equal(pages, Vring.PageCount(entries));
    }

    [Fact]
    public void AgreesWithTheKernelsHeader()
    {
        int[] sizes = [.. Enumerable.Range(0, 16).Select(bit => 1 << bit)];
        long[] expected = CCompiler.Evaluate(["stdint.h", "linux/virtio_ring.h"], [.. sizes.Select(n => $"vring_size({n}, 4096)")]);
        Assert.Equal(expected, sizes.Select(n => (long)Vring.ByteSize(n)));
    }

    [Fact]
    public void ConstantsAgreeWithTheKernelsHeaders()
    {
        long[] actual = CCompiler.Evaluate(
            ["stdint.h", "sys/uio.h", "linux/virtio_ring.h", "linux/virtio_config.h"],
            "VRING_DESC_F_NEXT",
            "VRING_DESC_F_WRITE",
            "VRING_DESC_F_INDIRECT",
            "sizeof(struct vring_desc)",
            "VIRTIO_RING_F_INDIRECT_DESC",
            "VIRTIO_CONFIG_S_ACKNOWLEDGE",
            "VIRTIO_CONFIG_S_DRIVER",
            "VIRTIO_CONFIG_S_DRIVER_OK",
            "VIRTIO_CONFIG_S_FAILED",
            "sizeof(struct iovec)",
            "offsetof(struct iovec, iov_len)");
        long[] ours =
        [
            (long)DescriptorFlags.Next,
            (long)DescriptorFlags.Write,
            (long)DescriptorFlags.Indirect,
            Vring.DescriptorSize,
            System.Numerics.BitOperations.TrailingZeroCount(VirtioFeatures.IndirectDescriptors),
            (long)DeviceStatus.Acknowledge,
            (long)DeviceStatus.Driver,
            (long)DeviceStatus.DriverOk,
            (long)DeviceStatus.Failed,
            System.Runtime.CompilerServices.Unsafe.SizeOf<IoVector>(),
            IntPtr.Size,
        ];
        Assert.Equal(actual, ours);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(3)]
    [InlineData(65536)]
    public void RefusesASizeNoRingHas(int entries) => Assert.Throws<ArgumentOutOfRangeException>(() => Vring.ByteSize(entries));

    [Fact]
    public void RefusesAPlaceOutsideMemory()
    {
        using var memory = GuestMemory.Allocate(4 * 4096, 0);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Vring(memory, 4096, 512));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Vring(memory, 0x8000_0000_0000_0000, 256));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Vring(memory, 16, 256));
        memory.Limit = 3 * 4096;
        Assert.Throws<ArgumentOutOfRangeException>(() => new Vring(memory, 4096, 256));
        _ = new Vring(memory, 0, 256);
    }

    [Fact]
    public void ClearTouchesTheRingAlone()
    {
        using var memory = GuestMemory.Allocate(5 * 4096, 0);
        memory.Slice(0, (int)memory.Size).Fill(7);
        new Vring(memory, 4096, 256).Clear();
        int size = Vring.ByteSize(256);
        Assert.Equal(-1, memory.Slice(4096, size).IndexOfAnyExcept((byte)0));
        Assert.Equal(-1, memory.Slice(0, 4096).IndexOfAnyExcept((byte)7));
        Assert.Equal(-1, memory.Slice((ulong)(4096 + size), (5 * 4096) - 4096 - size).IndexOfAnyExcept((byte)7));
    }
}
