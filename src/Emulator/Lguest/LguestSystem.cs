// SPDX-License-Identifier: GPL-2.0-or-later
using System.Numerics;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Statistics;
using LguestPlug.Emulator.Translation;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Lguest;

/// <summary>
/// The lguest hypervisor: what Linux's lguest module is around an i386 processor. This part holds the loop that runs the guest,
/// interrupts and traps; the hypercalls are in the other.
/// </summary>
internal sealed unsafe partial class LguestSystem : CpuSystem, IDisposable
{
    private const int Eax = 0, Ecx = 1, Edx = 2, Ebx = 3, Esi = 6;

    /// <summary>Vector of interrupt 0.</summary>
    private const uint FirstInterruptVector = 32;

    // The guest lets interrupts in by plain stores, which nobody tells us of. So while one waits we look often, and while the
    // clock is armed often enough for a timer; otherwise only when another thread asks.
    private const long WaitingInterruptPoll = 128, ClockPoll = 2 * Translator.Slice;

    private readonly PhysicalMemory _memory;
    private readonly LguestMachineOptions _options;
    private readonly Cpu _cpu;
    private readonly CpuState* _state;
    private readonly GuestDeath _death;
    private readonly LguestData _data;
    private readonly GateTable _gates;
    private readonly DescriptorTable _descriptors;
    private readonly SegmentReloader _segments;
    private readonly AddressSpace _space;
    private readonly TrapDelivery _traps;
    private readonly InstructionEmulation _emulation;
    private readonly GuestClock _clock = new();
    private readonly Sleeper _sleeper = new();
    private readonly HaltPolling _polling = new(Environment.ProcessorCount);
    private readonly NotifyTable _notifies = new();
    private readonly ActivityClock? _activity;
    private readonly EventCounts _counts = new();

    private int _stopRequested;
    private bool _isHalted;
    private long _notifiesBeforeHalt;
    private GuestExit _exit;

    public LguestSystem(PhysicalMemory memory, uint entryPoint, LguestMachineOptions options)
    {
        _memory = memory;
        _options = options;
        _activity = options.MeasureTimes ? new ActivityClock() : null;
        _cpu = new Cpu(memory, this, options.Execution, options.Trace, _activity);
        _state = _cpu.State;
        _death = new GuestDeath(_state);
        _data = new LguestData(memory);
        _gates = new GateTable(_death);
        _descriptors = new DescriptorTable(_death);
        _segments = new SegmentReloader(_cpu, _descriptors, _death);
        _space = new AddressSpace(memory, _death, options.PageTables);
        _traps = new TrapDelivery(_cpu, memory, _space, _data, _gates, _segments, _death);
        _emulation = new InstructionEmulation(_cpu, memory, _space);
        SetEntryState(entryPoint);
    }

    /// <summary>The processor.</summary>
    public Cpu Cpu => _cpu;

    /// <summary>The addresses that go to devices.</summary>
    public NotifyTable Notifies => _notifies;

    /// <summary>What has happened so far.</summary>
    public MachineStatistics GetStatistics() => new()
    {
        Instructions = _state->InstructionCount,
        InstructionsInterpreted = _cpu.InstructionsInterpreted,
        Translation = _cpu.Translation,
        Memory = _cpu.MemoryStatistics,
        Traps = _counts.TrapsByVector(_cpu.SystemCalls),
        Interrupts = _counts.InterruptsByLine(),
        Hypercalls = EventCounts.ByName(_cpu.AddShortCalls(_counts.Hypercalls)),
        AsyncHypercalls = EventCounts.ByName(_counts.AsyncHypercalls),
        DeviceNotifies = _notifies.Signals,
        LauncherNotifies = _counts.LauncherNotifies,
        Sleeps = _sleeper.Sleeps,
        SleepsAvoided = _polling.Successes,
        Times = _activity == null ? null
            : new TimeStatistics(_activity[Activity.Guest], _activity[Activity.Translation], _activity[Activity.Runtime], _activity[Activity.Asleep], _activity[Activity.Outside]),
    };

