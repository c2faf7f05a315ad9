// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using LguestPlug.Emulator;
using LguestPlug.Emulator.Lguest;

namespace LguestPlug.Fuzz;

/// <summary>
/// A machine of 1 MiB whose memory the fuzzer fills: code is emitted at <see cref="Entry"/>, page tables, shared data and handlers have
/// fixed places. It runs for some thousand instructions, or until it does nothing any more.
/// </summary>
internal sealed class FuzzedGuest : IDisposable
{
    public const uint Entry = 0x10000, Handlers = 0x20000, Data = 0x30000, Text = 0x40000, Stack = 0x5F000, Tables = 0x60000, TablesEnd = 0x68000, Own = 0x70000, Spare = 0x80000;

    public const uint Pages = 256;

    // Offsets in the shared data (layout of 3.1), besides those that only the hypervisor writes.
    private const uint Blocked = 4, RingStatus = 24, Ring = 88, KernelAddress = 1384, SystemCallVector = 1388;
    private const int Tick = 1, TicksOfSilence = 6, MostRuns = 64, HangSeconds = 60;
    private const long EnoughInstructions = 3000;

    private readonly SurroundedMemory _memory = new((int)Pages << 12);
    private readonly Timer _timer;
    private readonly Lock _stopping = new();
    private LguestMachine? _running;
    private long _since, _instructions;
    private int _silence;
    private int _here;

    public FuzzedGuest() => _timer = new Timer(_ => StopRunning());

    /// <summary>All of the guest's memory.</summary>
    public Span<byte> Memory => _memory.Bytes;

    /// <summary>Address of the next emitted instruction.</summary>
    public uint Here => Entry + (uint)_here;

    /// <summary>Makes it as it was at first: shared data ready for INIT, everything else zero.</summary>
    public void Clear()
    {
        Memory.Clear();
        Memory.Slice((int)(Data + RingStatus), LguestData.RingSlots).Fill(LguestData.SlotFree);
        Write(Data + Blocked, 0);
        Write(Data + KernelAddress, 0xC0000000);
        Write(Data + SystemCallVector, 0x80);
        _here = 0;
        Emit(0xBC).Emit32(Stack); // mov $Stack, %esp
    }

    public void Write(uint address, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(Memory[(int)address..], value);

    public FuzzedGuest Emit(params ReadOnlySpan<byte> code)
    {
        code.CopyTo(Memory[(int)Here..]);
        _here += code.Length;
        return this;
    }

    public FuzzedGuest Emit32(uint value) => Emit((byte)value, (byte)(value >> 8), (byte)(value >> 16), (byte)(value >> 24));

    /// <summary>Emits a hypercall.</summary>
    public FuzzedGuest Call(uint number, uint arg1 = 0, uint arg2 = 0, uint arg3 = 0, uint arg4 = 0) =>
        Emit(0xB8).Emit32(number).Emit(0xBB).Emit32(arg1).Emit(0xB9).Emit32(arg2).Emit(0xBA).Emit32(arg3).Emit(0xBE).Emit32(arg4).Emit(0xCD, 0x1F);

    /// <summary>Emits <c>movl $value, address</c>.</summary>
    public FuzzedGuest Store(uint address, uint value) => Emit(0xC7, 0x05).Emit32(address).Emit32(value);

    /// <summary>Puts a handler into memory and emits its registration.</summary>
    public FuzzedGuest Gate(uint vector, uint type, params ReadOnlySpan<byte> handler)
    {
        uint address = Handlers + (vector * 64);
        handler.CopyTo(Memory[(int)address..]);
        return Call(Hypercall.LoadIdtEntry, vector, 0x600000 | (address & 0xFFFF), (address & 0xFFFF0000) | type);
    }

    /// <summary>Emits a call for a slot of the asynchronous ring: its words, then the status byte.</summary>
    public FuzzedGuest Queue(uint slot, uint number, uint arg1, uint arg2, uint arg3, uint arg4)
    {
        uint call = Data + Ring + (slot * 20);
        Store(call, number).Store(call + 4, arg1).Store(call + 8, arg2).Store(call + 12, arg3).Store(call + 16, arg4);
        return Emit(0xC6, 0x05).Emit32(Data + RingStatus + slot).Emit(0); // movb $0, status
    }

    /// <summary>Writes page tables that map all memory to itself at 0, at 4 MiB and at PAGE_OFFSET, for all rings.</summary>
    public void WriteTables(bool pae)
    {
        const uint Flags = 0x67, Page = 4096;
        if (pae)
        {
            // Four directories of 8-byte entries behind the top level; one table for all three places.
            const uint Directories = Tables + Page, Table = Tables + (5 * Page);
            for (uint i = 0; i < 4; i++)
                Write(Tables + (i * 8), (Directories + (i * Page)) | 1);

            foreach (uint at in (ReadOnlySpan<uint>)[Directories, Directories + 16, Directories + (3 * Page)])
                Write(at, Table | Flags);

            for (uint i = 0; i < Pages; i++)
                Write(Table + (i * 8), (i * Page) | Flags);
        }
        else
        {
            const uint Table = Tables + Page;
            foreach (uint at in (ReadOnlySpan<uint>)[0, 4, 0x300 * 4])
                Write(Tables + at, Table | Flags);

            for (uint i = 0; i < Pages; i++)
                Write(Table + (i * 4), (i * Page) | Flags);
        }
    }

    /// <summary>Runs what was emitted, on through its notifies, until it dies, asks for a restart, or its time is over.</summary>
    /// <exception cref="FuzzDefectException">It did what no guest can do.</exception>
    /// <returns>What became of it.</returns>
    public string Run(LguestMachineOptions options)
    {
        string outcome;
        using (var machine = new LguestMachine(_memory.Address, Pages, Entry, options))
        {
            Begin(machine);
            try
            {
                GuestExit exit = machine.Run();
                for (int i = 0; i < MostRuns && exit.Kind == GuestExitKind.Notify; i++)
                {
                    machine.RaiseInterrupt(i & 31);
                    exit = machine.Run();
                }

                if (exit.Kind == GuestExitKind.Died && string.IsNullOrEmpty(exit.Reason))
                    throw new FuzzDefectException("the guest died of nothing");

                outcome = $"{exit.Kind} {exit.Reason} after {machine.InstructionCount} instructions";
            }
            finally
            {
                End();
            }
        }

        _memory.CheckSurroundings();
        return outcome;
    }

    public void Dispose()
    {
        _timer.Dispose();
        _memory.Dispose();
    }

    private void Begin(LguestMachine machine)
    {
        lock (_stopping)
        {
            _running = machine;
            _since = Environment.TickCount64;
            _silence = 0;
        }

        _timer.Change(Tick, Tick);
    }

    private void End()
    {
        _timer.Change(Timeout.Infinite, Timeout.Infinite);
        lock (_stopping)
            _running = null;
    }

    private void StopRunning()
    {
        lock (_stopping)
        {
            if (_running is null)
                return;

            // One that stands still waits for an interrupt, most likely; or the machine is busy elsewhere, which does no harm.
            long count = _running.InstructionCount;
            _silence = count == _instructions ? _silence + 1 : 0;
            _instructions = count;
            if (count > EnoughInstructions || _silence > TicksOfSilence)
                _running.RequestStop();

            if (Environment.TickCount64 - _since > HangSeconds * 1000)
                Environment.FailFast($"a guest did not end within {HangSeconds} seconds");
        }
    }
}
