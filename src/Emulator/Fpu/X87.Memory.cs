// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;

namespace LguestPlug.Emulator.Fpu;

/// <content>The forms with a memory operand.</content>
public static unsafe partial class X87
{
    /// <summary>Tells the size of a memory operand.</summary>
    /// <param name="esc">Opcode less 0xD8, 0 to 7.</param>
    /// <param name="reg">Bits 3 to 5 of ModR/M.</param>
    /// <param name="operandSize16">Whether the operand size is 16 bits.</param>
    /// <param name="readBytes">Bytes that the instruction reads, or 0.</param>
    /// <param name="writeBytes">Bytes that the instruction writes, or 0.</param>
    /// <returns>Whether there is such an instruction (FISTTP is SSE3 and not here).</returns>
    public static bool TryGetMemoryOperand(int esc, int reg, bool operandSize16, out int readBytes, out int writeBytes)
    {
        int environment = operandSize16 ? FpuEnvironment.Size16 : FpuEnvironment.Size32;

        // Positive sizes are read, negative ones written.
        int size = ((esc << 3) | reg) switch
        {
            < 0x08 => 4,
            0x08 => 4,
            0x0A or 0x0B => -4,
            0x0C => environment,
            0x0D => 2,
            0x0E => -environment,
            0x0F => -2,
            >= 0x10 and < 0x18 => 4,
            0x18 => 4,
            0x1A or 0x1B => -4,
            0x1D => 10,
            0x1F => -10,
            >= 0x20 and < 0x28 => 8,
            0x28 => 8,
            0x2A or 0x2B => -8,
            0x2C => environment + FpuEnvironment.RegistersSize,
            0x2E => -(environment + FpuEnvironment.RegistersSize),
            0x2F => -2,
            >= 0x30 and < 0x38 => 2,
            0x38 => 2,
            0x3A or 0x3B => -2,
            0x3C => IntegerFormats.DecimalBytes,
            0x3D => 8,
            0x3E => -IntegerFormats.DecimalBytes,
            0x3F => -8,
            _ => 0,
        };
        readBytes = Math.Max(size, 0);
        writeBytes = Math.Max(-size, 0);
        return size != 0;
    }

    /// <summary>Executes an instruction with a memory operand.</summary>
    /// <param name="f">The state.</param>
    /// <param name="esc">Opcode less 0xD8, 0 to 7.</param>
    /// <param name="reg">Bits 3 to 5 of ModR/M.</param>
    /// <param name="operandSize16">Whether the operand size is 16 bits.</param>
    /// <param name="operand">The bytes read from memory, or room for the bytes to write; sizes are those of
    /// <see cref="TryGetMemoryOperand"/>.</param>
    /// <param name="store">Whether <paramref name="operand"/> is to be written to memory; an unmasked exception can
    /// prevent that.</param>
    /// <returns>What became of the instruction.</returns>
    public static FpuOutcome ExecuteMemory(
        FpuState* f, int esc, int reg, bool operandSize16, byte* operand, out bool store)
    {
        store = false;
        if (IsFaultPending(f) && IsWaiting(esc, reg << 3))
        {
            return TryGetMemoryOperand(esc, reg, operandSize16, out _, out _)
                ? FpuOutcome.MathFault
                : FpuOutcome.InvalidOpcode;
        }

        if ((esc & 1) == 0)
        {
            ArithmeticMemory(f, esc, reg, operand);
            return FpuOutcome.Done;
        }

        switch ((esc << 3) | reg)
        {
            case 0x08 or 0x28:
                LoadReal(f, esc, operand);
                return FpuOutcome.Done;
            case 0x18 or 0x38 or 0x3D:
                PushResult(f, IntegerFormats.FromInteger(ReadInteger(operand, reg == 5 ? 8 : esc == 3 ? 4 : 2)));
                return FpuOutcome.Done;
            case 0x1D:
                PushResult(f, FpuEnvironment.ReadRegister(operand));
                return FpuOutcome.Done;
            case 0x3C:
                PushResult(f, IntegerFormats.FromDecimal(operand));
                return FpuOutcome.Done;
            case 0x0A or 0x0B or 0x2A or 0x2B or 0x1A or 0x1B or 0x3A or 0x3B or 0x1F or 0x3E or 0x3F:
                store = StoreTop(f, esc, reg, operand);
                return FpuOutcome.Done;
            case 0x0D:
                FpuEnvironment.LoadControl(f, Unsafe.ReadUnaligned<ushort>(operand));
                return FpuOutcome.Done;
            case 0x0C:
                FpuEnvironment.Load(f, operandSize16, operand);
                return FpuOutcome.Done;
            case 0x2C:
                FpuEnvironment.Restore(f, operandSize16, operand);
                return FpuOutcome.Done;
            case 0x0E:
                FpuEnvironment.Store(f, operandSize16, operand);
                FpuEnvironment.MaskAll(f);
                break;
            case 0x2E:
                FpuEnvironment.Save(f, operandSize16, operand);
                break;
            case 0x0F:
                Unsafe.WriteUnaligned(operand, f->Control);
                break;
            case 0x2F:
                Unsafe.WriteUnaligned(operand, f->Status);
                break;
            default:
                return FpuOutcome.InvalidOpcode;
        }

        store = true;
        return FpuOutcome.Done;
    }

