// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Fpu;

namespace LguestPlug.Emulator.Tests.Fpu;

/// <summary>Runs cases on the emulated FPU.</summary>
internal static unsafe class X87Runner
{
    public static X87Result Run(in X87Case test)
    {
        FpuState state = default;
        state.Control = test.Control;
        state.Status = test.Status;
        state.Tag = test.Tag;
        state.LastOpcode = test.LastOpcode;
        state.LastIp = test.LastIp;
        state.LastDp = test.LastDp;
        for (int i = 0; i < 8; i++)
        {
            X87Value value = test.Registers[i];
            state.Registers[i] = new Float80(value.SignExponent, value.Significand);
        }

        X87Result result = default;
        result.Memory = test.Memory;
        uint flags = test.Flags;
        ushort ax = test.Ax;
        FpuOutcome outcome = test.IsMemory
            ? RunMemory(ref state, test, ref result)
            : X87.ExecuteRegister(&state, test.Escape, test.ModRm, ref flags, ref ax);
        result.Outcome = (byte)outcome;
        result.Control = state.Control;
        result.Status = state.Status;
        result.Tag = state.Tag;
        result.Flags = flags;
        result.Ax = ax;
        result.LastOpcode = state.LastOpcode;
        result.LastIp = state.LastIp;
        result.LastDp = state.LastDp;
        for (int i = 0; i < 8; i++)
        {
            Float80 value = state.Registers[i];
            result.Registers[i] = new X87Value(value.Significand, value.SignExponent);
        }

        return result;
    }

    private static FpuOutcome RunMemory(ref FpuState state, in X87Case test, ref X87Result result)
    {
        bool operandSize16 = test.OperandSize16 != 0;
        if (!X87.TryGetMemoryOperand(test.Escape, test.Reg, operandSize16, out int read, out int write))
        {
            return FpuOutcome.InvalidOpcode;
        }

        byte* operand = stackalloc byte[X87.MaximumOperand];
        new Span<byte>(operand, X87.MaximumOperand).Fill(0xA5);
        Span<byte> memory = result.Memory;
        memory[..read].CopyTo(new Span<byte>(operand, read));
        FpuOutcome outcome;
        bool store;
        fixed (FpuState* f = &state)
        {
            outcome = X87.ExecuteMemory(f, test.Escape, test.Reg, operandSize16, operand, out store);
        }

        if (store)
        {
            new Span<byte>(operand, write).CopyTo(memory);
        }

        return outcome;
    }
}
