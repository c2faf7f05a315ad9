// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Block;
using LguestPlug.Console;
using LguestPlug.Net;
using LguestPlug.Rng;
using LguestPlug.Virtio;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace LguestPlug.Fuzz.Targets;

/// <summary>
/// The input names a device and accepted features, and goes on with what a driver does: chains built, whole or descriptor by descriptor,
/// memory and configuration written, queues kicked, resets. The devices are the real ones, on a file, a tap of a network of its own
/// (as root; else that device is left out), and files in memory for the console.
/// </summary>
internal sealed partial class DevicesTarget : FuzzTarget
{
    private const int Kinds = 5, Pages = 64, LimitPages = 60, Page = GuestMemory.PageSize, RingPages = 16, MaximumSteps = 128, MaximumServices = 64;
    private const int DiskBytes = 64 * 512, NewNetwork = 0x40000000;

    private readonly DriverMemory _memory = new(Pages, LimitPages);
    private readonly QueueSignals _signals = new();
    private readonly MemoryFile _disk = new("disk"), _input = new("keyboard"), _output = new("screen");
    private readonly byte[] _diskContent = [.. Enumerable.Range(0, DiskBytes).Select(i => (byte)(i / 512))];
    private readonly byte[] _keys = [.. Enumerable.Range(0, 400).Select(i => (byte)(i % 7 == 0 ? 3 : i))];
    private readonly Context _context = new();
    private readonly VirtioDevice? _card;

    private VirtioDevice _device = null!;
    private ulong _accepted;
    private EagerQueue[] _queues = [];
    private Vring[] _rings = [];
    private int _next;

    public DevicesTarget()
    {
        // This thread's alone; the tap is made in it. What is sent there reaches nobody.
        if (unshare(NewNetwork) == 0)
            _card = new NetPlugin().Create(new NetOptions { Ip = IPv4Address.Parse("192.168.19.1", null) }, _context);
    }

    /// <summary>Whether there is a network card to try.</summary>
    public bool HasNetwork => _card is not null;

    public override void Run(ReadOnlySpan<byte> input)
    {
        _memory.Clear();
        Span<byte> all = _memory.Bytes;
        _disk.Content = _diskContent;
        _output.Content = [];
        _next = RingPages * Page;

        var reader = new InputReader(input);
        int kind = reader.Byte() % Kinds;
        _accepted = reader.UInt32();
        _device = Create(kind);
        try
        {
            _accepted &= _device.Features;
            Start();
            for (int step = 0; step < MaximumSteps && !reader.IsAtEnd; step++)
            {
                try
                {
                    Step(ref reader, all);
                }
                catch (DeviceFaultException e)
                {
                    if (e.Message.Length == 0 || e.Message.Contains('\n', StringComparison.Ordinal))
                        throw new FuzzDefectException($"the message is not one line: {e.Message}");

                    Restart();
                }
            }

            _device.Reset();
        }
        finally
        {
            if (_device != _card)
                _device.Dispose();
        }

        _memory.CheckBeyond();

        if (_disk.Length != DiskBytes)
            throw new FuzzDefectException($"the disk has {_disk.Length} bytes now");
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _card?.Dispose();
            _signals.Dispose();
            _memory.Dispose();
            _disk.Dispose();
            _input.Dispose();
            _output.Dispose();
        }

