// SPDX-License-Identifier: GPL-2.0-or-later
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <content>
/// x87 instructions: executed by the host's own unit, which holds the guest's registers from a block's first such instruction on.
/// With all exceptions masked, as they are here, none of them raises anything in the host.
/// </content>
internal sealed unsafe partial class BlockTranslator
{
    private const int LoadControlWord = 0xD9 | (5 << 8), Wait = 0x9B, Initialize = 0xE3;

    private readonly FpuLoad[] _fpuLoads = new FpuLoad[MaxInstructions];
    private readonly int _fpuHomeField = RuntimeStubs.Field(nameof(TranslatorState.FpuHome));
    private readonly int _fpuInstructionField = RuntimeStubs.Field(nameof(TranslatorState.FpuInstruction));
    private readonly int _fpuOpcodeField = RuntimeStubs.Field(nameof(TranslatorState.FpuOpcode));
    private readonly int _fpuOperandField = RuntimeStubs.Field(nameof(TranslatorState.FpuOperand));
    private int _fpuLoadCount;
    private bool _fpuIsLoaded;

    private void TranslateFpu(in GuestInstruction i, int k)
    {
        ProvideFpu(k);
        if (i.Opcode == Wait)
        {
            // Nothing can be pending.
            return;
        }

        if (!i.HasMemory)
        {
            ProvideFlags(i, k);
            _e.Byte(i.Opcode);
            _e.Byte(i.ModRm);
            RememberFpuInstruction(i, k);
            return;
        }

        BeginAccess(i, k, i.Size, i.IsFpuStore);
        if ((i.Opcode | (i.Reg << 8)) == LoadControlWord)
        {
            // Unmasking an exception is for the interpreter. What was checked is loaded: memory may change meanwhile.
            _e.Memory(0x0FB7, Temporary, Address, 0, Addend);
            _e.StoreState(Temporary, HostFpu.LoadedModes);
            _e.Registers(0xF7, 2, Temporary); // not
            _e.Registers(0xF7, 0, Temporary); // test
            _e.Dword(0x3F);
            Detour(k, HostCondition.NotEqual);
            _e.Memory(i.Opcode, i.Reg, State, HostFpu.LoadedModes);
        }
        else
        {
            _e.Memory(i.Opcode, i.Reg, Address, 0, Addend);
        }

        RememberFpuInstruction(i, k);
        EndAccess();
    }

    /// <summary>Makes sure that the guest's registers are in the host's unit and that it may use them.</summary>
    private void ProvideFpu(int k)
    {
        if (_fpuIsLoaded)
        {
            return;
        }

        LoseFlags(k);
        _e.CompareState(_fpuHomeField, (int)FpuHome.Host);
        byte* jump = _e.JumpIf(HostCondition.NotEqual);
        _fpuLoads[_fpuLoadCount++] = new FpuLoad { Jump = jump, Back = _e.At, Instruction = k };
        _fpuIsLoaded = true;
    }

    private void WriteFpuLoads()
    {
        for (int n = 0; n < _fpuLoadCount; n++)
        {
            FpuLoad load = _fpuLoads[n];
            _e.Bind(load.Jump);
            LoadFpu(_code[load.Instruction].Eip, _count - load.Instruction);
            _e.JumpTo(load.Back);
        }
    }

    private void LoadFpu(uint eip, int unexecuted)
    {
        _e.StoreStateImmediate(_eipField, eip);
        _e.MoveImmediate(Addend, (uint)unexecuted);
        _e.CallTo(_stubs.LoadFpu);
    }

    /// <summary>Keeps what FSTENV shows of the last instruction, unless it is a control instruction (Intel SDM vol. 1, 8.1.8).</summary>
    private void RememberFpuInstruction(in GuestInstruction i, int k)
    {
        if (i.Opcode == 0xDB && i.ModRm == Initialize)
        {
            _e.StoreStateImmediate(_fpuInstructionField, 0);
            _e.StoreStateImmediate(_fpuOpcodeField, 0);
            _e.StoreStateImmediate(_fpuOperandField, 0);
        }

        if (IsFpuControl(i))
        {
            return;
        }

        // Nobody sees what the next instruction replaces.
        bool isReplaced = k + 1 < _count && _code[k + 1] is { Treatment: Treatment.Fpu, HasMemory: false } next && !IsFpuControl(next);
        if (!isReplaced)
        {
            _e.StoreStateImmediate(_fpuInstructionField, i.Eip);
            _e.StoreStateImmediate(_fpuOpcodeField, (uint)(((i.Opcode & 7) << 8) | i.ModRm));
        }

        if (i.HasMemory)
        {
            LoadAddress(i, Temporary);
            _e.StoreState(Temporary, _fpuOperandField);
        }
    }

    private static bool IsFpuControl(in GuestInstruction i) => i.HasMemory
        ? (i.Opcode == 0xD9 && i.Reg >= 4) || (i.Opcode == 0xDD && i.Reg is 4 or 6 or 7)
        : i.Opcode == Wait || (i.Opcode == 0xDB && i.Reg == 4) || (i.Opcode == 0xDF && i.ModRm == 0xE0);

    private struct FpuLoad
    {
        public byte* Jump;
        public byte* Back;
        public int Instruction;
    }
}
