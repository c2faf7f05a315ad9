// SPDX-License-Identifier: GPL-2.0-or-later
using System.IO.Pipes;
using System.Text;
using LguestPlug.Console;
using LguestPlug.Testing;
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
    private readonly TestDeviceContext _context = new();
    private readonly ManualClock _clock = new();

    public void Dispose()
    {
        _keyboard.Dispose();
        _screen.Dispose();
    }

    private TestDriver Create(SafeFileHandle? input = null, SafeFileHandle? output = null, RawTerminal? terminal = null) =>
        new(
            new ConsoleDevice(
                input ?? Borrow(_keyboard.ClientSafePipeHandle),
                ConsoleOutput.From(output ?? Borrow(_screen.ClientSafePipeHandle)),
                terminal,
                _context,
                _clock),
            _context);

    private TestDriver Start(SafeFileHandle? input = null, SafeFileHandle? output = null, RawTerminal? terminal = null) => Create(input, output, terminal).Start();

    private static SafeFileHandle Borrow(System.Runtime.InteropServices.SafeHandle handle) => new(handle.DangerousGetHandle(), ownsHandle: false);

    private string ReadScreen(int count) => Encoding.ASCII.GetString(ReadScreenBytes(count));

    /// <summary>What is printed, or a failure: a console that has stopped must not hang its tests.</summary>
    private byte[] ReadScreenBytes(int count)
    {
        byte[] buffer = new byte[count];
        Assert.True(Task.Run(() => _screen.ReadExactly(buffer)).Wait(TimeSpan.FromSeconds(30)), $"fewer than {count} bytes were printed");
        return buffer;
    }

    private static void Post(TestDriver driver, int length) => driver.Queues[Receive].Submit(new Chain().Writable(length));

    private static void Print(TestDriver driver, ReadOnlySpan<byte> text) => Assert.Equal(0u, driver.Queues[Transmit].Send(new Chain().Readable(text)).Length);

    [Fact]
    public void IsWhatTheCLauncherOffers()
    {
        using TestDriver driver = Start();
        Assert.Equal(3, driver.Device.DeviceId);
        Assert.Equal(0ul, driver.OfferedFeatures);
        Assert.Equal(0, driver.Config.Length);
        Assert.Equal([256, 256], driver.Queues.Select(q => q.Size));
    }

    [Fact]
    public void PiecesThatWaitTogetherComeOutInOrderAndAreAllHandedBack()
    {
        using TestDriver driver = Create();
        string[] pieces = ["Linux ", "", new string('x', 200_000), "version 3.11", "\n"];
        Chain[] chains = [.. pieces.Select(piece => new Chain().Readable(Encoding.ASCII.GetBytes(piece)))];
        driver.Queues[Transmit].Submit(chains);
        driver.Start();

        // The long one is more than a pipe or a batch holds.
        Assert.Equal(string.Concat(pieces), ReadScreen(pieces.Sum(piece => piece.Length)));
        Assert.Equal(chains, driver.Queues[Transmit].WaitForAll().Select(c => c.Chain));
    }

    [Fact]
    public void GivesWhatIsTypedAndInterruptsAtOnce()
    {
        using TestDriver driver = Start();
        Post(driver, 100);
        Post(driver, 100);
        _keyboard.Write("ls\r"u8);
        Assert.Equal("ls\r"u8.ToArray(), driver.Queues[Receive].WaitForCompletion().Written);
        driver.Queues[Receive].WaitForInterrupt();
        _keyboard.Write("x"u8);
        Assert.Equal("x"u8.ToArray(), driver.Queues[Receive].WaitForCompletion().Written);
        driver.Queues[Receive].WaitForInterrupt();
    }

    [Fact]
    public void GivesNoMoreThanThereIsRoomFor()
    {
        using TestDriver driver = Start();
        _keyboard.Write("abcdef"u8);
        Assert.Equal("abcd"u8.ToArray(), driver.Queues[Receive].Send(new Chain().Writable(4, 1, 2)).Written);
        Completion rest = driver.Queues[Receive].Send(new Chain().Writable(new byte[4]));
        Assert.Equal("ef"u8.ToArray(), rest.Written);
        Assert.Equal("ef\0\0"u8.ToArray(), rest.Writable);
    }

    [Fact]
    public void PrintsAllPiecesInOrder()
    {
        using TestDriver driver = Start();
        Chain text = new Chain().Readable("hello, world\n"u8, 1, 4, 6);
        Assert.Equal(0u, driver.Queues[Transmit].Send(text).Length);
        Assert.Equal("hello, world\n", ReadScreen(13));
        driver.Queues[Transmit].WaitForInterrupt();
        for (int seed = 0; seed < 100; seed++)
        {
            driver.Queues[Transmit].Send(text.Scattered(seed));
            Assert.Equal("hello, world\n", ReadScreen(13));
        }
    }

    [Fact]
    public void PrintsMoreThanAPipeHoldsAsItIsRead()
    {
        using TestDriver driver = Start();
        byte[] text = new byte[300_000];
        new Random(5).NextBytes(text);
        driver.Queues[Transmit].Submit(new Chain().Readable(text, 1, 100_000, 17));
        Assert.Equal(text, ReadScreenBytes(text.Length));
        driver.Queues[Transmit].WaitForCompletion();
    }

    [Fact]
    public void AReaderThatStopsReadingDoesNotHoldUpAReset()
    {
        using TestDriver driver = Start();
        driver.Queues[Transmit].Submit(new Chain().Readable(new byte[300_000]));
        ReadScreen(1);
        driver.Reset();
        Assert.False(driver.IsRunning);
    }

    [Fact]
    public void DoesNotChangeTheModeOfTheFileItWasGiven()
    {
        using TestDriver driver = Start();
        int flags = LibC.fcntl((int)_screen.ClientSafePipeHandle.DangerousGetHandle(), LibC.F_GETFL);
        Assert.Equal(0, flags & LibC.O_NONBLOCK);
    }

    [Fact]
    public void GoesOnWhenNobodyReads()
    {
        using TestDriver driver = Start();
        _screen.Dispose();
        for (int i = 0; i < 3; i++)
            Print(driver, "lost"u8);

        Assert.Equal(["console output cannot be written (Broken pipe); it is lost from here on"], _context.Warnings);
    }

    /// <summary>The host may have to show it when the guest dies, and where it went tells whether it has been seen.</summary>
    [Fact]
    public void TellsTheHostWhatIsPrintedAndWhereTo()
    {
        using TestDriver driver = Start();
        Print(driver, "seen"u8);
        Assert.Equal("seen", ReadScreen(4));
        _screen.Dispose();
        Print(driver, "lost"u8);
        Print(driver, "too"u8);
        Assert.Equal(["seen", "lost", "too"], _context.Printed.Select(p => p.Text));
        Assert.Equal([true, false, false], _context.Printed.Select(p => p.WrittenTo is not null));
    }

    [Fact]
    public void PrintsIntoAFile()
    {
        string path = Path.GetTempFileName();
        try
        {
            using (TestDriver driver = Start(output: File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)))
            {
                Print(driver, "one\n"u8);
                Print(driver, "two\n"u8);
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
        using TestDriver driver = Start(input);
        if (input is null)
            Assert.Equal(4u, driver.Queues[Receive].Send(new Chain().Writable(10)).Length);

        _keyboard.Dispose();
        Post(driver, 10);
        driver.WaitUntil(() => _context.Log.Any(entry => entry.Message.Contains("the guest goes on without", StringComparison.Ordinal)), "the end was not noticed");
        Print(driver, "still here"u8);
        Assert.Equal("still here", ReadScreen(10));
        Assert.Null(driver.Queues[Receive].TryGetCompletion());
        driver.Reset();
        driver.Start();
        Post(driver, 10);
        Print(driver, "and here"u8);
        Assert.Equal("and here", ReadScreen(8));
        Assert.Equal(kind == "closed" ? 1 : 0, _context.Warnings.Count);
    }

    [Fact]
    public void ThreeControlCWithinASecondAskForTheEnd()
    {
        using TestDriver driver = Start();
        for (int i = 0; i < 3; i++)
        {
            Assert.Empty(_context.StopRequests);
            Post(driver, 10);
            _keyboard.Write([ControlC]);
            Assert.Equal([ControlC], driver.Queues[Receive].WaitForCompletion().Written);
            _clock.Advance(TimeSpan.FromSeconds(0.4));
        }

        driver.WaitUntil(() => _context.StopRequests.Count > 0, "the stop was not asked for");
        Assert.Equal(["three ^C within a second"], _context.StopRequests);
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
        using (TestDriver driver = Start(Borrow(pty.Terminal), Borrow(pty.Terminal), RawTerminal.For(pty.Terminal)))
        {
            Assert.Equal(before & ~keys, pty.LocalModes);

            // A key comes without a line's end, ^C as a byte, and neither is echoed.
            foreach (byte key in new[] { (byte)'q', ControlC })
            {
                Post(driver, 16);
                pty.Type(key);
                Assert.Equal([key], driver.Queues[Receive].WaitForCompletion().Written);
            }

            Print(driver, "out\n"u8);
            Assert.Equal("out\r\n", pty.Screen(100));

            driver.Reset();
            Assert.Equal(before, pty.LocalModes);
            driver.Start();
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
        using (TestDriver driver = Start())
        {
            driver.Queues[Receive].Submit(new Chain().Readable([1]));
            Assert.Equal("queue receive, descriptor 0: a device-readable descriptor in the receive queue", driver.WaitForFault().Message);
        }

        using (TestDriver driver = Start())
        {
            driver.Queues[Transmit].Submit(new Chain().Writable(1));
            Assert.Equal("queue transmit, descriptor 0: a device-writable descriptor in the transmit queue", driver.WaitForFault().Message);
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