        base.Dispose(disposing);
    }

    private VirtioDevice Create(int kind)
    {
        switch (kind)
        {
            case 0 or 1:
                return new BlockPlugin().Create(new BlockOptions { File = _disk.Path, ReadOnly = kind == 1, Serial = "fuzzed" }, _context);
            case 2:
                _input.Content = _keys;
                return new ConsoleDevice(
                    File.OpenHandle(_input.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite),
                    ConsoleOutput.From(File.OpenHandle(_output.Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)),
                    terminal: null,
                    _context,
                    TimeProvider.System);
            case 3 when _card is not null:
                return _card;
            default:
                return new RngPlugin().Create(new RngOptions(), _context);
        }
    }

    private void Start()
    {
        _device.Start(_accepted);
        ulong address = 0;
        _rings = new Vring[_device.Queues.Count];
        _queues = new EagerQueue[_rings.Length];
        for (int i = 0; i < _rings.Length; i++)
        {
            _rings[i] = new Vring(_memory.Guest, address, _device.Queues[i].Size);
            _rings[i].Clear();
            _queues[i] = new EagerQueue(new Virtqueue(_device.Queues[i].Name, _memory.Guest, _rings[i], new VirtqueueState(), _signals, static () => { }, _accepted));
            address += (ulong)(Vring.PageCount(_rings[i].Size) * Page);
        }
    }

    private void Restart()
    {
        _device.Reset();
        Start();
    }

    private void Step(ref InputReader reader, Span<byte> all)
    {
        int step = reader.Byte();
        int queue = step / 16 % _queues.Length;
        switch (step % 16)
        {
            case 0 or 1 or 2 or 3 or 4:
                PostChain(ref reader, queue, all, isIndirect: step % 16 == 4);
                break;
            case 5 or 6:
                Serve(queue);
                break;
            case 7:
                int index = reader.UInt16() % _rings[queue].Size;
                ulong address = (reader.Byte() & 7) != 0 ? (ulong)reader.UInt16() * 4 : reader.UInt64();
                uint length = (reader.Byte() & 7) != 0 ? reader.UInt16() : reader.UInt32();
                _memory.SetDescriptor((int)_rings[queue].Address + (index * 16), address, length, reader.Byte(), reader.Byte());
                break;
            case 8:
                Publish(queue, reader.UInt16(), all);
                break;
            case 9 or 10:
                int at = (reader.UInt16() * 4) % ((LimitPages * Page) - 16);
                reader.Bytes(1 + (step / 16)).CopyTo(all[at..]);
                break;
            case 11:
                byte[] config = new byte[_device.Config.Length];
                reader.Bytes(config.Length).CopyTo(config);
                _device.ConfigWritten(config);
                break;
            case 12:
                _accepted = reader.UInt32() & _device.Features;
                Restart();
                break;
            default:
                break;
        }
    }

    /// <summary>A chain of a few pieces one behind the other in memory; what the device reads begins as the input says.</summary>
    private void PostChain(ref InputReader reader, int queue, Span<byte> all, bool isIndirect)
    {
        const int MaximumPieces = 7;
        int pieces = 1 + (reader.Byte() % MaximumPieces);
        int table = isIndirect ? Take(MaximumPieces * 16) : (int)_rings[queue].Address;
        int first = isIndirect ? 0 : reader.Byte() & 0x7F;
        for (int i = 0; i < pieces; i++)
        {
            int shape = reader.Byte();
            int length = (shape & 0x0C) switch { 0 => 16, 4 => 512, 8 => reader.Byte(), _ => reader.UInt16() % (4 * Page) };
            int start = Take(length);
            reader.Bytes(Math.Min(length, shape >> 4)).CopyTo(all[start..]);
            int flags = ((shape & 1) != 0 ? 2 : 0) | (i + 1 < pieces ? 1 : 0);
            _memory.SetDescriptor(table + ((first + i) * 16), (ulong)start, (uint)length, (ushort)flags, (ushort)(first + i + 1));
        }

        if (isIndirect)
            _memory.SetDescriptor((int)_rings[queue].Address, (ulong)table, (uint)(pieces * 16), 4, 0);

        Publish(queue, (ushort)first, all);
    }

    /// <summary>Some memory that was not given away lately.</summary>
    private int Take(int length)
    {
        if (_next + length > LimitPages * Page)
            _next = RingPages * Page;

        int start = _next;
        _next += (length + 15) / 16 * 16;
        return start;
    }

    private void Publish(int queue, ushort head, Span<byte> all)
    {
        int size = _rings[queue].Size;
        Span<ushort> available = MemoryMarshal.Cast<byte, ushort>(all.Slice((int)_rings[queue].Address + (16 * size), 4 + (2 * size)));
        available[2 + (available[1] & (size - 1))] = head;
        available[1]++;
    }

    private void Serve(int number)
    {
        EagerQueue queue = _queues[number];
        for (int i = 0; i < MaximumServices && !queue.HasStopped; i++)
            _device.Queues[number].Service(queue);

        if (!queue.HasStopped)
            return;

        // A service that was not kept waiting in the middle of a chain has handed all of them back, and can go on.
        if (queue.IsEmptyHanded)
            queue.GoOn();
        else
            Restart();
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial int unshare(int flags);

    /// <summary>A host that does not listen.</summary>
    private sealed class Context : IDeviceContext
    {
        public string Name => "fuzzed0";

        public ILogger Logger => NullLogger.Instance;

        public void RequestStop(string reason)
        {
        }

        public void ConfigChanged()
        {
        }

        public void GuestPrinted(ReadOnlySpan<byte> text, SafeHandle? writtenTo)
        {
        }
    }
}
