// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Fpu;

namespace LguestPlug.Emulator.Tests.Fpu;

/// <summary>What the interpreter relies on besides the results of instructions.</summary>
public unsafe class X87Tests
{
    private const int UnmaskedZeroDivide = 0x37B;

    [Fact]
    public void Initialize_leaves_what_fninit_leaves()
    {
        FpuState state = default;
        state.Tag = 0xFF;
        state.Status = 0xFFFF;
        X87.Initialize(&state);
        Assert.Equal(0x37F, state.Control);
        Assert.Equal(0, state.Status);
        Assert.Equal(0, state.Tag);
    }

    [Fact]
    public void An_unmasked_exception_stops_the_next_waiting_instruction_only()
    {
        FpuState state = DividedByZero(out FpuOutcome outcome);
        Assert.Equal(FpuOutcome.Done, outcome);
        Assert.True(X87.IsFaultPending(&state));

        uint flags = 0;
        ushort ax = 0;
        Assert.Equal(FpuOutcome.MathFault, X87.ExecuteRegister(&state, 1, 0xE8, ref flags, ref ax));
        Assert.Equal(FpuOutcome.InvalidOpcode, X87.ExecuteRegister(&state, 1, 0xD1, ref flags, ref ax));
        Assert.Equal(FpuOutcome.Done, X87.ExecuteRegister(&state, 7, 0xE0, ref flags, ref ax));
        Assert.Equal(0x8084, ax & 0x80FF);

        byte* operand = stackalloc byte[X87.MaximumOperand];
        Assert.Equal(FpuOutcome.MathFault, X87.ExecuteMemory(&state, 5, 3, false, operand, out bool store));
        Assert.False(store);
        Assert.Equal(FpuOutcome.Done, X87.ExecuteMemory(&state, 1, 7, false, operand, out store));
        Assert.True(store);
        Assert.Equal(UnmaskedZeroDivide, *(ushort*)operand);

        Assert.Equal(FpuOutcome.Done, X87.ExecuteRegister(&state, 3, 0xE2, ref flags, ref ax));
        Assert.False(X87.IsFaultPending(&state));
        Assert.Equal(FpuOutcome.Done, X87.ExecuteRegister(&state, 1, 0xE8, ref flags, ref ax));
    }

    [Theory]
    [InlineData(1, 0x30, false)]
    [InlineData(1, 0x38, false)]
    [InlineData(5, 0x30, false)]
    [InlineData(5, 0x38, false)]
    [InlineData(3, 0xE2, false)]
    [InlineData(3, 0xE3, false)]
    [InlineData(7, 0xE0, false)]
    [InlineData(1, 0x28, true)]
    [InlineData(5, 0x20, true)]
    [InlineData(1, 0xF0, true)]
    [InlineData(1, 0xF8, true)]
    [InlineData(1, 0xD0, true)]
    [InlineData(5, 0xF0, true)]
    public void Only_the_no_wait_forms_ignore_pending_exceptions(int escape, int modrm, bool waits) =>
        Assert.Equal(waits, X87.IsWaiting(escape, modrm));

    [Theory]
    [InlineData(0, 0, 4, 0)]
    [InlineData(1, 3, 0, 4)]
    [InlineData(1, 4, 28, 0)]
    [InlineData(3, 5, 10, 0)]
    [InlineData(3, 7, 0, 10)]
    [InlineData(5, 6, 0, 108)]
    [InlineData(6, 0, 2, 0)]
    [InlineData(7, 6, 0, 10)]
    [InlineData(7, 7, 0, 8)]
    public void Memory_operands_have_their_sizes(int escape, int reg, int read, int write)
    {
        Assert.True(X87.TryGetMemoryOperand(escape, reg, operandSize16: false, out int readBytes, out int writeBytes));
        Assert.Equal((read, write), (readBytes, writeBytes));
    }

    [Fact]
    public void An_unmasked_exception_keeps_a_store_from_memory()
    {
        FpuState state = default;
        X87.Initialize(&state);
        state.Control = 0x37E;
        byte* operand = stackalloc byte[X87.MaximumOperand];
        *(float*)operand = 1e30f;
        Assert.Equal(FpuOutcome.Done, X87.ExecuteMemory(&state, 1, 0, false, operand, out _));
        Assert.Equal(FpuOutcome.Done, X87.ExecuteMemory(&state, 3, 3, false, operand, out bool store));
        Assert.False(store);
        Assert.True(X87.IsFaultPending(&state));
    }

    /// <summary>Executes 1 / 0 with the exception unmasked.</summary>
    private static FpuState DividedByZero(out FpuOutcome outcome)
    {
        FpuState state = default;
        X87.Initialize(&state);
        uint flags = 0;
        ushort ax = 0;
        state.Control = UnmaskedZeroDivide;
        _ = X87.ExecuteRegister(&state, 1, 0xE8, ref flags, ref ax);
        _ = X87.ExecuteRegister(&state, 1, 0xEE, ref flags, ref ax);
        outcome = X87.ExecuteRegister(&state, 0, 0xF9, ref flags, ref ax);
        return state;
    }
}
