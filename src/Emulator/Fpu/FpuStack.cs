// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;

namespace LguestPlug.Emulator.Fpu;

/// <summary>The register stack and the exception summary of a state (Intel SDM vol. 1, 8.1.2 and 8.6).</summary>
internal static unsafe class FpuStack
{
    /// <summary>TOP: the physical number of ST(0).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Top(FpuState* state) => (state->Status >> StatusWord.TopShift) & 7;

    /// <summary>The physical number of ST(i).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Physical(FpuState* state, int index) => (Top(state) + index) & 7;

    // Registers are read and written by halves: copied as a whole they would go through vector registers, and reading
    // that way what was just written by halves stalls the processor.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Float80 Register(FpuState* state, int index)
    {
        ulong* register = Address(state, Physical(state, index));
        return new Float80((ushort)register[1], register[0]);
    }

    /// <summary>Writes a register without touching its tag.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void SetContents(FpuState* state, int physical, Float80 value)
    {
        ulong* register = Address(state, physical);
        register[0] = value.Significand;
        register[1] = value.SignExponent;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsEmpty(FpuState* state, int index) => ((state->Tag >> Physical(state, index)) & 1) == 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Set(FpuState* state, int index, Float80 value)
    {
        int physical = Physical(state, index);
        SetContents(state, physical, value);
        state->Tag |= (byte)(1 << physical);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Free(FpuState* state, int index) =>
        state->Tag &= (byte)~(1 << Physical(state, index));

    /// <summary>Moves TOP without touching tags.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Rotate(FpuState* state, int by)
    {
        uint top = (uint)(Top(state) + by) & 7;
        state->Status = (ushort)((state->Status & ~StatusWord.Top) | (top << StatusWord.TopShift));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Pop(FpuState* state)
    {
        Free(state, 0);
        Rotate(state, 1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Push(FpuState* state, Float80 value)
    {
        Rotate(state, -1);
        Set(state, 0, value);
    }

    /// <summary>Sets the condition bits in <paramref name="which"/> to those in <paramref name="value"/>.</summary>
    internal static void SetConditions(FpuState* state, uint which, uint value) =>
        state->Status = (ushort)((state->Status & ~which) | value);

    /// <summary>Brings ES and B in line with the exceptions and their masks.</summary>
    internal static void UpdateSummary(FpuState* state)
    {
        bool pending = (state->Status & ~state->Control & StatusWord.Exceptions) != 0;
        state->Status = (ushort)((state->Status & ~StatusWord.Pending) | (pending ? StatusWord.Pending : 0));
    }

    /// <summary>Reports a stack fault: invalid operation with SF, and C1 telling overflow from underflow.</summary>
    /// <returns>Whether it is masked, so that the instruction goes on with the indefinite value.</returns>
    internal static bool Fault(FpuState* state, bool overflow)
    {
        SetConditions(state, StatusWord.C1, overflow ? StatusWord.C1 : 0);
        state->Status |= (ushort)(StatusWord.Invalid | StatusWord.StackFault);
        if ((state->Control & StatusWord.Invalid) != 0)
        {
            return true;
        }

        state->Status |= (ushort)StatusWord.Pending;
        return false;
    }

    /// <summary>Takes the exceptions of an operation over into the status word; C1 must be clear before.</summary>
    /// <param name="state">The state.</param>
    /// <param name="context">What the operation raised.</param>
    /// <param name="toMemory">Whether the destination is in memory: unmasked overflow and underflow then leave it
    /// alone, while a register gets a result with an adjusted exponent (SDM vol. 1, 8.5.4 and 8.5.5).</param>
    /// <returns>Whether the destination is to be written and the stack to be moved.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Commit(FpuState* state, in FpuContext context, bool toMemory)
    {
        uint raised = context.Raised;
        return raised == 0 || CommitRaised(state, raised, toMemory);
    }

    private static ulong* Address(FpuState* state, int physical) => (ulong*)&state->Registers + (2 * physical);

    private static bool CommitRaised(FpuState* state, uint raised, bool toMemory)
    {
        uint unmasked = raised & StatusWord.Exceptions & ~(uint)state->Control;
        bool done = true;
        if ((raised & (StatusWord.Invalid | StatusWord.ZeroDivide)) != 0)
        {
            raised &= StatusWord.Invalid | StatusWord.ZeroDivide;
            unmasked &= raised;
            done = unmasked == 0;
        }
        else if ((unmasked & StatusWord.Denormal) != 0)
        {
            raised = StatusWord.Denormal;
            done = false;
        }
        else if (toMemory && (unmasked & (StatusWord.Overflow | StatusWord.Underflow)) != 0)
        {
            raised &= ~(StatusWord.Precision | StatusWord.C1);
            done = false;
        }

        state->Status |= (ushort)(raised | (unmasked != 0 ? StatusWord.Pending : 0));
        return done;
    }
}
