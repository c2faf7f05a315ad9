// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;

namespace LguestPlug.Emulator.Fpu;

/// <summary>The memory images of FLDENV, FNSTENV, FRSTOR and FNSAVE in their protected-mode formats (Intel SDM vol. 1,
/// figures 8-9 and 8-11).</summary>
internal static unsafe class FpuEnvironment
{
    /// <summary>Bytes of the environment with 32-bit operand size.</summary>
    internal const int Size32 = 28;

    /// <summary>Bytes of the environment with 16-bit operand size.</summary>
    internal const int Size16 = 14;

    /// <summary>Bytes of the eight registers that follow the environment in an FNSAVE image.</summary>
    internal const int RegistersSize = 80;

    private const int RegisterSize = 10;
    private const int OpcodeMask = 0x7FF;

    /// <summary>Control word bits that can be written; bit 6 always reads as one.</summary>
    private const int WritableControl = 0x1F3F;
    private const int FixedControl = 0x0040;

    internal static void LoadControl(FpuState* state, ushort control)
    {
        state->Control = (ushort)((control & WritableControl) | FixedControl);
        FpuStack.UpdateSummary(state);
    }

    internal static void Initialize(FpuState* state)
    {
        state->Control = 0x037F;
        state->Status = 0;
        state->Tag = 0;
        state->LastOpcode = 0;
        state->LastIp = 0;
        state->LastCs = 0;
        state->LastDp = 0;
        state->LastDs = 0;
    }

    internal static void Store(FpuState* state, bool operandSize16, byte* operand)
    {
        Span<byte> image = new(operand, operandSize16 ? Size16 : Size32);
        if (operandSize16)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(image, state->Control);
            BinaryPrimitives.WriteUInt16LittleEndian(image[2..], state->Status);
            BinaryPrimitives.WriteUInt16LittleEndian(image[4..], FullTags(state));
            BinaryPrimitives.WriteUInt16LittleEndian(image[6..], (ushort)state->LastIp);
            BinaryPrimitives.WriteUInt16LittleEndian(image[8..], state->LastCs);
            BinaryPrimitives.WriteUInt16LittleEndian(image[10..], (ushort)state->LastDp);
            BinaryPrimitives.WriteUInt16LittleEndian(image[12..], state->LastDs);
            return;
        }

        // The hardware fills the reserved upper halves with ones.
        const uint Reserved = 0xFFFF0000;
        BinaryPrimitives.WriteUInt32LittleEndian(image, Reserved | state->Control);
        BinaryPrimitives.WriteUInt32LittleEndian(image[4..], Reserved | state->Status);
        BinaryPrimitives.WriteUInt32LittleEndian(image[8..], Reserved | FullTags(state));
        BinaryPrimitives.WriteUInt32LittleEndian(image[12..], state->LastIp);
        BinaryPrimitives.WriteUInt32LittleEndian(
            image[16..], state->LastCs | ((uint)(state->LastOpcode & OpcodeMask) << 16));
        BinaryPrimitives.WriteUInt32LittleEndian(image[20..], state->LastDp);
        BinaryPrimitives.WriteUInt32LittleEndian(image[24..], Reserved | state->LastDs);
    }

    /// <summary>Masks all exceptions, as FNSTENV does after storing.</summary>
    internal static void MaskAll(FpuState* state)
    {
        state->Control |= (ushort)StatusWord.Exceptions;
        FpuStack.UpdateSummary(state);
    }

    internal static void Load(FpuState* state, bool operandSize16, byte* operand)
    {
        ReadOnlySpan<byte> image = new(operand, operandSize16 ? Size16 : Size32);
        int step = operandSize16 ? 2 : 4;
        state->Status = BinaryPrimitives.ReadUInt16LittleEndian(image[step..]);
        LoadTags(state, BinaryPrimitives.ReadUInt16LittleEndian(image[(2 * step)..]));
        if (operandSize16)
        {
            state->LastIp = BinaryPrimitives.ReadUInt16LittleEndian(image[6..]);
            state->LastCs = BinaryPrimitives.ReadUInt16LittleEndian(image[8..]);
            state->LastOpcode = 0;
            state->LastDp = BinaryPrimitives.ReadUInt16LittleEndian(image[10..]);
            state->LastDs = BinaryPrimitives.ReadUInt16LittleEndian(image[12..]);
        }
        else
        {
            state->LastIp = BinaryPrimitives.ReadUInt32LittleEndian(image[12..]);
            state->LastCs = BinaryPrimitives.ReadUInt16LittleEndian(image[16..]);
            state->LastOpcode = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(image[18..]) & OpcodeMask);
            state->LastDp = BinaryPrimitives.ReadUInt32LittleEndian(image[20..]);
            state->LastDs = BinaryPrimitives.ReadUInt16LittleEndian(image[24..]);
        }

        LoadControl(state, BinaryPrimitives.ReadUInt16LittleEndian(image));
    }

    internal static void Save(FpuState* state, bool operandSize16, byte* operand)
    {
        Store(state, operandSize16, operand);
        byte* registers = operand + (operandSize16 ? Size16 : Size32);
        for (int i = 0; i < 8; i++)
        {
            WriteRegister(FpuStack.Register(state, i), registers + (i * RegisterSize));
        }

        Initialize(state);
    }

    internal static void Restore(FpuState* state, bool operandSize16, byte* operand)
    {
        Load(state, operandSize16, operand);
        byte* registers = operand + (operandSize16 ? Size16 : Size32);
        for (int i = 0; i < 8; i++)
        {
            FpuStack.SetContents(state, FpuStack.Physical(state, i), ReadRegister(registers + (i * RegisterSize)));
        }
    }

    internal static Float80 ReadRegister(byte* operand)
    {
        ReadOnlySpan<byte> bytes = new(operand, RegisterSize);
        return new Float80(
            BinaryPrimitives.ReadUInt16LittleEndian(bytes[8..]), BinaryPrimitives.ReadUInt64LittleEndian(bytes));
    }

    internal static void WriteRegister(Float80 value, byte* operand)
    {
        Span<byte> bytes = new(operand, RegisterSize);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, value.Significand);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[8..], value.SignExponent);
    }

    /// <summary>The two-bit tags, register 0 lowest: 0 valid, 1 zero, 2 special, 3 empty (SDM vol. 1, figure 8-7).
    /// </summary>
    private static ushort FullTags(FpuState* state)
    {
        int tags = 0;
        for (int i = 7; i >= 0; i--)
        {
            Float80 value = state->Registers[i];
            int tag = ((state->Tag >> i) & 1) == 0 ? 3 : value.IsNormal ? 0 : value.IsZero ? 1 : 2;
            tags = (tags << 2) | tag;
        }

        return (ushort)tags;
    }

    /// <summary>Only "empty" matters in a loaded tag word; the rest follows from the registers.</summary>
    private static void LoadTags(FpuState* state, ushort tags)
    {
        int inUse = 0;
        for (int i = 0; i < 8; i++)
        {
            if (((tags >> (2 * i)) & 3) != 3)
            {
                inUse |= 1 << i;
            }
        }

        state->Tag = (byte)inUse;
    }
}