    private static long ReadInteger(byte* operand, int size) => size switch
    {
        2 => Unsafe.ReadUnaligned<short>(operand),
        4 => Unsafe.ReadUnaligned<int>(operand),
        _ => Unsafe.ReadUnaligned<long>(operand),
    };

    /// <summary>The even escapes: ST(0) with a real of 4 (D8) or 8 (DC) or an integer of 4 (DA) or 2 (DE) bytes.
    /// </summary>
    private static void ArithmeticMemory(FpuState* f, int esc, int reg, byte* operand)
    {
        bool isCompare = reg is 2 or 3;
        if (FpuStack.IsEmpty(f, 0))
        {
            if (isCompare)
            {
                CompareUnderflow(f, reg - 2);
            }
            else
            {
                Underflow(f, 0, pop: false);
            }

            return;
        }

        FpuContext context = Begin(f);
        Float80 value = esc switch
        {
            0 => BinaryFormats.FromSingle(ref context, Unsafe.ReadUnaligned<uint>(operand)),
            2 => IntegerFormats.FromInteger(Unsafe.ReadUnaligned<int>(operand)),
            4 => BinaryFormats.FromDouble(ref context, Unsafe.ReadUnaligned<ulong>(operand)),
            _ => IntegerFormats.FromInteger(Unsafe.ReadUnaligned<short>(operand)),
        };
        if (isCompare)
        {
            Compare(f, ref context, value, quiet: false, reg - 2);
        }
        else
        {
            Calculate(f, ref context, reg, FpuStack.Register(f, 0), value, 0, pop: false);
        }
    }

    private static void LoadReal(FpuState* f, int esc, byte* operand)
    {
        if (!FpuStack.IsEmpty(f, -1))
        {
            Overflow(f);
            return;
        }

        FpuContext context = Begin(f);
        Float80 value = esc == 1
            ? BinaryFormats.FromSingle(ref context, Unsafe.ReadUnaligned<uint>(operand))
            : BinaryFormats.FromDouble(ref context, Unsafe.ReadUnaligned<ulong>(operand));
        if (value.IsNaN)
        {
            _ = NaNs.TryResolve(ref context, value, out value);
        }

        // A denormal is loaded even if its exception is unmasked.
        if (FpuStack.Commit(f, context, toMemory: false) || (context.Raised & StatusWord.Denormal) != 0)
        {
            FpuStack.Push(f, value);
        }
    }

    /// <summary>FST, FSTP, FIST, FISTP and FBSTP.</summary>
    /// <returns>Whether memory is to be written.</returns>
    private static bool StoreTop(FpuState* f, int esc, int reg, byte* operand)
    {
        bool empty = FpuStack.IsEmpty(f, 0);
        if (empty && !FpuStack.Fault(f, overflow: false))
        {
            return false;
        }

        FpuContext context = empty ? new FpuContext(f->Control) : Begin(f);
        Float80 value = empty ? Float80.Indefinite : FpuStack.Register(f, 0);
        switch ((esc << 3) | reg)
        {
            case 0x0A or 0x0B:
                Unsafe.WriteUnaligned(operand, BinaryFormats.ToSingle(ref context, value));
                break;
            case 0x2A or 0x2B:
                Unsafe.WriteUnaligned(operand, BinaryFormats.ToDouble(ref context, value));
                break;
            case 0x1F:
                FpuEnvironment.WriteRegister(value, operand);
                break;
            case 0x3A or 0x3B:
                Unsafe.WriteUnaligned(operand, (short)IntegerFormats.ToInteger(ref context, value, 16));
                break;
            case 0x1A or 0x1B:
                Unsafe.WriteUnaligned(operand, (int)IntegerFormats.ToInteger(ref context, value, 32));
                break;
            case 0x3F:
                Unsafe.WriteUnaligned(operand, IntegerFormats.ToInteger(ref context, value, 64));
                break;
            default:
                IntegerFormats.ToDecimal(ref context, value, operand);
                break;
        }

        if (!FpuStack.Commit(f, context, toMemory: true))
        {
            return false;
        }

        if (reg != 2)
        {
            FpuStack.Pop(f);
        }

        return true;
    }
}
