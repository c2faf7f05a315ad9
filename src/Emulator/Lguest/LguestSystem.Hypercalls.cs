// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using System.Text;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Lguest;

// The hypercalls. They return nothing: a guest that misuses one is killed.
internal sealed unsafe partial class LguestSystem
{
    /// <summary>Bytes of the text that SHUTDOWN reads.</summary>
    private const uint ShutdownTextSize = 128;

    private bool _hasHypercall;
    private int _nextSlot;
    private uint _notifyAddress;

    private void OnHypercall()
    {
        _hasHypercall = true;
        FinishHypercalls();
        // Everything out of the ordinary is left to the run loop, before the next instruction.
        if (_notifyAddress != 0 || _isHalted || Volatile.Read(ref _state->PendingInterrupts) != 0 || _death.IsDead)
        {
            _state->InstructionLimit = 0;
        }
    }

    // A NOTIFY that nobody claims interrupts the work until the launcher has seen it; the next run takes it up again.
    private void FinishHypercalls()
    {
        while (_hasHypercall && _notifyAddress == 0 && !_death.IsDead)
        {
            ProcessHypercall();
            if (_notifyAddress != 0 && _notifies.TrySignal(_notifyAddress))
            {
                _notifyAddress = 0;
            }
        }

        if (_descriptors.HasChanged && !_death.IsDead)
        {
            _segments.ReloadChanged();
            _cpu.NoteChangedDescriptors();
            UpdateSystemCall();
        }
    }

    private void ProcessHypercall()
    {
        uint* registers = _state->Registers;
        if (!_data.IsInitialized)
        {
            _hasHypercall = false;
            if (registers[Eax] != Hypercall.Initialize)
            {
                _death.Kill($"hypercall {(int)registers[Eax]} before INIT");
                return;
            }

            Note(_counts.Hypercalls, new HypercallArguments { Number = Hypercall.Initialize, Arg1 = registers[Ebx] }, isAsync: false);
            Initialize(registers[Ebx]);
            return;
        }

        if (_data.RingStatus[_nextSlot] != LguestData.SlotFree)
        {
            DrainRing();
        }

        if (_notifyAddress == 0 && !_death.IsDead)
        {
            _hasHypercall = false;
            var call = new HypercallArguments
            {
                Number = registers[Eax],
                Arg1 = registers[Ebx],
                Arg2 = registers[Ecx],
                Arg3 = registers[Edx],
                Arg4 = registers[Esi],
            };
            Note(_counts.Hypercalls, call, isAsync: false);
            Execute(call);
        }
    }

    // Calls queued while one is executed wait for the next time, hence the copy of the status bytes.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void DrainRing()
    {
        byte* status = stackalloc byte[LguestData.RingSlots];
        Unsafe.CopyBlockUnaligned(status, _data.RingStatus, LguestData.RingSlots);
        for (int i = 0; i < LguestData.RingSlots && _notifyAddress == 0 && !_death.IsDead; i++)
        {
            int slot = _nextSlot;
            if (status[slot] == LguestData.SlotFree)
            {
                break;
            }

            _nextSlot = (slot + 1) % LguestData.RingSlots;
            HypercallArguments call = _data.ReadRing(slot);
            Note(_counts.AsyncHypercalls, call, isAsync: true);
            Execute(call);
            _data.RingStatus[slot] = LguestData.SlotFree;
        }

        UpdateShortCalls();
    }

    private void Note(long[] counts, in HypercallArguments call, bool isAsync)
    {
        counts[Math.Min(call.Number, (uint)Hypercall.Numbers)]++;
        _cpu.Trace?.WriteHypercall(_state, call, isAsync);
    }

    private void Execute(in HypercallArguments call)
    {
        switch (call.Number)
        {
            case Hypercall.FlushAsync:
            case Hypercall.SendInterrupts:
                // The ring is drained and interrupts are looked at in any case.
                break;
            case Hypercall.Initialize:
                _death.Kill("already have lguest_data");
                break;
            case Hypercall.Shutdown:
                Shutdown(call.Arg1, call.Arg2);
                break;
            case Hypercall.NewPageTable:
                _space.Switch(call.Arg1);
                _cpu.SetPageTables(_space.Tables);
                _cpu.FlushTlb();
                break;
            case Hypercall.FlushTlb:
                if (call.Arg1 != 0)
                {
                    _cpu.FlushTlb();
                }
                else
                {
                    _cpu.FlushTlbBelow(_data.KernelAddress);
                }

                break;
            case Hypercall.LoadIdtEntry:
                _gates.Load(call.Arg1, call.Arg2, call.Arg3);
                UpdateSystemCall();
                break;
            case Hypercall.SetStack:
                SetStack(call.Arg1, call.Arg2, call.Arg3);
                break;
            case Hypercall.TaskSwitched:
                _state->TaskSwitched = call.Arg1 != 0 ? 1u : 0u;
                break;
            case Hypercall.SetClockEvent:
                SetClockEvent(call.Arg1);
                break;
            case Hypercall.Halt:
                _isHalted = true;
                break;
            case Hypercall.SetPageTableEntry:
                // Arguments are directory, address and value. The guest has stored the value, so it is enough to look again.
                if (call.Arg2 >= AddressSpace.ReservedStart)
                {
                    _death.Kill("attempt to access switcher pages");
                    break;
                }

                _cpu.FlushTlbPage(call.Arg2);
                break;
            case Hypercall.SetPageDirectory:
                _cpu.FlushTlb();
                break;
            case Hypercall.SetPageMiddleDirectory when HasMiddleDirectories:
                _cpu.FlushTlb();
                break;
            case Hypercall.LoadTls:
                LoadTls(call.Arg1);
                break;
            case Hypercall.Notify:
                _notifyAddress = call.Arg1;
                break;
            case Hypercall.LoadGdtEntry:
                _descriptors.Load(call.Arg1, call.Arg2, call.Arg3);
                break;
            default:
                _death.Kill($"Bad hypercall {(int)call.Number}\n");
                break;
        }
    }

