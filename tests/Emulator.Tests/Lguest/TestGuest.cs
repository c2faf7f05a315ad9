// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using LguestPlug.Emulator.Lguest;

namespace LguestPlug.Emulator.Tests.Lguest;

/// <summary>A guest of a few hand-assembled instructions in 1 MiB of memory, with its shared data and a handler table at fixed places.</summary>
internal sealed unsafe class TestGuest : IDisposable
{
    public const uint Pages = 256;
    public const uint Entry = 0x10000, Handlers = 0x20000, Data = 0x30000, Text = 0x40000, Stack = 0x50000, Tables = 0x60000, Page = 0x80000;

    // Offsets in the shared data (layout of 3.1).
    public const uint InterruptsEnabled = 0, Blocked = 4, Cr2 = 8, Seconds = 12, InterruptPending = 20, RingStatus = 24, Ring = 88,
        NoInterruptStart = 1376, KernelAddress = 1384, SystemCallVector = 1388;

    private readonly List<byte> _code = [];
    private readonly byte* _memory = (byte*)NativeMemory.AlignedAlloc(Pages * 4096, 4096);
    private LguestMachine? _machine;

    public TestGuest()
    {
        NativeMemory.Clear(_memory, Pages * 4096);
        new Span<byte>(_memory + Data + RingStatus, LguestData.RingSlots).Fill(LguestData.SlotFree);
        Write(Data + Blocked, 0);
        Write(Data + KernelAddress, 0xC0000000);
        Write(Data + SystemCallVector, 0x80);
        Emit(0xBC).Emit32(Stack); // mov $Stack, %esp
    }

    public nint Memory => (nint)_memory;

    public LguestMachineOptions Options { get; set; } = new();

    public LguestMachine Machine
    {
        get
        {
            if (_machine is null)
            {
                CollectionsMarshal.AsSpan(_code).CopyTo(new Span<byte>(_memory + Entry, 0x8000));
                _machine = new LguestMachine(Memory, Pages, Entry, Options);
            }

            return _machine;
        }
    }

    /// <summary>Address of the next emitted instruction.</summary>
    public uint Here => Entry + (uint)_code.Count;

    public uint Read(uint address) => BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(_memory + address, 4));

    public void Write(uint address, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(new Span<byte>(_memory + address, 4), value);

    public byte ReadByte(uint address) => _memory[address];

    public TestGuest Emit(params byte[] code)
    {
        _code.AddRange(code);
        return this;
    }

    public TestGuest Emit32(uint value) => Emit((byte)value, (byte)(value >> 8), (byte)(value >> 16), (byte)(value >> 24));

    /// <summary>Emits a hypercall.</summary>
    public TestGuest Call(uint number, uint arg1 = 0, uint arg2 = 0, uint arg3 = 0) =>
        Emit(0xB8).Emit32(number).Emit(0xBB).Emit32(arg1).Emit(0xB9).Emit32(arg2).Emit(0xBA).Emit32(arg3).Emit(0xCD, 0x1F);

    public TestGuest Initialize() => Call(Hypercall.Initialize, Data);

    /// <summary>Emits <c>movl $value, address</c>.</summary>
    public TestGuest Store(uint address, uint value) => Emit(0xC7, 0x05).Emit32(address).Emit32(value);

    /// <summary>Emits a power-off that gives <paramref name="text"/> as the reason.</summary>
    public TestGuest PowerOff(string text)
    {
        uint address = Text + ((uint)_code.Count * 16);
        Encoding.ASCII.GetBytes(text).CopyTo(new Span<byte>(_memory + address, 128));
        return Call(Hypercall.Shutdown, address, 1);
    }

    /// <summary>Puts a handler into memory and emits its registration.</summary>
    public TestGuest Gate(uint vector, uint type, params byte[] handler)
    {
        uint address = Handlers + (vector * 64);
        handler.CopyTo(new Span<byte>(_memory + address, 64));
        return Call(Hypercall.LoadIdtEntry, vector, 0x600000 | (address & 0xFFFF), (address & 0xFFFF0000) | type);
    }

    /// <summary>Puts a hypercall into a slot of the asynchronous ring.</summary>
    public TestGuest Queue(uint slot, uint number, uint arg1 = 0, uint arg2 = 0, uint arg3 = 0)
    {
        uint call = Data + Ring + (slot * 20);
        Write(call, number);
        Write(call + 4, arg1);
        Write(call + 8, arg2);
        Write(call + 12, arg3);
        _memory[Data + RingStatus + slot] = 0;
        return this;
    }

    /// <summary>Runs to the guest's death and returns the reason.</summary>
    public string? RunToDeath()
    {
        GuestExit exit = Machine.Run();
        Assert.Equal(GuestExitKind.Died, exit.Kind);
        return exit.Reason;
    }

    /// <summary>The same; another thread raises an interrupt when the guest sleeps for the first time, and not before.</summary>
    public string? RunToDeathWokenBy(int irq)
    {
        LguestMachine machine = Machine;
        bool isOver = false;
        var waker = new Thread(() =>
        {
            SpinWait.SpinUntil(() => Volatile.Read(ref isOver) || machine.Statistics.Sleeps > 0);
            machine.RaiseInterrupt(irq);
        });
        waker.Start();
        try
        {
            return RunToDeath();
        }
        finally
        {
            Volatile.Write(ref isOver, true);
            waker.Join();
        }
    }

    public void Dispose()
    {
        _machine?.Dispose();
        NativeMemory.AlignedFree(_memory);
    }
}
