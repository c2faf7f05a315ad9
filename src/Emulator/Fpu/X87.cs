// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;

namespace LguestPlug.Emulator.Fpu;

/// <summary>
/// The x87 floating-point unit as one of the P6 family (Intel SDM vol. 1, chapter 8, and vol. 2).
/// </summary>
/// <remarks>Instructions are named by their escape number (first opcode byte less 0xD8) and ModR/M byte. Every masked
/// exception gets the hardware's answer; an unmasked one is left pending in the status word (ES and B), and the next
/// waiting instruction answers <see cref="FpuOutcome.MathFault"/> instead of executing.</remarks>
public static unsafe partial class X87
{
    /// <summary>Bytes of the largest memory operand (FNSAVE and FRSTOR with 32-bit operand size).</summary>
    public const int MaximumOperand = FpuEnvironment.Size32 + FpuEnvironment.RegistersSize;

    /// <summary>Puts the FPU in the state that FNINIT leaves (SDM vol. 2, FINIT): control word 0x37F, all registers
    /// empty but not cleared.</summary>
    /// <param name="f">The state.</param>
    public static void Initialize(FpuState* f) => FpuEnvironment.Initialize(f);

    /// <summary>Loads control and status word, as FXRSTOR does.</summary>
    internal static void LoadModes(FpuState* f, ushort control, ushort status)
    {
        f->Status = status;
        FpuEnvironment.LoadControl(f, control);
    }

    /// <summary>Whether an instruction raises a pending #MF before it executes; the FN* forms do not.</summary>
    /// <param name="esc">Opcode less 0xD8, 0 to 7.</param>
    /// <param name="modrm">The ModR/M byte; for a memory form only bits 3 to 5 matter besides mod.</param>
    public static bool IsWaiting(int esc, int modrm)
    {
        int reg = (modrm >> 3) & 7;
        if ((modrm & 0xC0) != 0xC0)
        {
            // FNSTENV, FNSTCW, FNSAVE and FNSTSW.
            return !((esc is 1 or 5) && reg is 6) && !((esc is 1 or 5) && reg is 7);
        }

        // FNENI to FNSETPM, and FNSTSW AX.
        return !(esc == 3 && reg == 4) && !(esc == 7 && modrm == 0xE0);
    }

    /// <summary>Whether an unmasked exception is pending (what FWAIT asks).</summary>
    /// <param name="f">The state.</param>
    public static bool IsFaultPending(FpuState* f) => (f->Status & StatusWord.Summary) != 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static FpuContext Begin(FpuState* f)
    {
        f->Status &= unchecked((ushort)~StatusWord.C1);
        return new FpuContext(f->Control);
    }

    /// <summary>Answers an empty source register: masked, the destination gets the indefinite value.</summary>
    private static void Underflow(FpuState* f, int destination, bool pop)
    {
        if (FpuStack.Fault(f, overflow: false))
        {
            FpuStack.Set(f, destination, Float80.Indefinite);
            if (pop)
            {
                FpuStack.Pop(f);
            }
        }
    }

    /// <summary>Pushes what an operation gave, or reports that the stack is full.</summary>
    private static void PushResult(FpuState* f, Float80 value)
    {
        if (!FpuStack.IsEmpty(f, -1))
        {
            Overflow(f);
            return;
        }

        f->Status &= unchecked((ushort)~StatusWord.C1);
        FpuStack.Push(f, value);
    }

    private static void Overflow(FpuState* f)
    {
        if (FpuStack.Fault(f, overflow: true))
        {
            FpuStack.Push(f, Float80.Indefinite);
        }
    }

    /// <summary>FADD, FMUL, FSUB, FSUBR, FDIV and FDIVR in all their forms.</summary>
    /// <param name="f">The state.</param>
    /// <param name="context">May hold what converting the memory operand raised.</param>
    /// <param name="operation">Bits 3 to 5 of ModR/M; not 2 or 3.</param>
    /// <param name="left">ST(0).</param>
    /// <param name="right">The other operand.</param>
    /// <param name="destination">Number of the register that gets the result.</param>
    /// <param name="pop">Whether to pop afterwards.</param>
    private static void Calculate(
        FpuState* f, ref FpuContext context, int operation, Float80 left, Float80 right, int destination, bool pop)
    {
        Float80 result = operation switch
        {
            0 => Arithmetic.Add(ref context, left, right),
            1 => Arithmetic.Multiply(ref context, left, right),
            4 => Arithmetic.Subtract(ref context, left, right),
            5 => Arithmetic.Subtract(ref context, right, left),
            6 => Arithmetic.Divide(ref context, left, right),
            _ => Arithmetic.Divide(ref context, right, left),
        };
        if (FpuStack.Commit(f, context, toMemory: false))
        {
            FpuStack.Set(f, destination, result);
            if (pop)
            {
                FpuStack.Pop(f);
            }
        }
    }

    /// <summary>FCOM, FUCOM and FTST: sets C3, C2 and C0, then pops.</summary>
    private static void Compare(FpuState* f, ref FpuContext context, Float80 right, bool quiet, int pops)
    {
        uint relation = Comparison.Compare(ref context, FpuStack.Register(f, 0), right, quiet);
        FinishCompare(f, relation, FpuStack.Commit(f, context, toMemory: false) ? pops : 0);
    }

    private static void CompareUnderflow(FpuState* f, int pops)
    {
        FinishCompare(f, Comparison.Unordered, FpuStack.Fault(f, overflow: false) ? pops : 0);
    }

    /// <summary>Sets the conditions, which an unmasked exception does not prevent, and pops.</summary>
    private static void FinishCompare(FpuState* f, uint relation, int pops)
    {
        FpuStack.SetConditions(f, StatusWord.C0 | StatusWord.C2 | StatusWord.C3, relation);
        for (int i = 0; i < pops; i++)
        {
            FpuStack.Pop(f);
        }
    }
}