    // Kernels up to 3.0 run on tables of the hypervisor's first, whose format they know and we do not need to.
    private bool HasMiddleDirectories => _space.IsPae || (_space.IsLinear && _data.IsLegacy && _options.PageTables == PageTableFormat.Auto);

    private void Initialize(uint address)
    {
        if (!_memory.IsAccessible(address, LguestData.Size))
        {
            _death.Kill("bad guest page   (null)");
            return;
        }

        _data.Attach(address);
        _data.TscKilohertz = _options.OfferTimeStampCounter ? GuestClock.TscKilohertz : 0;
        _data.ReservedMemory = AddressSpace.ReservedBytes;
        _clock.WriteTime(_data);
        if (_data.SystemCallVector != GateTable.SystemCallVector)
        {
            _death.Kill("bad syscall vector");
            return;
        }

        if (_data.KernelAddress >= AddressSpace.ReservedStart)
        {
            _death.Kill($"bad kernel address 0x{_data.KernelAddress:x}");
            return;
        }

        if (_data.IsLegacy)
        {
            // Only read back as CR3 until the guest sets its own.
            _data.SetPageDirectory((_memory.PageLimit - 1) << 12);
        }
        else
        {
            _space.HasLegacyAlias = false;
        }

        _cpu.FlushTlb();
        UpdateShortCalls();
    }

    private void Shutdown(uint text, uint kind)
    {
        // A plain reboot passes an address that is nowhere.
        if (kind == Hypercall.ShutdownRestart)
        {
            _death.Restart();
            return;
        }

        if (!_memory.IsAccessible(text, ShutdownTextSize))
        {
            _death.Kill($"bad read address 0x{text:x} len {ShutdownTextSize}");
            return;
        }

        ReadOnlySpan<byte> bytes = new(_memory.Base + text, (int)ShutdownTextSize - 1);
        int end = bytes.IndexOf((byte)0);
        _death.Kill("CRASH: " + Encoding.UTF8.GetString(end < 0 ? bytes : bytes[..end]));
    }

    private void SetStack(uint segment, uint pointer, uint pages)
    {
        const uint MaxPages = 2, PageSize = 4096;
        if ((segment & 3) != 1)
        {
            _death.Kill($"bad stack segment {(int)segment}");
            return;
        }

        if (pages > MaxPages)
        {
            _death.Kill($"bad stack pages {pages}");
            return;
        }

        _traps.StackSegment = (ushort)segment;
        _traps.StackPointer = pointer;
        UpdateSystemCall();
        for (uint i = 0; i < pages; i++)
        {
            uint address = pointer - 1 - (i * PageSize);
            WalkStatus status = _space.Walk(address, PageAccess.Write, out _);
            if (status == WalkStatus.Fault)
            {
                _death.Kill($"bad stack page 0x{address:x}");
            }

            if (status != WalkStatus.Mapped)
            {
                return;
            }
        }
    }

    // A trap gate that ring 3 may use: nothing of it is virtual.
    private void UpdateSystemCall()
    {
        const uint Vector = GateTable.SystemCallVector;
        ref readonly Gate gate = ref _gates[Vector];
        bool isPlain = gate is { IsPresent: true, Dpl: 3 } && _gates.IsDirect(Vector) && _cpu.Trace == null;
        _cpu.SetSystemCall(isPlain && _segments.TryRead(SegmentRegister.Ss, _traps.StackSegment, out Segment stack)
            && _segments.TryRead(SegmentRegister.Cs, DescriptorTable.KernelCode, out Segment code)
                ? new SystemCall(Vector, gate.Offset, _traps.StackPointer, code, stack)
                : null);
    }

    // What a guest does most often: the first two only let us look at the ring and at interrupts.
    private void UpdateShortCalls()
    {
        if (_cpu.Trace == null)
        {
            _cpu.SetShortCalls(new ShortCallSet
            {
                Vector = Hypercall.Vector,
                Nothing = (1u << (int)Hypercall.FlushAsync) | (1u << (int)Hypercall.SendInterrupts),
                DropPage = Hypercall.SetPageTableEntry,
                Limit = AddressSpace.ReservedStart,
                QueueEmpty = LguestData.SlotFree,
                Queue = _data.RingStatus + _nextSlot,
            });
        }
    }

    private void SetClockEvent(uint nanoseconds)
    {
        _clock.SetEvent(nanoseconds);
        // The run loop's limit was made without the event. It comes no sooner than the next poll, so that the guest gets somewhere
        // in between even when the host is slow.
        long limit = _state->InstructionCount + ClockPoll;
        if (limit < Volatile.Read(ref _state->InstructionLimit))
        {
            Interlocked.Exchange(ref _state->InstructionLimit, limit);
            if (Volatile.Read(ref _stopRequested) != 0)
            {
                _state->InstructionLimit = 0; // we may have overwritten it; a pending interrupt is seen to in any case
            }
        }
    }

    private void LoadTls(uint address)
    {
        if (!_memory.IsAccessible(address, DescriptorTable.TlsSize))
        {
            _death.Kill($"bad read address 0x{address:x} len {DescriptorTable.TlsSize}");
            return;
        }

        _descriptors.LoadTls(_memory, address);
    }
}
