// SPDX-License-Identifier: GPL-2.0-or-later
using System.IO.Pipes;
using System.Text;
using LguestPlug.Console;
using LguestPlug.Testing;
using LguestPlug.Virtio;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace LguestPlug.Plugins.Tests;

/// <summary>The console, with pipes, files and a real pseudo-terminal.</summary>
public sealed class ConsoleDeviceTests : IDisposable
{
    private const int Receive = 0;
    private const int Transmit = 1;
    private const byte ControlC = 3;

    private readonly AnonymousPipeServerStream _keyboard = new(PipeDirection.Out);
    private readonly AnonymousPipeServerStream _screen = new(PipeDirection.In);
    private readonly RecordingContext _context = new();
    private readonly ManualClock _clock = new();

    public void Dispose()
    {
        _keyboard.Dispose();
        _screen.Dispose();
    }

    private DeviceBench Start(SafeFileHandle? input = null, SafeFileHandle? output = null, RawTerminal? terminal = null) =>
        new DeviceBench(new ConsoleDevice(
            input ?? Borrow(_keyboard.ClientSafePipeHandle),
            ConsoleOutput.From(output ?? Borrow(_screen.ClientSafePipeHandle)),
            terminal,
            _context,
            _clock)).Start();

    private static SafeFileHandle Borrow(System.Runtime.InteropServices.SafeHandle handle) => new(handle.DangerousGetHandle(), ownsHandle: false);

    private string ReadScreen(int count)
    {
        byte[] buffer = new byte[count];
        _screen.ReadExactly(buffer);
        return Encoding.ASCII.GetString(buffer);
    }

    private static GuestBuffer Post(DeviceBench bench, int length)
    {
        GuestBuffer buffer = bench.Allocate(length);
        bench.Queues[Receive].Add([], [buffer]);
        bench.Queues[Receive].Kick();
        return buffer;
    }

    [Fact]
    public void IsWhatTheCLauncherOffers()
    {
        using DeviceBench bench = Start();
        Assert.Equal(3, bench.Runner.Device.DeviceId);
        Assert.Equal(0ul, bench.Runner.OfferedFeatures);
        Assert.Equal(0, bench.Runner.Device.Config.Length);
        Assert.Equal([256, 256], bench.Runner.Queues.Select(q => (int)q.Size));
    }

    [Fact]
    public void PiecesThatWaitTogetherComeOutInOrderAndAreAllHandedBack()
    {
        using var bench = new DeviceBench(new ConsoleDevice(
            Borrow(_keyboard.ClientSafePipeHandle), ConsoleOutput.From(Borrow(_screen.ClientSafePipeHandle)), null, _context, _clock));
        string[] pieces = ["Linux ", "", new string('x', 200_000), "version 3.11", "\n"];
        List<int> heads = [.. pieces.Select(piece => bench.Queues[Transmit].Add([bench.Allocate(Encoding.ASCII.GetBytes(piece))], []))];
        bench.Start();

        // The long one is more than a pipe or a batch holds.
        Assert.Equal(string.Concat(pieces), ReadScreen(pieces.Sum(piece => piece.Length)));
        Assert.All(heads, head => Assert.Equal(new UsedChain(head, 0), bench.WaitForUsed(Transmit)));
    }

    [Fact]
    public void GivesWhatIsTypedAndInterruptsAtOnce()
    {
        using DeviceBench bench = Start();
        GuestBuffer first = Post(bench, 100);
        GuestBuffer second = Post(bench, 100);
        _keyboard.Write("ls\r"u8);
        Assert.Equal(3u, bench.WaitForUsed(Receive).Length);
        bench.WaitForInterrupt(Receive);
        Assert.Equal("ls\r"u8.ToArray(), bench.Read(first)[..3]);
        _keyboard.Write("x"u8);
        Assert.Equal(1u, bench.WaitForUsed(Receive).Length);
        bench.WaitForInterrupt(Receive);
        Assert.Equal((byte)'x', bench.Read(second)[0]);
    }