    /// <summary>Runs the guest until it needs the launcher.</summary>
    public GuestExit Run()
    {
        // What the last run reported is dealt with.
        _notifyAddress = 0;
        _activity?.Enter(Activity.Runtime);
        if (OnLimit())
        {
            _cpu.Run();
        }

        _activity?.Enter(Activity.Outside);
        _cpu.Trace?.Flush();
        return _exit;
    }

    /// <summary>Raises an interrupt. Any thread.</summary>
    public void RaiseInterrupt(int irq)
    {
        Interlocked.Or(ref _state->PendingInterrupts, 1u << irq);
        _cpu.RequestAttention();
        _sleeper.Wake();
    }

    /// <summary>Ends the current or the next run. Any thread.</summary>
    public void RequestStop()
    {
        Interlocked.Exchange(ref _stopRequested, 1);
        _cpu.RequestAttention();
        _sleeper.Wake();
    }

    public void Dispose()
    {
        _cpu.Dispose();
        _sleeper.Dispose();
    }

    public override WalkStatus Walk(uint address, PageAccess access, out PageWalk walk) => _space.Walk(address, access, out walk);

    public override WalkStatus Probe(uint address, PageAccess access, out PageWalk walk, out bool hasEffect) =>
        _space.Probe(address, access, out walk, out hasEffect);

    public override bool KeepsSegmentsCurrent => true;

    public override bool TryReadDescriptor(ushort selector, out ulong descriptor) => _descriptors.TryRead(selector, out descriptor);

    public override ulong ReadTimeStampCounter() => _clock.TimeStampCounter;

