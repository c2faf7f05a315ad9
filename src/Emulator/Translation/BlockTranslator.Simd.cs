// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Decoding;
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <content>
/// MMX, SSE and SSE2 instructions: executed by the host's own units like those of the x87. The guest's vector registers have the same
/// numbers in the host; only general registers and memory operands are replaced.
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    private const int Group15 = 0x0FAE, LoadMxcsr = 2;

    private void TranslateSimd(in GuestInstruction i, int k)
    {
        if (i.UsesFpu)
        {
            ProvideFpu(k);
        }

        if (!i.HasMemory)
        {
            SimdOperation(i);
            return;
        }

        BeginAccess(i, k, i.Size, i.Stores, i.Simd.Has(SimdTraits.Aligned));
        if (i.Opcode == Group15 && i.Reg == LoadMxcsr)
        {
            // Unmasking an exception is for the interpreter, and so is what must fault. What was checked is loaded: memory may
            // change meanwhile.
            _e.Memory(0x8B, Temporary, Address, 0, Addend);
            _e.StoreState(Temporary, HostFpu.LoadedModes);
            _e.AluImmediate(Alu.Xor, Temporary, (int)HostFpu.AllSimdMasked);
            _e.Registers(0xF7, 0, Temporary); // test
            _e.Dword(~HostFpu.HarmlessMxcsr);
            Detour(k, HostCondition.NotEqual);
            _e.Memory(i.Opcode, i.Reg, State, HostFpu.LoadedModes);
        }
        else
        {
            SimdOperation(i);
        }

        EndAccess();
    }

    /// <summary>Writes the instruction itself, a memory operand being at r8 + r9.</summary>
    private void SimdOperation(in GuestInstruction i)
    {
        int reg = i.Simd.Has(SimdTraits.GeneralReg) ? Of(i.Reg) : i.Reg;
        if (!i.HasModRm)
        {
            _e.Byte(0x0F);
            _e.Byte(i.Opcode);
        }
        else if (i.HasMemory)
        {
            _e.Memory(i.Opcode, reg, Address, 0, Addend, prefix: i.Prefix);
        }
        else
        {
            _e.Registers(i.Opcode, reg, i.Simd.Has(SimdTraits.GeneralRm) ? Of(i.Rm) : i.Rm, prefix: i.Prefix);
        }

        _e.Immediate(i.ImmediateValue, i.ImmediateLength);
    }
}