    [Fact]
    public void GivesNoMoreThanThereIsRoomFor()
    {
        using DeviceBench bench = Start();
        _keyboard.Write("abcdef"u8);
        GuestBuffer first = bench.Allocate(4);
        Assert.Equal(4u, bench.Request(Receive, [], DeviceBench.Cut(first, 1, 2)).Length);
        Assert.Equal("abcd"u8.ToArray(), bench.Read(first));
        GuestBuffer second = bench.Allocate(4);
        Assert.Equal(2u, bench.Request(Receive, [], [second]).Length);
        Assert.Equal("ef\0\0"u8.ToArray(), bench.Read(second));
    }

    [Fact]
    public void PrintsAllPiecesInOrder()
    {
        using DeviceBench bench = Start();
        GuestBuffer text = bench.Allocate("hello, world\n"u8);
        Assert.Equal(0u, bench.Request(Transmit, DeviceBench.Cut(text, 1, 4, 6), []).Length);
        Assert.Equal("hello, world\n", ReadScreen(13));
        bench.WaitForInterrupt(Transmit);
    }

    [Fact]
    public void PrintsMoreThanAPipeHoldsAsItIsRead()
    {
        using DeviceBench bench = Start();
        byte[] text = new byte[300_000];
        new Random(5).NextBytes(text);
        bench.Queues[Transmit].Add(DeviceBench.Cut(bench.Allocate(text), 1, 100_000, 17), []);
        bench.Queues[Transmit].Kick();
        byte[] read = new byte[text.Length];
        _screen.ReadExactly(read);
        Assert.Equal(text, read);
        bench.WaitForUsed(Transmit);
    }

    [Fact]
    public void AReaderThatStopsReadingDoesNotHoldUpAReset()
    {
        using DeviceBench bench = Start();
        bench.Queues[Transmit].Add([bench.Allocate(new byte[300_000])], []);
        bench.Queues[Transmit].Kick();
        _screen.ReadByte();
        bench.Reset();
        Assert.Equal(DeviceRunState.Stopped, bench.Runner.State);
    }

    [Fact]
    public void DoesNotChangeTheModeOfTheFileItWasGiven()
    {
        using DeviceBench bench = Start();
        int flags = LibC.fcntl((int)_screen.ClientSafePipeHandle.DangerousGetHandle(), LibC.F_GETFL);
        Assert.Equal(0, flags & LibC.O_NONBLOCK);
    }

    [Fact]
    public void GoesOnWhenNobodyReads()
    {
        using DeviceBench bench = Start();
        _screen.Dispose();
        for (int i = 0; i < 3; i++)
            bench.Request(Transmit, [bench.Allocate("lost"u8)], []);

        Assert.Equal(["console output cannot be written (Broken pipe); it is lost from here on"], _context.Complaints);
    }

    [Fact]
    public void PrintsIntoAFile()
    {
        string path = Path.GetTempFileName();
        try
        {
            using (DeviceBench bench = Start(output: File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)))
            {
                bench.Request(Transmit, [bench.Allocate("one\n"u8)], []);
                bench.Request(Transmit, [bench.Allocate("two\n"u8)], []);
            }

            Assert.Equal("one\ntwo\n", File.ReadAllText(path));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData("end of a pipe")]
    [InlineData("/dev/null")]
    [InlineData("closed")]
    public void KeepsTheGuestRunningWithoutInput(string kind)
    {
        SafeFileHandle? input = kind switch
        {
            "/dev/null" => File.OpenHandle("/dev/null"),
            "closed" => new SafeFileHandle(0x7FFF_FFF0, ownsHandle: false),
            _ => null,
        };
        _keyboard.Write("last"u8);
        using DeviceBench bench = Start(input);
        if (input is null)
            Assert.Equal(4u, bench.Request(Receive, [], [bench.Allocate(10)]).Length);

        _keyboard.Dispose();
        Post(bench, 10);
        bench.WaitUntil(() => _context.Messages.Any(m => m.Contains("the guest goes on without", StringComparison.Ordinal)), "the end was not noticed");
        bench.Request(Transmit, [bench.Allocate("still here"u8)], []);
        Assert.Equal("still here", ReadScreen(10));
        Assert.Null(bench.Queues[Receive].Collect());
        bench.Reset();
        bench.Start();
        Post(bench, 10);
        bench.Request(Transmit, [bench.Allocate("and here"u8)], []);
        Assert.Equal("and here", ReadScreen(8));
        Assert.Equal(kind == "closed" ? 1 : 0, _context.Complaints.Count);
    }

