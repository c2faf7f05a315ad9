// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using LguestPlug.Block;
using LguestPlug.Testing;
using Tmds.Linux;

namespace LguestPlug.Plugins.Tests;

/// <summary>The disk, with real files.</summary>
public sealed class BlockDeviceTests : IDisposable
{
    private const int Sectors = 64;
    private const int Size = Sectors * 512;
    private const byte Ok = 0;
    private const byte IoError = 1;
    private const byte Unsupported = 2;
    private const byte Untouched = 0xFF;

    private readonly string _path = Path.GetTempFileName();
    private readonly byte[] _content = new byte[Size];
    private readonly RecordingContext _context = new() { Name = "block0" };

    public BlockDeviceTests()
    {
        new Random(7).NextBytes(_content);
        File.WriteAllBytes(_path, _content);
    }

    public void Dispose() => File.Delete(_path);

    private VirtioDevice Create(bool readOnly = false, string? serial = null) =>
        new BlockPlugin().Create(new BlockOptions { File = _path, ReadOnly = readOnly, Serial = serial }, _context);

    private DeviceBench Start(bool readOnly = false, string? serial = null) => new DeviceBench(Create(readOnly, serial)).Start();

    /// <summary>One request as Linux lays it out: head, data, status.</summary>
    private static (byte Status, uint Used, byte[] Data) Send(DeviceBench bench, uint type, ulong sector, byte[]? write = null, int read = 0)
    {
        GuestBuffer head = Head(bench, type, sector);
        GuestBuffer status = bench.Allocate([Untouched]);
        GuestBuffer data = write is null ? bench.Allocate(read) : bench.Allocate(write);
        UsedChain used = write is null
            ? bench.Request(0, [head], read == 0 ? [status] : [data, status])
            : bench.Request(0, [head, data], [status]);
        return (bench.Read(status)[0], used.Length, bench.Read(data));
    }

