// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>Every MMX, SSE and SSE2 instruction with random registers and places, alone and a few in a row.</summary>
/// <param name="name">Seeds the cases.</param>
/// <param name="isMasked">All exceptions are masked, as they nearly always are.</param>
internal sealed class VectorGenerator(string name, bool isMasked)
{
    private const uint Masks = 0x1F80;
    private const ushort DefaultControl = 0x37F;

    private readonly SplitMix _random = new(name);

    /// <summary>Cases of one instruction each.</summary>
    public IEnumerable<CpuCase> Single(int perForm)
    {
        foreach (VectorForm form in VectorForms.All)
        {
            for (int i = 0; i < perForm; i++)
            {
                CaseBuilder builder = Begin();
                byte[] code = Make(builder, form, canRepeat: false);
                yield return builder.Code(code);
            }
        }
    }

    /// <summary>Cases of several instructions each.</summary>
    public IEnumerable<CpuCase> Sequences(int count)
    {
        for (int i = 0; i < count; i++)
        {
            CaseBuilder builder = Begin();
            List<byte> code = [];
            for (int n = 2 + _random.Below(4); n > 0; n--)
            {
                code.AddRange(Make(builder, _random.Pick<VectorForm>(VectorForms.All), canRepeat: true));
            }

            yield return builder.Code([.. code]);
        }
    }

    /// <summary>A number that is interesting as one or two or four.</summary>
    private ulong Value()
    {
        switch (_random.Below(8))
        {
            case 0:
                return _random.Next();
            case 1:
                return BitConverter.DoubleToUInt64Bits(Double());
            case 2:
                return BitConverter.DoubleToUInt64Bits(_random.Below(2000) - 1000 + (_random.Below(4) * 0.25));
            case 3:
                return _random.Pick<ulong>(0UL, ulong.MaxValue, 0x8000800080008000, 0x7FFF7FFF7FFF7FFF, 0x80FF7F0180FF7F01, 0x0001000100010001);
            case 4:
                return (ulong)_random.Below(70);
            default:
                return Single() | ((ulong)Single() << 32);
        }
    }

    private uint Single() => _random.Below(6) switch
    {
        0 => _random.NextUInt32(),
        1 => BitConverter.SingleToUInt32Bits(_random.Below(200) - 100 + (_random.Below(4) * 0.25f)),
        2 => BitConverter.SingleToUInt32Bits(_random.Pick(0f, -0f, 1f, -1f, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue, 2147483648f, 2147483520f)),
        3 => _random.Pick(0x7FC00000u, 0x7F800001u, 0xFFBFFFFFu, 1u, 0x80000001u, 0x007FFFFFu, 0x00800000u, 0x80800000u),
        // Around the smallest normal number, and around 1.
        4 => (_random.Pick(0x00000000u, 0x20000000u, 0x3F800000u) + _random.NextUInt32() % 0x02000000) | (_random.NextUInt32() & 0x80000000),
        _ => (_random.NextUInt32() & 0x807FFFFF) | (uint)((64 + _random.Below(128)) << 23),
    };

    private double Double() => _random.Below(4) switch
    {
        0 => _random.Pick(0.0, -0.0, 1.0, double.PositiveInfinity, double.NegativeInfinity, double.MaxValue, double.Epsilon, 2147483647.5, -2147483648.5, 1e-310),
        1 => BitConverter.UInt64BitsToDouble(_random.Pick(0x7FF8000000000000ul, 0x7FF0000000000001ul, 0x0010000000000000ul, 0xFFF7FFFFFFFFFFFFul)),
        2 => Math.ScaleB(1 + (_random.Next() / 1e20), _random.Below(600) - 300),
        // Where single precision ends.
        _ => Math.ScaleB(1 + (_random.Next() / 1e20), _random.Pick(-1074, -1022, -1021, -150, -149, -127, -126, 127, 128, 1023, 0)),
    };

    private CaseBuilder Begin()
    {
        var builder = new CaseBuilder(_random);
        byte[] image = new byte[VectorState.ImageBytes];
        FillImage(image);
        builder.Case.Vectors = image;
        return builder;
    }