    [Fact]
    public void ThreeControlCWithinASecondAskForTheEnd()
    {
        using DeviceBench bench = Start();
        for (int i = 0; i < 3; i++)
        {
            Assert.Empty(_context.StopReasons);
            GuestBuffer key = Post(bench, 10);
            _keyboard.Write([ControlC]);
            bench.WaitForUsed(Receive);
            Assert.Equal(ControlC, bench.Read(key)[0]);
            _clock.Advance(TimeSpan.FromSeconds(0.4));
        }

        bench.WaitUntil(() => !_context.StopReasons.IsEmpty, "the stop was not asked for");
        Assert.Equal(["three ^C within a second"], _context.StopReasons);
    }

    [Fact]
    public void EscapeKeyWantsThreeAloneAndQuickly()
    {
        var key = new EscapeKey(_clock);
        bool Press(double secondsBefore, long bytes = 1, byte first = ControlC)
        {
            _clock.Advance(TimeSpan.FromSeconds(secondsBefore));
            return key.Note(bytes, first);
        }

        Assert.False(Press(0));
        Assert.False(Press(0.1));
        Assert.True(Press(0.1));

        // The count begins anew.
        Assert.False(Press(0.1));
        Assert.False(Press(0.1));

        // Another key in between.
        Assert.False(Press(0.1, first: (byte)'x'));
        Assert.False(Press(0.1));
        Assert.False(Press(0.1));

        // Three at once are pasted, not pressed.
        Assert.False(Press(0.1, bytes: 3));
        Assert.False(Press(0.1));

        // Too slow: but the last two count for a fourth that is quick.
        Assert.False(Press(1));
        Assert.False(Press(1));
        Assert.True(Press(0.2));
    }

    [Fact]
    public void MakesATerminalRawWhileTheGuestUsesIt()
    {
        using var pty = new Pty();
        uint before = pty.LocalModes;
        uint keys = LibC.ISIG | LibC.ICANON | LibC.ECHO;
        Assert.Equal(keys, before & keys);
        using (DeviceBench bench = Start(Borrow(pty.Terminal), Borrow(pty.Terminal), RawTerminal.For(pty.Terminal)))
        {
            Assert.Equal(before & ~keys, pty.LocalModes);

            // A key comes without a line's end, ^C as a byte, and neither is echoed.
            foreach (byte key in new[] { (byte)'q', ControlC })
            {
                GuestBuffer buffer = Post(bench, 16);
                pty.Type(key);
                Assert.Equal(1u, bench.WaitForUsed(Receive).Length);
                Assert.Equal(key, bench.Read(buffer)[0]);
            }

            bench.Request(Transmit, [bench.Allocate("out\n"u8)], []);
            Assert.Equal("out\r\n", pty.Screen(100));

            bench.Reset();
            Assert.Equal(before, pty.LocalModes);
            bench.Start();
            Assert.Equal(before & ~keys, pty.LocalModes);
        }

        Assert.Equal(before, pty.LocalModes);
    }

    [Fact]
    public void LeavesATerminalAloneThatTheGuestNeverUses()
    {
        using var pty = new Pty();
        uint before = pty.LocalModes;
        using var terminal = RawTerminal.For(pty.Terminal);
        Assert.Equal(before, pty.LocalModes);
    }

    [Fact]
    public void KnowsWhatIsNoTerminal() => Assert.Null(RawTerminal.For(_keyboard.ClientSafePipeHandle));

    [Fact]
    public void FaultsOnABufferOfTheWrongDirection()
    {
        using (DeviceBench bench = Start())
        {
            bench.Queues[Receive].Add([bench.Allocate(1)], []);
            bench.Queues[Receive].Kick();
            Assert.Equal("test0: queue receive, descriptor 0: a device-readable descriptor in the receive queue", bench.WaitForFault().ToString());
        }

        using (DeviceBench bench = Start())
        {
            bench.Queues[Transmit].Add([], [bench.Allocate(1)]);
            bench.Queues[Transmit].Kick();
            Assert.Equal("test0: queue transmit, descriptor 0: a device-writable descriptor in the transmit queue", bench.WaitForFault().ToString());
        }
    }

    private sealed class ManualClock : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Read(ref _now);

        public void Advance(TimeSpan by) => Interlocked.Add(ref _now, by.Ticks);
    }
}