    private static GuestBuffer Head(DeviceBench bench, uint type, ulong sector)
    {
        byte[] head = new byte[16];
        BinaryPrimitives.WriteUInt32LittleEndian(head, type);
        BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan(8), sector);
        return bench.Allocate(head);
    }

    [Fact]
    public void IsWhatTheCLauncherOffers()
    {
        using VirtioDevice device = Create();
        Assert.Equal(2, device.DeviceId);
        Assert.Equal(0x0204ul, device.Features);
        Assert.Equal([256], device.Queues.Select(q => (int)q.Size));
        Assert.Equal("400000000000000000000000FE000000", Convert.ToHexString(device.Config.Span));
    }

    [Fact]
    public void LayoutsAndConstantsAgreeWithTheKernelsHeaders()
    {
        Assert.Equal(
            CCompiler.Evaluate(
                ["linux/virtio_ids.h", "linux/virtio_blk.h"],
                "VIRTIO_ID_BLOCK",
                "VIRTIO_BLK_F_SEG_MAX",
                "VIRTIO_BLK_F_RO",
                "VIRTIO_BLK_F_FLUSH",
                "VIRTIO_BLK_T_IN",
                "VIRTIO_BLK_T_OUT",
                "VIRTIO_BLK_T_FLUSH",
                "VIRTIO_BLK_T_GET_ID",
                "VIRTIO_BLK_T_BARRIER",
                "VIRTIO_BLK_ID_BYTES",
                "VIRTIO_BLK_S_OK",
                "VIRTIO_BLK_S_IOERR",
                "VIRTIO_BLK_S_UNSUPP",
                "sizeof(struct virtio_blk_outhdr)",
                "offsetof(struct virtio_blk_outhdr, sector)",
                "offsetof(struct virtio_blk_config, geometry)",
                "offsetof(struct virtio_blk_config, seg_max)"),
            new long[]
            {
                2,
                2,
                5,
                9,
                (long)RequestType.In,
                (long)RequestType.Out,
                (long)RequestType.Flush,
                (long)RequestType.GetId,
                (long)RequestType.Barrier,
                BlockDevice.IdLength,
                (long)RequestStatus.Ok,
                (long)RequestStatus.IoError,
                (long)RequestStatus.Unsupported,
                Unsafe.SizeOf<RequestHeader>(),
                8,
                Unsafe.SizeOf<BlockConfiguration>(),
                12,
            });
        Assert.Equal(1ul << 2, BlockFeatures.SegmentMaximum);
        Assert.Equal(1ul << 5, BlockFeatures.ReadOnly);
        Assert.Equal(1ul << 9, BlockFeatures.Flush);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(5, 3)]
    [InlineData(63, 1)]
    [InlineData(0, 64)]
    public void ReadsSectors(int sector, int count)
    {
        using DeviceBench bench = Start();
        var (status, used, data) = Send(bench, 0, (ulong)sector, read: count * 512);
        Assert.Equal(Ok, status);
        Assert.Equal((uint)(count * 512) + 1, used);
        Assert.Equal(_content.AsSpan(sector * 512, count * 512).ToArray(), data);
    }

    [Fact]
    public void WritesSectorsAndNoOthers()
    {
        byte[] data = new byte[1024];
        new Random(8).NextBytes(data);
        using (DeviceBench bench = Start())
        {
            var (status, used, _) = Send(bench, 1, 10, write: data);
            Assert.Equal(Ok, status);
            Assert.Equal(1u, used);
            Assert.Equal(data, Send(bench, 0, 10, read: 1024).Data);
        }

        data.CopyTo(_content.AsSpan(5120));
        Assert.Equal(_content, File.ReadAllBytes(_path));
    }

    [Fact]
    public void IgnoresTheBarrierFlag()
    {
        using DeviceBench bench = Start();
        Assert.Equal(Ok, Send(bench, 0x8000_0001, 0, write: new byte[512]).Status);
        Assert.Equal(new byte[512], Send(bench, 0x8000_0000, 0, read: 512).Data);
    }

    [Theory]
    [InlineData(64ul, 512)]
    [InlineData(63ul, 1024)]
    [InlineData(0ul, (64 * 512) + 512)]
    [InlineData(ulong.MaxValue, 512)]
    [InlineData(ulong.MaxValue / 512, 512)]
    [InlineData(1ul << 55, 512)]
    [InlineData(65ul, 0)]
    [InlineData(0ul, 511)]
    [InlineData(0ul, 513)]
    public void RefusesWhatIsNotOnTheDiskAndLeavesTheFileAlone(ulong sector, int bytes)
    {
        using (DeviceBench bench = Start())
        {
            Assert.Equal((IoError, 1u), Pair(Send(bench, 0, sector, read: bytes)));
            if (bytes > 0)
                Assert.Equal((IoError, 1u), Pair(Send(bench, 1, sector, write: new byte[bytes])));

            Assert.Equal(Ok, Send(bench, 0, 0, read: 512).Status);
        }

        Assert.Equal(_content, File.ReadAllBytes(_path));
    }

    [Fact]
    public void NothingAtTheEndOfTheDiskIsFine()
    {
        using DeviceBench bench = Start();
        Assert.Equal((Ok, 1u), Pair(Send(bench, 0, Sectors, read: 0)));
    }

    [Theory]
    [InlineData(2u)]
    [InlineData(3u)]
    [InlineData(5u)]
    [InlineData(11u)]
    [InlineData(13u)]
    [InlineData(0x7FFF_FFFFu)]
    [InlineData(uint.MaxValue)]
    public void AnswersUnknownTypesAsUnsupported(uint type)
    {
        using (DeviceBench bench = Start())
        {
            Assert.Equal((Unsupported, 1u), Pair(Send(bench, type, 0, read: 512)));
            Assert.Equal((Unsupported, 1u), Pair(Send(bench, type, 0, write: new byte[512])));
        }

        Assert.Equal(_content, File.ReadAllBytes(_path));
    }

    [Fact]
    public void Flushes()
    {
        using DeviceBench bench = Start();
        Send(bench, 1, 0, write: new byte[512]);
        Assert.Equal((Ok, 1u), Pair(Send(bench, 4, 0)));
    }

    /// <summary>
    /// What cannot be synchronised shows when that happens: <c>/dev/zero</c> passes for a disk of no sectors, and its fdatasync
    /// fails. Were the flush completed before, or without it, the answer could not tell.
    /// </summary>
    [Fact]
    public void AFlushIsAnsweredAfterTheFileIsSynchronised()
    {
        using DeviceBench bench = new DeviceBench(new BlockPlugin().Create(new BlockOptions { File = "/dev/zero" }, _context)).Start();
        Assert.Equal((IoError, 1u), Pair(Send(bench, 4, 0)));
        Assert.Equal(["cannot flush at sector 0 of '/dev/zero': Invalid argument; the guest gets an I/O error, later ones are not reported"], _context.Complaints);
    }

    /// <summary>Only a flush waits for the medium: writes do not.</summary>
    [Fact]
    public void WritesAreNotSynchronisedOneByOne()
    {
        using DiskFile disk = DiskFile.Open(_path, readOnly: false);
        Assert.Equal(0, LibC.fcntl((int)disk.Handle.DangerousGetHandle(), LibC.F_GETFL) & (LibC.O_DSYNC | LibC.O_SYNC));
    }

    [Fact]
    public void TellsEachRequestWithItsSizeAndAnswer()
    {
        using DeviceBench bench = Start();
        Send(bench, 1, 10, write: new byte[1024]);
        Send(bench, 0, 9, read: 512);
        Send(bench, 4, 0);
        Send(bench, 8, 0, read: 20);
        Send(bench, 0, Sectors, read: 512);
        Send(bench, 2, 0, read: 512);
        Assert.Equal(
            [
                "Out at sector 10, 1024 bytes: Ok", "In at sector 9, 512 bytes: Ok", "Flush at sector 0, 0 bytes: Ok", "GetId at sector 0, 20 bytes: Ok",
                "In at sector 64, 512 bytes: IoError", "2 at sector 0, 512 bytes: Unsupported",
            ],
            _context.Messages);
    }

    [Theory]
    [InlineData(null, "block0")]
    [InlineData("disk-1", "disk-1")]
    [InlineData("12345678901234567890", "12345678901234567890")]
    public void TellsItsSerial(string? serial, string expected)
    {
        using DeviceBench bench = Start(serial: serial);
        var (status, used, data) = Send(bench, 8, 0, read: 20);
        Assert.Equal(Ok, status);
        Assert.Equal(21u, used);
        Assert.Equal(expected.PadRight(20, '\0'), Encoding.ASCII.GetString(data));
    }

    [Fact]
    public void TellsAsMuchOfItsSerialAsThereIsRoomFor()
    {
        using DeviceBench bench = Start(serial: "abcdefgh");
        var (status, used, data) = Send(bench, 8, 0, read: 3);
        Assert.Equal((Ok, 4u, "abc"), (status, used, Encoding.ASCII.GetString(data)));
        (status, used, data) = Send(bench, 8, 0, read: 30);
        Assert.Equal((Ok, 21u), (status, used));
        Assert.Equal("abcdefgh".PadRight(30, '\0'), Encoding.ASCII.GetString(data));
    }

    /// <summary>Drivers may cut a request anywhere: the head in bytes, the status with the data.</summary>
    [Fact]
    public void TakesAnyLayout()
    {
        using DeviceBench bench = Start();
        GuestBuffer head = Head(bench, 0, 2);
        GuestBuffer answer = bench.Allocate(1025);
        UsedChain used = bench.Request(0, DeviceBench.Cut(head, 1, 3, 9), DeviceBench.Cut(answer, 1, 700));
        Assert.Equal(1025u, used.Length);
        Assert.Equal([.. _content.AsSpan(1024, 1024), Ok], bench.Read(answer));

        byte[] sent = new byte[16 + 512];
        bench.Read(Head(bench, 1, 4)).CopyTo(sent, 0);
        sent.AsSpan(16).Fill(0x5A);
        GuestBuffer request = bench.Allocate(sent);
        GuestBuffer status = bench.Allocate([Untouched]);
        used = bench.Request(0, DeviceBench.Cut(request, 10, 10, 100), [status], indirectTable: bench.Allocate(16 * 16).Address);
        Assert.Equal(1u, used.Length);
        Assert.Equal(Ok, bench.Read(status)[0]);
        Assert.Equal(sent[16..], Send(bench, 0, 4, read: 512).Data);
    }

    [Fact]
    public void ARequestWithoutAHeadIsAFault()
    {
        using DeviceBench bench = Start();
        bench.Queues[0].Add([bench.Allocate(15)], [bench.Allocate(1)]);
        bench.Queues[0].Kick();
        Assert.Equal("test0: queue requests, descriptor 0: a request head of 15 bytes; expected 16", bench.WaitForFault().ToString());
    }

    [Fact]
    public void ARequestWithoutRoomForAStatusIsAFault()
    {
        using DeviceBench bench = Start();
        bench.Queues[0].Add([Head(bench, 4, 0)], []);
        bench.Queues[0].Kick();
        Assert.Equal("test0: queue requests, descriptor 0: a request without room for its status", bench.WaitForFault().ToString());
    }

    [Fact]
    public void AReadOnlyDiskSaysSoAndRefusesWrites()
    {
        using (DeviceBench bench = Start(readOnly: true))
        {
            Assert.Equal(0x0224ul, bench.Runner.OfferedFeatures);
            Assert.Equal((IoError, 1u), Pair(Send(bench, 1, 0, write: new byte[512])));
            Assert.Equal(Ok, Send(bench, 0, 0, read: 512).Status);
            Assert.Equal(Ok, Send(bench, 4, 0).Status);
        }

        Assert.Equal(_content, File.ReadAllBytes(_path));
        Assert.Empty(_context.Complaints);
    }

    [Fact]
    public void AFileThatCannotBeWrittenIsAReadOnlyDisk()
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "the superuser may write any file");
        File.SetUnixFileMode(_path, UnixFileMode.UserRead);
        using VirtioDevice device = Create();
        Assert.Equal(0x0224ul, device.Features);
        Assert.Equal([$"'{_path}' cannot be opened for writing; the disk is read-only"], _context.Complaints);
    }

    [Fact]
    public void AFileThatShrinksGivesErrorsAndOneComplaint()
    {
        using DeviceBench bench = Start();
        using (FileStream file = File.Open(_path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            file.SetLength(1000);

        Assert.Equal((IoError, 1u), Pair(Send(bench, 0, 1, read: 512)));
        Assert.Equal((IoError, 1u), Pair(Send(bench, 0, 9, read: 512)));
        Assert.Equal(Ok, Send(bench, 0, 0, read: 512).Status);
        Assert.Equal(
            [$"cannot read at sector 1 of '{_path}': the file has become shorter; the guest gets an I/O error, later ones are not reported"],
            _context.Complaints);
    }

    [Fact]
    public void TheRestOfAnOddFileIsLeftOut()
    {
        File.WriteAllBytes(_path, new byte[1025]);
        using VirtioDevice device = Create();
        Assert.Equal(2, device.Config.Span[0]);
        Assert.Equal([$"'{_path}' has 1025 bytes; its last 1 do not fill a sector of 512 and are left out"], _context.Complaints);
    }

    [Theory]
    [InlineData("/nonexistent/disk", "cannot open '/nonexistent/disk': No such file or directory")]
    [InlineData("/", "cannot open '/': Is a directory")]
    public void SaysWhyAFileIsNoDisk(string path, string message)
    {
        var error = Assert.Throws<DeviceSetupException>(() => new BlockPlugin().Create(new BlockOptions { File = path }, _context));
        Assert.Equal(message, error.Message);
        error = Assert.Throws<DeviceSetupException>(() => new BlockPlugin().Create(new BlockOptions { File = path, ReadOnly = true }, _context));
        Assert.StartsWith("cannot ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SurvivesResetsWithItsFileOpen()
    {
        using DeviceBench bench = Start();
        Send(bench, 1, 1, write: new byte[512]);
        File.Delete(_path);
        for (int i = 0; i < 3; i++)
        {
            bench.Reset();
            bench.Start();
            Assert.Equal(new byte[512], Send(bench, 0, 1, read: 512).Data);
        }
    }

    /// <summary>Random reads and writes, several at a time, against a copy of the disk in memory.</summary>
    [Fact]
    public void KeepsWhatIsWrittenThroughALongRun()
    {
        var random = new Random(3);
        using (DeviceBench bench = Start())
        {
            for (int round = 0; round < 500; round++)
            {
                int sector = random.Next(Sectors);
                byte[] data = new byte[(1 + random.Next(Math.Min(8, Sectors - sector))) * 512];
                random.NextBytes(data);
                if (random.Next(2) == 0)
                {
                    Assert.Equal(Ok, Send(bench, 1, (ulong)sector, write: data).Status);
                    data.CopyTo(_content.AsSpan(sector * 512));
                }
                else
                {
                    Assert.Equal(_content.AsSpan(sector * 512, data.Length).ToArray(), Send(bench, 0, (ulong)sector, read: data.Length).Data);
                }
            }
        }

        Assert.Equal(_content, File.ReadAllBytes(_path));
    }

    private static (byte Status, uint Used) Pair((byte Status, uint Used, byte[] Data) answer) => (answer.Status, answer.Used);

    [Fact]
    public void FlushesThatWaitTogetherAreAllAnsweredBeforeWhatComesAfterThem()
    {
        using var bench = new DeviceBench(Create());
        var statuses = new List<GuestBuffer>();
        var heads = new List<int>();
        foreach (RequestType type in new[] { RequestType.Flush, RequestType.Flush, RequestType.Flush, RequestType.GetId, RequestType.Flush })
        {
            GuestBuffer status = bench.Allocate([Untouched]);
            statuses.Add(status);
            heads.Add(bench.Queues[0].Add([Head(bench, (uint)type, 0)], [status]));
        }

        bench.Start();
        Assert.All(heads, head => Assert.Equal(new UsedChain(head, 1), bench.WaitForUsed(0)));
        Assert.All(statuses, status => Assert.Equal([Ok], bench.Read(status)));
    }

    [Fact]
    public void FlushesThatFailTogetherAllFail()
    {
        using var bench = new DeviceBench(new BlockPlugin().Create(new BlockOptions { File = "/dev/null" }, _context));
        GuestBuffer[] statuses = [bench.Allocate([Untouched]), bench.Allocate([Untouched])];
        foreach (GuestBuffer status in statuses)
            bench.Queues[0].Add([Head(bench, (uint)RequestType.Flush, 0)], [status]);

        bench.Start();
        foreach (GuestBuffer status in statuses)
        {
            bench.WaitForUsed(0);
            Assert.Equal([IoError], bench.Read(status));
        }
    }
}