    private void FillImage(Span<byte> image)
    {
        image.Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(image, isMasked ? DefaultControl : (ushort)(DefaultControl & ~(_random.NextUInt32() & 0x3F)));
        int top = _random.Below(8);
        BinaryPrimitives.WriteUInt16LittleEndian(image[2..], (ushort)((top << 11) | (int)(_random.NextUInt32() & 0x4700)));
        image[4] = (byte)_random.Pick(0u, 0xFFu, _random.NextUInt32() & 0xFF);
        BinaryPrimitives.WriteUInt32LittleEndian(image[VectorState.MxcsrOffset..], Modes());
        for (int i = 0; i < 8; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(image[(VectorState.StackOffset + (16 * i))..], Value());
            BinaryPrimitives.WriteUInt16LittleEndian(image[(VectorState.StackOffset + (16 * i) + 8)..], (ushort)_random.Pick(0xFFFFu, _random.NextUInt32()));
        }

        for (int i = 0; i < 16; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(image[(VectorState.VectorsOffset + (8 * i))..], Value());
        }
    }

    private uint Modes()
    {
        uint modes = (_random.NextUInt32() & 0xE07F) | Masks;
        modes = _random.OneIn(3) ? Masks : modes;
        return isMasked ? modes : modes & ~(_random.NextUInt32() & Masks);
    }

    private byte[] Make(CaseBuilder builder, VectorForm form, bool canRepeat)
    {
        Instruction instruction = form.Decode(_random.Below(8), _random.Below(8));
        if (instruction.Op1Kind == OpKind.Immediate8 || instruction.Op2Kind == OpKind.Immediate8)
        {
            instruction.Immediate8 = (byte)_random.Pick(_random.NextUInt32(), (uint)_random.Below(20));
        }

        if (form.HasMemory)
        {
            int size = Math.Max(instruction.MemorySize.GetSize(), 1);
            uint place = Place(size);
            List<Register> avoid = [];
            for (int i = 0; i < instruction.OpCount; i++)
            {
                if (instruction.GetOpKind(i) == OpKind.Register && instruction.GetOpRegister(i) is >= Register.EAX and <= Register.EDI)
                {
                    avoid.Add(instruction.GetOpRegister(i));
                }
            }

            // In a row later operands' registers would replace those of earlier ones.
            MemoryOperand operand = canRepeat
                ? new MemoryOperand(Register.None, Register.None, 1, (int)place, 4)
                : AddressForms.At(builder, place, [.. avoid]);
            instruction.MemoryBase = operand.Base;
            instruction.MemoryIndex = operand.Index;
            instruction.MemoryIndexScale = operand.Scale;
            instruction.MemoryDisplSize = operand.DisplSize;
            instruction.MemoryDisplacement32 = (uint)operand.Displacement;
            instruction.SegmentPrefix = operand.SegmentPrefix;
            builder.Poke(place, Contents(instruction.Mnemonic, size));
        }
        else if (instruction.Mnemonic is Mnemonic.Maskmovq or Mnemonic.Maskmovdqu)
        {
            builder.Set(Register.EDI, Place(16));
        }

        return CaseBuilder.Encode(instruction, builder.Case.Eip);
    }

    private byte[] Contents(Mnemonic mnemonic, int size)
    {
        byte[] bytes = new byte[(size + 7) & ~7];
        switch (mnemonic)
        {
            case Mnemonic.Fxrstor:
                FillImage(bytes);
                if (_random.OneIn(8))
                {
                    BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(VectorState.MxcsrOffset), _random.NextUInt32());
                }

                break;
            case Mnemonic.Ldmxcsr:
                BinaryPrimitives.WriteUInt32LittleEndian(bytes, _random.OneIn(8) ? _random.NextUInt32() : Modes());
                break;
            default:
                for (int i = 0; i < bytes.Length; i += 8)
                {
                    BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(i), Value());
                }

                break;
        }

        return bytes[..size];
    }

    /// <summary>A place for a memory operand: aligned or not, at pages' edges, and beside code, where stores are made in another way.</summary>
    private uint Place(int size) => _random.Below(10) switch
    {
        < 5 => HostWindow.Data + ((uint)_random.Below(0x2000 - size) & ~15u),
        // An image around the end of the first 64 KiB would lie in two parts where addresses have 16 bits.
        5 or 6 when size <= 16 => MemoryPlaces.Any(_random, size),
        < 8 => HostWindow.Data + (uint)_random.Below(0x2000 - size),
        8 => _random.Pick(HostWindow.ReadOnly, HostWindow.DataEnd, HostWindow.DataMiddle, HostWindow.Data) - (uint)(16 * _random.Below(3)),
        _ => HostWindow.Code + 0x400 + ((uint)_random.Below(0x800) & _random.Pick(~15u, ~0u)),
    };
}
