// SPDX-License-Identifier: GPL-2.0-or-later
using System.IO.Pipes;
using System.Runtime.InteropServices;
using LguestPlug.Testing;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Virtio.Tests;

/// <summary>Reading, writing and moving what is in a chain, whatever the layout.</summary>
public sealed class DescriptorChainTests : IDisposable
{
    private const ulong Out = QueueBench.Buffers;
    private const ulong In = QueueBench.Buffers + 0x10000;
    private readonly QueueBench _bench = new();

    public void Dispose() => _bench.Dispose();

    [StructLayout(LayoutKind.Sequential)]
    private struct Header
    {
        public uint Type;
        public uint Priority;
        public ulong Sector;
    }

    [Theory]
    [InlineData(16)]
    [InlineData(1, 15)]
    [InlineData(3, 2, 11)]
    [InlineData(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)]
    [InlineData(20)]
    public void ReadsAStructureAcrossPieces(params int[] cuts)
    {
        byte[] bytes = [4, 3, 2, 1, 8, 7, 6, 5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 9];
        DescriptorChain chain = Take(bytes[..cuts.Sum()], cuts, 0, []);
        Assert.True(chain.Readable.TryRead(out Header header));
        Assert.Equal(0x01020304u, header.Type);
        Assert.Equal(0x05060708u, header.Priority);
        Assert.Equal(0x0807060504030201ul, header.Sector);
        Assert.Equal(cuts.Sum() - 16, chain.Readable.Length);
    }

    [Fact]
    public void DoesNotMoveWhenAStructureIsCutOff()
    {
        DescriptorChain chain = Take(new byte[15], [7], 15, [7]);
        Assert.False(chain.Readable.TryRead(out Header _));
        Assert.Equal(15, chain.Readable.Length);
        Assert.False(chain.Writable.TryWrite(default(Header)));
        Assert.Equal(15, chain.Writable.Length);
    }

    [Fact]
    public void WritesAStructureAcrossPieces()
    {
        DescriptorChain chain = Take([], [], 20, [3, 5]);
        Assert.True(chain.Writable.TryWrite(new Header { Type = 0x04030201, Priority = 0x08070605, Sector = 0x100F0E0D0C0B0A09 }));
        Assert.Equal(4, chain.Writable.Length);
        Assert.Equal(Enumerable.Range(1, 16).Select(i => (byte)i), _bench.Memory.Slice(In, 16).ToArray());
    }

    [Fact]
    public void ReadsAndWritesNoMoreThanThereIs()
    {
        DescriptorChain chain = Take([1, 2, 3], [1], 3, [2]);
        byte[] buffer = new byte[10];
        Assert.Equal(3, chain.Readable.Read(buffer));
        Assert.Equal(0, chain.Readable.Read(buffer));
        Assert.Equal(3, chain.Writable.Write(buffer));
        Assert.Equal(0, chain.Writable.Write(buffer));
        Assert.True(chain.Readable.Span.IsEmpty);
        Assert.True(chain.Writable.Span.IsEmpty);
        Assert.Equal(0, _bench.Memory.Slice(In + 3, 1)[0]);
    }

