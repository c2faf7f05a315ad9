// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using LguestPlug.Emulator.Fpu;

namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>The x87, MMX and SSE registers in FXSAVE's image (Intel SDM vol. 1, 10.5.1), without the last instruction's selectors.</summary>
internal static unsafe class VectorState
{
    public const int ImageBytes = 512, OpcodeOffset = 6, InstructionOffset = 8, OperandOffset = 16, MxcsrOffset = 24, StackOffset = 32, VectorsOffset = 160;

    private const uint OutOfRange = 0x18, Precision = 0x20;
    private const int MaskShift = 7;

    public static void Load(CpuState* state, ReadOnlySpan<byte> image)
    {
        FpuState* fpu = &state->Fpu;
        fpu->Control = BinaryPrimitives.ReadUInt16LittleEndian(image);
        fpu->Status = BinaryPrimitives.ReadUInt16LittleEndian(image[2..]);
        fpu->Tag = image[4];
        fpu->LastOpcode = BinaryPrimitives.ReadUInt16LittleEndian(image[OpcodeOffset..]);
        fpu->LastIp = BinaryPrimitives.ReadUInt32LittleEndian(image[InstructionOffset..]);
        fpu->LastDp = BinaryPrimitives.ReadUInt32LittleEndian(image[OperandOffset..]);
        fpu->LastCs = fpu->LastDs = 0;
        state->Mxcsr = BinaryPrimitives.ReadUInt32LittleEndian(image[MxcsrOffset..]);
        for (int i = 0; i < 8; i++)
        {
            ReadOnlySpan<byte> from = image[(StackOffset + (16 * i))..];
            fpu->Registers[((fpu->Status >> 11) + i) & 7] =
                new Float80(BinaryPrimitives.ReadUInt16LittleEndian(from[8..]), BinaryPrimitives.ReadUInt64LittleEndian(from));
        }

        for (int i = 0; i < 16; i++)
        {
            state->Xmm[i] = BinaryPrimitives.ReadUInt64LittleEndian(image[(VectorsOffset + (8 * i))..]);
        }
    }

    public static byte[] Save(CpuState* state)
    {
        byte[] image = new byte[ImageBytes];
        FpuState* fpu = &state->Fpu;
        BinaryPrimitives.WriteUInt16LittleEndian(image, fpu->Control);
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(2), fpu->Status);
        image[4] = fpu->Tag;
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(OpcodeOffset), fpu->LastOpcode);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(InstructionOffset), fpu->LastIp);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(OperandOffset), fpu->LastDp);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(MxcsrOffset), state->Mxcsr);
        for (int i = 0; i < 8; i++)
        {
            Float80 value = fpu->Registers[((fpu->Status >> 11) + i) & 7];
            BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(StackOffset + (16 * i)), value.Significand);
            BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(StackOffset + (16 * i) + 8), value.SignExponent);
        }

        for (int i = 0; i < 16; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(VectorsOffset + (8 * i)), state->Xmm[i]);
        }

        return image;
    }

    /// <summary>Adds what differs.</summary>
    /// <param name="expected">The host's.</param>
    /// <param name="got">Ours.</param>
    /// <param name="mayBeMmx">The top of the stack and the tags may or may not be as MMX sets them.</param>
    /// <param name="differences">Where to add.</param>
    public static void Compare(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> got, bool mayBeMmx, List<string> differences)
    {
        Check("fcw", expected[..2], got[..2]);
        if (mayBeMmx)
        {
            expected = WithoutTop(expected);
            got = WithoutTop(got);
        }

        Check("fsw", expected[2..4], got[2..4]);
        Check("ftw", expected[4..5], got[4..5]);
        uint modes = BinaryPrimitives.ReadUInt32LittleEndian(expected[MxcsrOffset..]);
        // Whether a result that the processor does not make would have been inexact, only the processor knows.
        uint unknown = (modes & ~(modes >> MaskShift) & OutOfRange) != 0 ? Precision : 0;
        Check("mxcsr", BitConverter.GetBytes(modes | unknown), BitConverter.GetBytes(BinaryPrimitives.ReadUInt32LittleEndian(got[MxcsrOffset..]) | unknown));
        for (int i = 0; i < 8; i++)
        {
            int stack = StackOffset + (16 * i);
            Check($"st{i}", expected[stack..(stack + 10)], got[stack..(stack + 10)]);
        }

        for (int i = 0; i < 8; i++)
        {
            int vector = VectorsOffset + (16 * i);
            Check($"xmm{i}", expected[vector..(vector + 16)], got[vector..(vector + 16)]);
        }

        void Check(string name, ReadOnlySpan<byte> expectedValue, ReadOnlySpan<byte> gotValue)
        {
            if (!expectedValue.SequenceEqual(gotValue))
            {
                differences.Add($"{name} {Text(expectedValue)}/{Text(gotValue)}");
            }
        }
    }

    /// <summary>The image with the registers in physical order and all in use.</summary>
    private static byte[] WithoutTop(ReadOnlySpan<byte> image)
    {
        byte[] result = image.ToArray();
        int top = (image[3] >> 3) & 7;
        result[3] &= 0xC7;
        result[4] = 0xFF;
        for (int i = 0; i < 8; i++)
        {
            image.Slice(StackOffset + (16 * i), 16).CopyTo(result.AsSpan(StackOffset + (16 * ((top + i) & 7))));
        }

        return result;
    }

    // As a number: the top byte first.
    private static string Text(ReadOnlySpan<byte> value)
    {
        byte[] bytes = value.ToArray();
        Array.Reverse(bytes);
        return Convert.ToHexString(bytes);
    }
}
