// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using LguestPlug.Emulator.Memory;

namespace LguestPlug.Emulator.Lguest;

/// <summary>Enters the guest's trap and interrupt handlers: chooses the stack, pushes the frame, sets the registers.</summary>
internal sealed unsafe class TrapDelivery(
    Cpu cpu, PhysicalMemory memory, AddressSpace space, LguestData data, GateTable gates, SegmentReloader segments, GuestDeath death)
{
    private const uint ClearedInHandler = Eflags.Trap | Eflags.NestedTask | Eflags.Resume | Eflags.Virtual8086;
    private const uint PageMask = ~0xFFFu;
    private const int Esp = 4;

    private readonly CpuState* _state = cpu.State;

    /// <summary>Selector of the stack that traps from ring 3 switch to (SET_STACK).</summary>
    public ushort StackSegment { get; set; }

    /// <summary>Top of that stack.</summary>
    public uint StackPointer { get; set; }

    /// <summary>Enters the handler of a vector, whose gate is present. Kills the guest if its stack or its segments will not do.</summary>
    /// <param name="vector">The vector.</param>
    /// <param name="hasErrorCode">The frame ends with an error code.</param>
    /// <param name="errorCode">The error code.</param>
    public void Enter(uint vector, bool hasErrorCode, uint errorCode)
    {
        CpuState* s = _state;
        ref readonly Gate gate = ref gates[vector];

        uint flags = Eflags.Get(s);
        uint image = flags;
        if ((data.InterruptsEnabled & Eflags.Interrupt) == 0 && !gates.IsDirect(vector))
        {
            image &= ~Eflags.Interrupt;
        }

        uint* frame = stackalloc uint[6];
        int words = 0;
        if (hasErrorCode)
        {
            frame[words++] = errorCode;
        }

        frame[words++] = s->Eip;
        frame[words++] = s->Cs.Selector;
        frame[words++] = image;

        uint stackTop = s->Registers[Esp];
        bool switchesStack = (s->Ss.Selector & 3) != 1;
        Segment stack = default;
        if (switchesStack)
        {
            if (!segments.TryReadForTrap(SegmentRegister.Ss, StackSegment, out stack))
            {
                return;
            }

            frame[words++] = stackTop;
            frame[words++] = s->Ss.Selector;
            stackTop = StackPointer;
        }

        Segment code = default;
        bool switchesCode = s->Cs.Selector != DescriptorTable.KernelCode;
        if (switchesCode && !segments.TryReadForTrap(SegmentRegister.Cs, DescriptorTable.KernelCode, out code))
        {
            return;
        }

        if (!TryPush(stackTop, frame, words))
        {
            return;
        }

        if (switchesStack)
        {
            cpu.SetSegment(SegmentRegister.Ss, stack);
        }

        if (switchesCode)
        {
            cpu.SetSegment(SegmentRegister.Cs, code);
        }

        s->Registers[Esp] = stackTop - ((uint)words * 4);
        s->Eip = gate.Offset;
        if ((flags & ClearedInHandler) != 0)
        {
            cpu.EflagsValue = flags & ~ClearedInHandler;
        }

        if (gate.DisablesInterrupts)
        {
            data.InterruptsEnabled = 0;
        }
    }

    private bool TryPush(uint top, uint* frame, int words)
    {
        uint bottom = top - ((uint)words * 4);
        if (((bottom ^ (top - 1)) & PageMask) == 0)
        {
            if (space.TryTranslate(bottom, out uint physical) && memory.Contains(physical, (uint)words * 4))
            {
                cpu.BeforeWrite(physical, (uint)words * 4);
                Unsafe.CopyBlockUnaligned(memory.Base + physical, frame, (uint)words * 4);
                return true;
            }

            return KillForStack(top);
        }

        // The frame crosses a page, perhaps in the middle of a word.
        byte* bytes = (byte*)frame;
        for (uint i = 0; i < (uint)words * 4; i++)
        {
            if (!space.TryTranslate(bottom + i, out uint physical) || !memory.Contains(physical, 1))
            {
                return KillForStack(top);
            }

            cpu.BeforeWrite(physical, 1);
            memory.Base[physical] = bytes[i];
        }

        return true;
    }

    private bool KillForStack(uint top)
    {
        if (!space.IsLinear)
        {
            death.Kill($"Bad address 0x{top:x}");
            return false;
        }

        // Nothing is unmapped in linear mode: the first word pushed outside memory is the culprit.
        uint word = top - 4;
        while (space.TryTranslate(word, out uint physical) && memory.Contains(physical, 4))
        {
            word -= 4;
        }

        death.Kill($"bad write address 0x{word:x} len 4");
        return false;
    }
}
