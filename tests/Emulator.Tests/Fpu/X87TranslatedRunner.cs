// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using LguestPlug.Emulator.Fpu;
using LguestPlug.Emulator.Tests.HostComparison;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Tests.Fpu;

/// <summary>Runs cases as guest code on the translator, where the host's own x87 executes what has all exceptions masked.</summary>
internal sealed class X87TranslatedRunner : IDisposable
{
    private const uint Operand = HostWindow.Data + 0x100;
    private const int Esi = 6;

    private readonly EmulatedCpu _cpu = new(CpuExecution.Translator);

    public X87Result Run(in X87Case test)
    {
        CpuCase code = new() { Eflags = test.Flags | 2, Vectors = Image(test) };
        code.Registers[0] = test.Ax;
        code.Registers[Esi] = Operand;
        code.Patches.Add(new MemoryPatch(Operand, ((ReadOnlySpan<byte>)test.Memory).ToArray()));
        byte modrm = test.IsMemory ? (byte)((test.ModRm & 0x38) | Esi) : test.ModRm;
        byte escape = (byte)(0xD8 + test.Escape);
        code.Patches.Add(new MemoryPatch(code.Eip, test.OperandSize16 != 0 ? [0x66, escape, modrm] : [escape, modrm]));
        CpuOutcome outcome = _cpu.Run(code);

        ReadOnlySpan<byte> image = outcome.Vectors;
        X87Result result = default;
        result.Outcome = (byte)(outcome.Vector switch
        {
            TrapVector.Breakpoint => FpuOutcome.Done,
            TrapVector.InvalidOpcode => FpuOutcome.InvalidOpcode,
            TrapVector.MathFault => FpuOutcome.MathFault,
            _ => throw new InvalidOperationException($"trap {outcome.Vector}"),
        });
        result.Control = BinaryPrimitives.ReadUInt16LittleEndian(image);
        result.Status = BinaryPrimitives.ReadUInt16LittleEndian(image[2..]);
        result.Tag = image[4];
        result.LastOpcode = BinaryPrimitives.ReadUInt16LittleEndian(image[VectorState.OpcodeOffset..]);
        result.LastIp = BinaryPrimitives.ReadUInt32LittleEndian(image[VectorState.InstructionOffset..]);
        result.LastDp = BinaryPrimitives.ReadUInt32LittleEndian(image[VectorState.OperandOffset..]);
        result.Flags = outcome.Eflags & Eflags.Status;
        result.Ax = (ushort)outcome.Registers[0];
        int top = (result.Status >> 11) & 7;
        for (int i = 0; i < 8; i++)
        {
            ReadOnlySpan<byte> from = image[(VectorState.StackOffset + (16 * i))..];
            result.Registers[(top + i) & 7] =
                new X87Value(BinaryPrimitives.ReadUInt64LittleEndian(from), BinaryPrimitives.ReadUInt16LittleEndian(from[8..]));
        }

        result.Memory = test.Memory;
        foreach (MemoryPatch change in outcome.Changes)
        {
            change.Bytes.CopyTo(((Span<byte>)result.Memory)[(int)(change.Address - Operand)..]);
        }

        return result;
    }

    public void Dispose() => _cpu.Dispose();

    private static byte[] Image(in X87Case test)
    {
        byte[] image = new byte[VectorState.ImageBytes];
        BinaryPrimitives.WriteUInt16LittleEndian(image, test.Control);
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(2), test.Status);
        image[4] = test.Tag;
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(VectorState.OpcodeOffset), test.LastOpcode);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(VectorState.InstructionOffset), test.LastIp);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(VectorState.OperandOffset), test.LastDp);
        BinaryPrimitives.WriteUInt32LittleEndian(image.AsSpan(VectorState.MxcsrOffset), 0x1F80);
        for (int i = 0; i < 8; i++)
        {
            X87Value value = test.Registers[(test.Top + i) & 7];
            BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(VectorState.StackOffset + (16 * i)), value.Significand);
            BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(VectorState.StackOffset + (16 * i) + 8), value.SignExponent);
        }

        return image;
    }
}