    public override void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx) =>
        LguestCpuid.Get(leaf, _options.PageTables != PageTableFormat.TwoLevel, _cpu.HasVectors, out eax, out ebx, out ecx, out edx);

    // The tables are the hypervisor's and lie where a guest cannot look.
    public override void ReadTableRegisters(
        out uint gdtBase, out ushort gdtLimit, out uint idtBase, out ushort idtLimit, out ushort ldt, out ushort tr, out uint machineStatus)
    {
        const uint MachineStatus = 0x80050033, TaskSwitched = 8;
        gdtBase = AddressSpace.ReservedStart + 0x3000;
        gdtLimit = (ushort)((DescriptorTable.Entries * 8) - 1);
        idtBase = AddressSpace.ReservedStart + 0x4000;
        idtLimit = (256 * 8) - 1;
        ldt = 0;
        tr = DescriptorTable.Task;
        machineStatus = MachineStatus | (_state->TaskSwitched != 0 ? TaskSwitched : 0);
    }

    public override bool TryCall(uint vector)
    {
        // A trace shows the trap, too.
        if (vector != Hypercall.Vector || _state->Cpl > 1 || _cpu.Trace != null)
        {
            return false;
        }

        _counts.Traps[vector]++;
        OnHypercall();
        return true;
    }

    public override void OnTrap(in Trap trap)
    {
        _counts.Traps[(byte)trap.Vector]++;
        if (trap.Software)
        {
            OnSoftwareInterrupt(trap.Vector, trap.InstructionEip);
            return;
        }

        switch (trap.Vector)
        {
            case TrapVector.PageFault when _data.IsInitialized:
                _data.Cr2 = trap.Address;
                break;
            case TrapVector.GeneralProtection when trap.ErrorCode == 0 && (_state->Cs.Selector & 3) == 1:
                if (_emulation.TryEmulatePortAccess()
                    || (!_gates[TrapVector.GeneralProtection].IsPresent && _emulation.TryEmulateMsrAccess()))
                {
                    return;
                }

                break;
            case TrapVector.Debug when trap.InstructionEip != _state->Eip:
                // ICEBP, and LOCK CLI below: the processor that lguest's answers were recorded on has them so.
                _state->Eip = trap.InstructionEip;
                Reflect(TrapVector.InvalidOpcode, 0, 0);
                return;
            case TrapVector.InvalidOpcode when _emulation.IsLockedCli():
                Reflect(TrapVector.GeneralProtection, 0, 0);
                return;
            case TrapVector.InvalidOpcode when (_state->Cs.Selector & 3) == 1 && (_data.IsLegacy || !_data.IsInitialized):
                if (_emulation.IsVmCall())
                {
                    _state->Eip += 3;
                    OnHypercall();
                    return;
                }

                break;
        }

        Reflect(trap.Vector, trap.ErrorCode, trap.Address);
    }

    public override bool OnLimit()
    {
        while (true)
        {
            FinishHypercalls();
            if (_death.IsDead)
            {
                return Leave(_death.IsRestart
                    ? new GuestExit(GuestExitKind.Restart)
                    : new GuestExit(GuestExitKind.Died, 0, _death.Reason));
            }

            if (_notifyAddress != 0)
            {
                _counts.LauncherNotifies++;
                return Leave(new GuestExit(GuestExitKind.Notify, _notifyAddress));
            }

            if (Volatile.Read(ref _stopRequested) != 0)
            {
                Volatile.Write(ref _stopRequested, 0);
                return Leave(new GuestExit(GuestExitKind.Stopped));
            }

            if (_clock.TakeExpired())
            {
                Interlocked.Or(ref _state->PendingInterrupts, 1);
            }

            uint seen = Volatile.Read(ref _state->PendingInterrupts);
            if (seen != 0 && _data.IsInitialized)
            {
                DeliverInterrupt(seen & ~_data.BlockedInterrupts);
                if (_death.IsDead)
                {
                    continue;
                }
            }

            if (_isHalted)
            {
                Halt();
                continue;
            }

            // The order matters: whoever raises an interrupt sets the bit, then a limit of 0. If our limit replaces theirs, we see the bit.
            uint pending = _state->PendingInterrupts;
            Interlocked.Exchange(ref _state->InstructionLimit, NextLimit(pending));
            if (Volatile.Read(ref _state->PendingInterrupts) == pending && (pending & ~seen) == 0 && Volatile.Read(ref _stopRequested) == 0)
            {
                return true;
            }
        }
    }

    private long NextLimit(uint pending) =>
        pending != 0 ? _state->InstructionCount + WaitingInterruptPoll
        : _clock.IsArmed ? _state->InstructionCount + ClockPoll
        : long.MaxValue;

    private bool Leave(GuestExit exit)
    {
        _exit = exit;
        return false;
    }

    private void Halt()
    {
        _activity?.Enter(Activity.Asleep);
        if (_notifies.Signals != _notifiesBeforeHalt)
        {
            _notifiesBeforeHalt = _notifies.Signals;
            long start = _clock.Nanoseconds;
            bool polls = _polling.ShouldPoll();
            bool slept = !polls || !Poll(start + HaltPolling.Window);
            if (slept)
            {
                Sleep();
            }

            _polling.Learn(_clock.Nanoseconds - start, polls, slept);
        }
        else
        {
            Sleep();
        }

        _activity?.Enter(Activity.Runtime);
    }

    /// <summary>Waits without sleeping; false if there is nothing to do when the time is over.</summary>
    private bool Poll(long until)
    {
        const int Pause = 4;
        do
        {
            if (HasWork)
            {
                return true;
            }

            Thread.SpinWait(Pause);
        }
        while (_clock.Nanoseconds < until);
        return false;
    }

    private void Sleep()
    {
        _sleeper.Announce();
        if (HasWork)
        {
            _sleeper.Cancel();
        }
        else
        {
            _sleeper.Sleep(_clock.Remaining);
        }
    }

    private bool HasWork =>
        (Volatile.Read(ref _state->PendingInterrupts) & ~_data.BlockedInterrupts) != 0 || Volatile.Read(ref _stopRequested) != 0 || _clock.Remaining == 0;

    // One interrupt at a time: the handler's end, or a poll, lets the next one in.
    private void DeliverInterrupt(uint candidates)
    {
        if (candidates == 0)
        {
            return;
        }

        bool isShielded = _state->Eip >= _data.NoInterruptStart && _state->Eip < _data.NoInterruptEnd;
        if (_isHalted)
        {
            // HALT lets interrupts in. (The original spins for ever if the instruction after it is shielded.)
            _isHalted = false;
            _data.InterruptsEnabled = Eflags.Interrupt;
            if (isShielded)
            {
                return;
            }
        }
        else
        {
            if (isShielded)
            {
                return;
            }

            // The original takes any value but 0 for "enabled". But a kernel stores whole EFLAGS images here.
            if ((_data.InterruptsEnabled & Eflags.Interrupt) == 0)
            {
                _data.InterruptPending = Eflags.Interrupt;
                return;
            }
        }

        int irq = BitOperations.TrailingZeroCount(candidates);
        uint vector = FirstInterruptVector + (uint)irq;
        if (_gates[vector].IsPresent)
        {
            Interlocked.And(ref _state->PendingInterrupts, ~(1u << irq));
            _counts.Interrupts[irq]++;
            _cpu.Trace?.WriteInterrupt(_state, irq, vector);
            _traps.Enter(vector, false, 0);
        }

        _clock.WriteTime(_data);
    }

    private void OnSoftwareInterrupt(uint vector, uint instructionEip)
    {
        if (!_gates.AllowsSoftware(vector, _state->Cpl))
        {
            _state->Eip = instructionEip;
            Reflect(TrapVector.GeneralProtection, (vector * 8) + 2, 0);
        }
        else if (vector == Hypercall.Vector)
        {
            OnHypercall();
        }
        else if (vector < FirstInterruptVector || !_gates[vector].DisablesInterrupts)
        {
            // As on a processor, INT n pushes no error code whatever n is.
            _traps.Enter(vector, false, 0);
        }

        // A system call through an interrupt gate: real lguest takes it for a hardware interrupt and goes on behind it.
    }

    private void Reflect(uint vector, uint errorCode, uint address)
    {
        if (!_gates[vector].IsPresent)
        {
            uint detail = vector == TrapVector.PageFault ? address : errorCode;
            _death.Kill($"unhandled trap {vector} at 0x{_state->Eip:x} (0x{detail:x})");
            return;
        }

        bool hasErrorCode = vector is TrapVector.DoubleFault or (>= TrapVector.InvalidTss and <= TrapVector.PageFault) or TrapVector.AlignmentCheck;
        _traps.Enter(vector, hasErrorCode, errorCode);
    }

    private void SetEntryState(uint entryPoint)
    {
        CpuState* s = _state;
        for (int i = 0; i < 8; i++)
        {
            s->Registers[i] = 0;
        }

        s->Eip = entryPoint;
        s->TaskSwitched = 0;
        _cpu.EflagsValue = Eflags.Interrupt;
        SetEntrySegment(SegmentRegister.Cs, DescriptorTable.KernelCode);
        SetEntrySegment(SegmentRegister.Ds, DescriptorTable.KernelData);
        SetEntrySegment(SegmentRegister.Es, DescriptorTable.KernelData);
        SetEntrySegment(SegmentRegister.Ss, DescriptorTable.KernelData);
        _cpu.SetSegment(SegmentRegister.Fs, default);
        _cpu.SetSegment(SegmentRegister.Gs, default);
    }

    private void SetEntrySegment(SegmentRegister register, ushort selector)
    {
        _descriptors.TryRead(selector, out ulong descriptor);
        _cpu.SetSegment(register, Segment.FromDescriptor(selector, descriptor));
    }
}
