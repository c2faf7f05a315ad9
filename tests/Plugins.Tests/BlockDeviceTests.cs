// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using System.Text;
using LguestPlug.Block;
using LguestPlug.Testing;
using LguestPlug.Tests;
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
    private readonly TestDeviceContext _context = new("block0");

    public BlockDeviceTests()
    {
        new Random(7).NextBytes(_content);
        File.WriteAllBytes(_path, _content);
    }

    public void Dispose() => File.Delete(_path);

    private TestDriver Create(bool readOnly = false, string? serial = null, string? file = null) =>
        TestDriver.Create(new BlockPlugin(), new BlockOptions { File = file ?? _path, ReadOnly = readOnly, Serial = serial }, _context);

    private TestDriver Start(bool readOnly = false, string? serial = null) => Create(readOnly, serial).Start();

    /// <summary>A request as Linux lays it out: head, data, status.</summary>
    private static Chain Request(uint type, ulong sector, byte[]? write = null, int read = 0)
    {
        Chain chain = new Chain().ReadableStructure(new RequestHeader { Type = (RequestType)type, Sector = sector });
        if (write is not null)
            chain = chain.Readable(write);

        return (read > 0 ? chain.Writable(read) : chain).Writable([Untouched]);
    }

    private static (byte Status, uint Used, byte[] Data) Send(TestDriver driver, uint type, ulong sector, byte[]? write = null, int read = 0) =>
        Taken(driver.Queues[0].Send(Request(type, sector, write, read)));

    private static (byte Status, uint Used, byte[] Data) Taken(Completion answer) => (answer.Writable[^1], answer.Length, answer.Writable[..^1]);

    [Fact]
    public void IsWhatTheCLauncherOffers()
    {
        using TestDriver driver = Create();
        Assert.Equal(2, driver.Device.DeviceId);
        Assert.Equal(0x0204ul, driver.OfferedFeatures);
        Assert.Equal([256], driver.Queues.Select(q => q.Size));
        Assert.Equal("400000000000000000000000FE000000", Convert.ToHexString(driver.Config.Span));
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
        using TestDriver driver = Start();
        var (status, used, data) = Send(driver, 0, (ulong)sector, read: count * 512);
        Assert.Equal(Ok, status);
        Assert.Equal((uint)(count * 512) + 1, used);
        Assert.Equal(_content.AsSpan(sector * 512, count * 512).ToArray(), data);
    }

    [Fact]
    public void WritesSectorsAndNoOthers()
    {
        byte[] data = new byte[1024];
        new Random(8).NextBytes(data);
        using (TestDriver driver = Start())
        {
            var (status, used, _) = Send(driver, 1, 10, write: data);
            Assert.Equal(Ok, status);
            Assert.Equal(1u, used);
            Assert.Equal(data, Send(driver, 0, 10, read: 1024).Data);
        }

        data.CopyTo(_content.AsSpan(5120));
        Assert.Equal(_content, File.ReadAllBytes(_path));
    }

    [Fact]
    public void IgnoresTheBarrierFlag()
    {
        using TestDriver driver = Start();
        Assert.Equal(Ok, Send(driver, 0x8000_0001, 0, write: new byte[512]).Status);
        Assert.Equal(new byte[512], Send(driver, 0x8000_0000, 0, read: 512).Data);
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
        using (TestDriver driver = Start())
        {
            Assert.Equal((IoError, 1u), Pair(Send(driver, 0, sector, read: bytes)));
            if (bytes > 0)
                Assert.Equal((IoError, 1u), Pair(Send(driver, 1, sector, write: new byte[bytes])));

            Assert.Equal(Ok, Send(driver, 0, 0, read: 512).Status);
        }

        Assert.Equal(_content, File.ReadAllBytes(_path));
    }

    [Fact]
    public void NothingAtTheEndOfTheDiskIsFine()
    {
        using TestDriver driver = Start();
        Assert.Equal((Ok, 1u), Pair(Send(driver, 0, Sectors, read: 0)));
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
        using (TestDriver driver = Start())
        {
            Assert.Equal((Unsupported, 1u), Pair(Send(driver, type, 0, read: 512)));
            Assert.Equal((Unsupported, 1u), Pair(Send(driver, type, 0, write: new byte[512])));
        }

        Assert.Equal(_content, File.ReadAllBytes(_path));
    }

    [Fact]
    public void Flushes()
    {
        using TestDriver driver = Start();
        Send(driver, 1, 0, write: new byte[512]);
        Assert.Equal((Ok, 1u), Pair(Send(driver, 4, 0)));
    }

    /// <summary>
    /// What cannot be synchronised shows when that happens: <c>/dev/zero</c> passes for a disk of no sectors, and its fdatasync
    /// fails. Were the flush completed before, or without it, the answer could not tell.
    /// </summary>
    [Fact]
    public void AFlushIsAnsweredAfterTheFileIsSynchronised()
    {
        using TestDriver driver = Create(file: "/dev/zero").Start();
        Assert.Equal((IoError, 1u), Pair(Send(driver, 4, 0)));
        Assert.Equal(["cannot flush '/dev/zero': Invalid argument; the guest gets an I/O error, later ones are not reported"], _context.Warnings);
    }

    /// <summary>Only a flush waits for the medium: writes do not.</summary>
    [Fact]
    public void WritesAreNotSynchronisedOneByOne()
    {
        using DiskFile disk = DiskFile.Open(_path, readOnly: false);
        Assert.Equal(0, LibC.fcntl((int)disk.Handle.DangerousGetHandle(), LibC.F_GETFL) & (LibC.O_DSYNC | LibC.O_SYNC));
    }

    /// <summary>
    /// A driver that does without the flush takes a write for durable when it is answered. An empty one is enough to tell:
    /// nothing fails there but the fdatasync.
    /// </summary>
    [Theory]
    [InlineData(0x0204, Ok)]
    [InlineData(0x0004, IoError)]
    public void WritesAreSynchronisedForADriverWithoutFlush(ulong accepted, byte expected)
    {
        using TestDriver driver = Create(file: "/dev/zero").Start(accepted);
        Assert.Equal((expected, 1u), Pair(Send(driver, 1, 0, write: [])));
    }

    [Fact]
    public void TellsEachRequestWithItsSizeAndAnswer()
    {
        using TestDriver driver = Start();
        Send(driver, 1, 10, write: new byte[1024]);
        Send(driver, 0, 9, read: 512);
        Send(driver, 4, 0);
        Send(driver, 8, 0, read: 20);
        Send(driver, 0, Sectors, read: 512);
        Send(driver, 2, 0, read: 512);
        Assert.Equal(
            [
                "Out at sector 10, 1024 bytes: Ok", "In at sector 9, 512 bytes: Ok", "Flush at sector 0, 0 bytes: Ok", "GetId at sector 0, 20 bytes: Ok",
                "In at sector 64, 512 bytes: IoError", "2 at sector 0, 512 bytes: Unsupported",
            ],
            _context.Log.Select(entry => entry.Message));
    }

    [Theory]
    [InlineData(null, "block0")]
    [InlineData("disk-1", "disk-1")]
    [InlineData("12345678901234567890", "12345678901234567890")]
    public void TellsItsSerial(string? serial, string expected)
    {
        using TestDriver driver = Start(serial: serial);
        var (status, used, data) = Send(driver, 8, 0, read: 20);
        Assert.Equal(Ok, status);
        Assert.Equal(21u, used);
        Assert.Equal(expected.PadRight(20, '\0'), Encoding.ASCII.GetString(data));
    }

    [Fact]
    public void TellsAsMuchOfItsSerialAsThereIsRoomFor()
    {
        using TestDriver driver = Start(serial: "abcdefgh");
        var (status, used, data) = Send(driver, 8, 0, read: 3);
        Assert.Equal((Ok, 4u, "abc"), (status, used, Encoding.ASCII.GetString(data)));
        (status, used, data) = Send(driver, 8, 0, read: 30);
        Assert.Equal((Ok, 21u), (status, used));
        Assert.Equal("abcdefgh".PadRight(20, '\0'), Encoding.ASCII.GetString(data[..20]));
    }

    /// <summary>Drivers may cut a request anywhere: the head in bytes, the status with the data.</summary>
    [Fact]
    public void TakesAnyLayout()
    {
        using TestDriver driver = Start();
        byte[] data = new byte[512];
        for (int seed = 0; seed < 200; seed++)
        {
            Array.Fill(data, (byte)seed);
            Chain write = Request(1, 4, data).Scattered(seed);
            Assert.Equal((Ok, 1u), Pair(Taken(driver.Queues[0].Send(seed % 2 == 0 ? write : write.Indirect()))));
            Assert.Equal((byte[])[.. _content.AsSpan(3 * 512, 512), .. data, Ok], driver.Queues[0].Send(Request(0, 3, read: 1024).Scattered(seed)).Written);
        }
    }

    [Fact]
    public void ARequestWithoutAHeadIsAFault()
    {
        using TestDriver driver = Start();
        driver.Queues[0].Submit(new Chain().Readable(new byte[15]).Writable(1));
        Assert.Equal("queue requests, descriptor 0: a request head of 15 bytes; expected 16", driver.WaitForFault().Message);
    }

    [Fact]
    public void ARequestWithoutRoomForAStatusIsAFault()
    {
        using TestDriver driver = Start();
        driver.Queues[0].Submit(new Chain().ReadableStructure(new RequestHeader { Type = RequestType.Flush }));
        Assert.Equal("queue requests, descriptor 0: a request without room for its status", driver.WaitForFault().Message);
    }

    [Fact]
    public void AReadOnlyDiskSaysSoAndRefusesWrites()
    {
        using (TestDriver driver = Start(readOnly: true))
        {
            Assert.Equal(0x0224ul, driver.OfferedFeatures);
            Assert.Equal((IoError, 1u), Pair(Send(driver, 1, 0, write: new byte[512])));
            Assert.Equal(Ok, Send(driver, 0, 0, read: 512).Status);
            Assert.Equal(Ok, Send(driver, 4, 0).Status);
        }

        Assert.Equal(_content, File.ReadAllBytes(_path));
        Assert.Empty(_context.Warnings);
    }

    [Fact]
    public void AFileThatCannotBeWrittenIsAReadOnlyDisk()
    {
        Assert.SkipWhen(Environment.IsPrivilegedProcess, "the superuser may write any file");
        File.SetUnixFileMode(_path, UnixFileMode.UserRead);
        using TestDriver driver = Create();
        Assert.Equal(0x0224ul, driver.OfferedFeatures);
        Assert.Equal([$"'{_path}' cannot be opened for writing; the disk is read-only"], _context.Warnings);
    }

    [Fact]
    public void TwoGuestsDoNotWriteOneFileByMistake()
    {
        TestDriver Open(bool readOnly, bool share) =>
            TestDriver.Create(new BlockPlugin(), new BlockOptions { File = _path, ReadOnly = readOnly, Share = share }, _context);
        string message = $"cannot use '{_path}' as a disk: another guest or program has it open; with share=on both do";
        string readOnlyMessage = $"cannot use '{_path}' as a disk: another guest or program has it open for writing; with share=on both do";
        using (Open(readOnly: false, share: false))
        {
            Assert.Equal(message, Assert.Throws<DeviceSetupException>(() => Open(readOnly: false, share: false)).Message);
            Assert.Equal(readOnlyMessage, Assert.Throws<DeviceSetupException>(() => Open(readOnly: true, share: false)).Message);
            Open(readOnly: false, share: true).Dispose();
        }

        using (Open(readOnly: true, share: false))
        {
            Open(readOnly: true, share: false).Dispose();
            Assert.Equal(message, Assert.Throws<DeviceSetupException>(() => Open(readOnly: false, share: false)).Message);
        }

        Open(readOnly: false, share: false).Dispose();
    }

    [Fact]
    public void AFileThatShrinksGivesErrorsAndOneComplaint()
    {
        using TestDriver driver = Start();
        using (FileStream file = File.Open(_path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            file.SetLength(1000);

        Assert.Equal((IoError, 1u), Pair(Send(driver, 0, 1, read: 512)));
        Assert.Equal((IoError, 1u), Pair(Send(driver, 0, 9, read: 512)));
        Assert.Equal(Ok, Send(driver, 0, 0, read: 512).Status);
        Assert.Equal(
            [$"cannot read at sector 1 of '{_path}': the file has become shorter; the guest gets an I/O error, later ones are not reported"],
            _context.Warnings);
    }

    [Fact]
    public void TheRestOfAnOddFileIsLeftOut()
    {
        File.WriteAllBytes(_path, new byte[1025]);
        using TestDriver driver = Create();
        Assert.Equal(2, driver.Config.Span[0]);
        Assert.Equal([$"'{_path}' has 1025 bytes; its last 1 do not fill a sector of 512 and are left out"], _context.Warnings);
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
        using TestDriver driver = Start();
        Send(driver, 1, 1, write: new byte[512]);
        File.Delete(_path);
        for (int i = 0; i < 3; i++)
        {
            driver.Reset();
            driver.Start();
            Assert.Equal(new byte[512], Send(driver, 0, 1, read: 512).Data);
        }
    }

    /// <summary>Random reads and writes, several at a time, against a copy of the disk in memory.</summary>
    [Fact]
    public void KeepsWhatIsWrittenThroughALongRun()
    {
        var random = new Random(3);
        using (TestDriver driver = Start())
        {
            for (int round = 0; round < 500; round++)
            {
                int sector = random.Next(Sectors);
                byte[] data = new byte[(1 + random.Next(Math.Min(8, Sectors - sector))) * 512];
                random.NextBytes(data);
                if (random.Next(2) == 0)
                {
                    Assert.Equal(Ok, Send(driver, 1, (ulong)sector, write: data).Status);
                    data.CopyTo(_content.AsSpan(sector * 512));
                }
                else
                {
                    Assert.Equal(_content.AsSpan(sector * 512, data.Length).ToArray(), Send(driver, 0, (ulong)sector, read: data.Length).Data);
                }
            }
        }

        Assert.Equal(_content, File.ReadAllBytes(_path));
    }

    private static (byte Status, uint Used) Pair((byte Status, uint Used, byte[] Data) answer) => (answer.Status, answer.Used);

    [Fact]
    public void FlushesThatWaitTogetherAreAllAnsweredBeforeWhatComesAfterThem()
    {
        using TestDriver driver = Create();
        RequestType[] types = [RequestType.Flush, RequestType.Flush, RequestType.Flush, RequestType.GetId, RequestType.Flush];
        Chain[] requests = [.. types.Select(type => Request((uint)type, 0))];
        driver.Queues[0].Submit(requests);
        driver.Start();
        IReadOnlyList<Completion> answers = driver.Queues[0].WaitForAll();
        Assert.Equal(requests, answers.Select(a => a.Chain));
        Assert.All(answers, answer => Assert.Equal([Ok], answer.Written));
    }

    [Fact]
    public void FlushesThatFailTogetherAllFail()
    {
        using TestDriver driver = Create(file: "/dev/null");
        driver.Queues[0].Submit(Request((uint)RequestType.Flush, 0), Request((uint)RequestType.Flush, 0));
        driver.Start();
        Assert.All(driver.Queues[0].WaitForAll(), answer => Assert.Equal([IoError], answer.Written));
    }
}