    [Fact]
    public void AdvancesOverPiecesAndNotPastTheEnd()
    {
        DescriptorChain chain = Take([0, 1, 2, 3, 4, 5, 6, 7], [3, 3], 8, []);
        chain.Readable.Advance(0);
        chain.Readable.Advance(4);
        Assert.Equal([4, 5], chain.Readable.Span.ToArray());
        Assert.Equal(2, chain.Readable.Pieces.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Readable.Advance(5));
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Readable.Advance(-1));
        chain.Readable.Advance(4);
        Assert.Equal(0, chain.Readable.Length);
        Assert.True(chain.Readable.Pieces.IsEmpty);
        chain.Writable.Advance(chain.Writable.Length - 1);
        Assert.True(chain.Writable.TryWrite((byte)9));
        Assert.Equal(9, _bench.Memory.Slice(In + 7, 1)[0]);
    }

    [Fact]
    public void SpanIsGuestMemoryItself()
    {
        DescriptorChain chain = Take([], [], 8, [3]);
        chain.Writable.Span.Fill(7);
        Assert.Equal(8, chain.Writable.Length);
        chain.Writable.Advance(3);
        chain.Writable.Span[0] = 9;
        Assert.Equal([7, 7, 7, 9, 0, 0, 0, 0], _bench.Memory.Slice(In, 8).ToArray());
    }

    [Fact]
    public void FillsFromAFileAndLeavesTheRestAlone()
    {
        using SafeFileHandle file = TemporaryFile([.. Enumerable.Range(0, 100).Select(i => (byte)i)]);
        DescriptorChain chain = Take([], [], 40, [7, 7, 7]);
        TransferResult result = chain.Writable.FillFrom(file, 10, 25);
        Assert.Equal(new TransferResult(25, 0), result);
        Assert.True(result.Succeeded);
        Assert.Equal(15, chain.Writable.Length);
        Assert.Equal(Enumerable.Range(10, 25).Select(i => (byte)i), _bench.Memory.Slice(In, 25).ToArray());
        Assert.Equal(-1, _bench.Memory.Slice(In + 25, 15).IndexOfAnyExcept((byte)0));
        Assert.Equal(new TransferResult(15, 0), chain.Writable.FillFrom(file, 0, 15));
        Assert.Equal(14, _bench.Memory.Slice(In + 39, 1)[0]);
    }

    [Fact]
    public void StopsFillingAtTheEndOfTheFile()
    {
        using SafeFileHandle file = TemporaryFile([1, 2, 3, 4, 5]);
        DescriptorChain chain = Take([], [], 40, [2]);
        Assert.Equal(new TransferResult(3, 0), chain.Writable.FillFrom(file, 2, 40));
        Assert.Equal(37, chain.Writable.Length);
        Assert.Equal(new TransferResult(0, 0), chain.Writable.FillFrom(file, 1000, 37));
    }

    [Fact]
    public void DrainsIntoAFileExactlyTheCount()
    {
        using SafeFileHandle file = TemporaryFile(new byte[8]);
        DescriptorChain chain = Take([1, 2, 3, 4, 5, 6], [1, 3], 0, []);
        Assert.Equal(new TransferResult(5, 0), chain.Readable.DrainTo(file, 1, 5));
        Assert.Equal(1, chain.Readable.Length);
        byte[] content = new byte[8];
        RandomAccess.Read(file, content, 0);
        Assert.Equal([0, 1, 2, 3, 4, 5, 0, 0], content);
    }

    [Fact]
    public void RefusesToMoveMoreThanThereIs()
    {
        using SafeFileHandle file = TemporaryFile([]);
        DescriptorChain chain = Take([1], [], 1, []);
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Readable.DrainTo(file, 0, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => chain.Writable.FillFrom(file, 0, -1));
    }

    [Fact]
    public void SaysWhyAFileRefuses()
    {
        string path = Path.GetTempFileName();
        try
        {
            using SafeFileHandle file = File.OpenHandle(path);
            DescriptorChain chain = Take([1], [], 0, []);
            TransferResult result = chain.Readable.DrainTo(file, 0, 1);
            Assert.Equal(9, result.Error); // EBADF: the file is not open for writing.
            Assert.False(result.Succeeded);
            Assert.NotEmpty(result.ErrorText);
            Assert.Equal(1, chain.Readable.Length);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void MovesThroughAStreamWhatItGivesAndTakes()
    {
        using var server = new AnonymousPipeServerStream(PipeDirection.Out);
        using var client = new AnonymousPipeClientStream(PipeDirection.In, server.ClientSafePipeHandle);
        DescriptorChain chain = Take([1, 2, 3, 4, 5, 6], [2, 2], 100, [1, 3]);
        Assert.Equal(new TransferResult(3, 0), chain.Readable.DrainTo(server.SafePipeHandle, 3));
        Assert.Equal(new TransferResult(3, 0), chain.Writable.FillFrom(client.SafePipeHandle));
        Assert.Equal(new TransferResult(3, 0), chain.Readable.DrainTo(server.SafePipeHandle));
        Assert.Equal(0, chain.Readable.Length);
        Assert.Equal(new TransferResult(3, 0), chain.Writable.FillFrom(client.SafePipeHandle));
        Assert.Equal(94, chain.Writable.Length);
        Assert.Equal([1, 2, 3, 4, 5, 6], _bench.Memory.Slice(In, 6).ToArray());
        server.Dispose();
        Assert.Equal(new TransferResult(0, 0), chain.Writable.FillFrom(client.SafePipeHandle));
    }

    [Fact]
    public void TellsABrokenPipe()
    {
        using var server = new AnonymousPipeServerStream(PipeDirection.Out);
        new AnonymousPipeClientStream(PipeDirection.In, server.ClientSafePipeHandle).Dispose();
        DescriptorChain chain = Take([1], [], 0, []);
        Assert.True(chain.Readable.DrainTo(server.SafePipeHandle).BrokenPipe);
    }

    [Fact]
    public void MovesAGreatDealInManyPieces()
    {
        byte[] content = new byte[1 << 20];
        new Random(1).NextBytes(content);
        using SafeFileHandle file = TemporaryFile(content);
        using var memory = GuestMemory.Allocate(4 << 20, 3);
        var ring = new Vring(memory, 4 << 20, 256);
        using var signals = new QueueSignals();
        var queue = new Virtqueue("test", memory, ring, new VirtqueueState(), signals, () => { });
        var driver = new DriverRing(memory, ring);
        driver.Add([], QueueBench.Cut(new GuestBuffer(1001, content.Length), Enumerable.Repeat(4099, 250)));
        DescriptorChain chain = queue.TryTake()!;
        Assert.Equal(content.Length, chain.Writable.FillFrom(file, 0, content.Length).Bytes);
        Assert.Equal(content, memory.Slice(1001, content.Length).ToArray());
    }

    private DescriptorChain Take(byte[] readable, int[] readableCuts, int writable, int[] writableCuts)
    {
        readable.CopyTo(_bench.Memory.Slice(Out, readable.Length));
        Assert.True(_bench.Driver.Add(
            QueueBench.Cut(new GuestBuffer(Out, readable.Length), readableCuts), QueueBench.Cut(new GuestBuffer(In, writable), writableCuts)) >= 0);
        return _bench.Queue.TryTake()!;
    }

    private static SafeFileHandle TemporaryFile(byte[] content)
    {
        string path = Path.GetTempFileName();
        File.WriteAllBytes(path, content);
        return File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, FileOptions.DeleteOnClose);
    }
}
