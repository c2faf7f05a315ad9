// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Memory;

namespace LguestPlug.Emulator.Lguest;

/// <summary>
/// The few privileged instructions of the guest's kernel that do not reach its trap handlers: port I/O finds no device, CLI is
/// pointless, and model-specific registers are passed over as long as the guest could not take the fault.
/// </summary>
internal sealed unsafe class InstructionEmulation(Cpu cpu, PhysicalMemory memory, AddressSpace space)
{
    private const int Eax = 0, Edx = 2;
    private const byte Cli = 0xFA, OperandSizePrefix = 0x66, LockPrefix = 0xF0, TwoByteOpcode = 0x0F, WriteMsr = 0x30, ReadMsr = 0x32;

    private readonly CpuState* _state = cpu.State;

    /// <summary>Emulates the instruction at EIP if it is CLI, IN or OUT (none of the string forms), with one operand-size prefix at most.</summary>
    public bool TryEmulatePortAccess()
    {
        CpuState* s = _state;
        if (!TryFetch(0, out byte opcode))
        {
            return false;
        }

        if (opcode == Cli)
        {
            s->Eip++;
            return true;
        }

        uint length = 1;
        bool isShort = false;
        if (opcode == OperandSizePrefix)
        {
            isShort = true;
            length = 2;
            if (!TryFetch(1, out opcode))
            {
                return false;
            }
        }

        bool isRead;
        switch (opcode & 0xFE)
        {
            case 0xE4: // IN from an immediate port
                isRead = true;
                length++;
                break;
            case 0xEC: // IN from the port in DX
                isRead = true;
                break;
            case 0xE6:
                isRead = false;
                length++;
                break;
            case 0xEE:
                isRead = false;
                break;
            default:
                return false;
        }

        if (isRead)
        {
            s->Registers[Eax] |= (opcode & 1) == 0 ? 0xFF : isShort ? 0xFFFF : 0xFFFFFFFF;
        }

        s->Eip += length;
        return true;
    }

    /// <summary>Emulates RDMSR (all registers read 0) and WRMSR (ignored).</summary>
    public bool TryEmulateMsrAccess()
    {
        CpuState* s = _state;
        if (!TryFetch(0, out byte first) || first != TwoByteOpcode || !TryFetch(1, out byte second) || second is not (ReadMsr or WriteMsr))
        {
            return false;
        }

        if (second == ReadMsr)
        {
            s->Registers[Eax] = 0;
            s->Registers[Edx] = 0;
        }

        s->Eip += 2;
        return true;
    }

    /// <summary>The instruction at EIP is VMCALL, by which kernels up to 3.0 make hypercalls.</summary>
    public bool IsVmCall() =>
        TryFetch(0, out byte first) && first == TwoByteOpcode
        && TryFetch(1, out byte second) && second == 0x01
        && TryFetch(2, out byte third) && third == 0xC1;

    /// <summary>The instruction at EIP is CLI with a LOCK prefix, which is not emulated.</summary>
    public bool IsLockedCli() => TryFetch(0, out byte first) && first == LockPrefix && TryFetch(1, out byte second) && second == Cli;

    private bool TryFetch(uint offset, out byte value)
    {
        CpuState* s = _state;
        if (space.TryTranslate(s->Cs.Base + s->Eip + offset, out uint physical) && memory.Contains(physical, 1))
        {
            value = memory.Base[physical];
            return true;
        }

        value = 0;
        return false;
    }
}
