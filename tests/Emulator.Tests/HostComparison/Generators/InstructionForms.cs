// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;

namespace LguestPlug.Emulator.Tests.HostComparison.Generators;

/// <summary>The instruction forms of the i386 (with the later ones that Linux kernels for it use), and how to fill in their operands.</summary>
internal static class InstructionForms
{
    private static readonly HashSet<CpuidFeature> Features =
    [
        CpuidFeature.INTEL8086, CpuidFeature.INTEL186, CpuidFeature.INTEL286, CpuidFeature.INTEL386, CpuidFeature.INTEL486,
        CpuidFeature.CMOV, CpuidFeature.CX8, CpuidFeature.MULTIBYTENOP, CpuidFeature.PAUSE,
    ];

    private static readonly Register[] Registers8 =
        [Register.AL, Register.CL, Register.DL, Register.BL, Register.AH, Register.CH, Register.DH, Register.BH];

    private static readonly Register[] Registers16 =
        [Register.AX, Register.CX, Register.DX, Register.BX, Register.SP, Register.BP, Register.SI, Register.DI];

    private static readonly Register[] Registers32 =
        [Register.EAX, Register.ECX, Register.EDX, Register.EBX, Register.ESP, Register.EBP, Register.ESI, Register.EDI];

    /// <summary>Every form there is; which of them cannot be compared, <see cref="IncomparableForms"/> says.</summary>
    public static readonly Code[] All =
    [
        .. Enum.GetValues<Code>().Where(code =>
        {
            OpCodeInfo info = code.ToOpCode();
            return info.IsInstruction && info.Mode32 && info.Encoding == EncodingKind.Legacy
                && Array.TrueForAll(code.CpuidFeatures(), Features.Contains);
        }),
    ];

    /// <summary>True if the form has an operand that is either a register or memory.</summary>
    public static bool HasRegisterOrMemory(Code code) => HasOperand(code, kind => kind
        is OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r32_or_mem);

    /// <summary>True if the form's memory operand cannot be a register.</summary>
    public static bool IsMemoryOnly(Code code) => HasOperand(code, kind => kind is OpCodeOperandKind.mem or OpCodeOperandKind.mem_offs);

    /// <summary>
    /// Makes an instruction of this form and gives its operands values; null if it has an operand that needs a generator of its
    /// own. The memory operand lies at <paramref name="place"/>, or there is none if that is null.
    /// </summary>
    public static Instruction? TryFill(CaseBuilder builder, Code code, uint? place)
    {
        SplitMix random = builder.Random;
        OpCodeInfo info = code.ToOpCode();
        Instruction instruction = default;
        instruction.Code = code;
        int memory = -1;
        List<Register> fixedRegisters = [];
        for (int i = 0; i < info.OpCount; i++)
        {
            OpCodeOperandKind kind = info.GetOpKind(i);
            switch (kind)
            {
                case OpCodeOperandKind.mem:
                case OpCodeOperandKind.mem_offs:
                case OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r32_or_mem when place is not null:
                    memory = i;
                    instruction.SetOpKind(i, OpKind.Memory);
                    break;
                case OpCodeOperandKind.imm8:
                case OpCodeOperandKind.imm8sex16:
                case OpCodeOperandKind.imm8sex32:
                case OpCodeOperandKind.imm16:
                case OpCodeOperandKind.imm32:
                case OpCodeOperandKind.imm8_const_1:
                    SetImmediate(ref instruction, i, kind, random);
                    break;
                default:
                    Register register = PickRegister(kind, random);
                    if (register == Register.None)
                    {
                        return null;
                    }

                    instruction.SetOpKind(i, OpKind.Register);
                    instruction.SetOpRegister(i, register);
                    builder.Set(register, (uint)InterestingValues.Pick(random, register.GetSize()));
                    if (kind is OpCodeOperandKind.cl or OpCodeOperandKind.al or OpCodeOperandKind.ax or OpCodeOperandKind.eax or OpCodeOperandKind.dx)
                    {
                        fixedRegisters.Add(register);
                    }

                    break;
            }
        }

        if (memory >= 0)
        {
            int size = Math.Max(instruction.MemorySize.GetSize(), 1);
            uint address = place ?? MemoryPlaces.Any(random, size);
            SetMemory(builder, ref instruction, address, info.GetOpKind(memory), fixedRegisters);
            builder.PokeValue(address, InterestingValues.Pick(random, Math.Min(size, 8)), Math.Min(size, 8));
        }

        return instruction;
    }

    private static void SetMemory(CaseBuilder builder, ref Instruction instruction, uint place, OpCodeOperandKind kind, List<Register> avoid)
    {
        // A displacement by itself is all that the accumulator's own moves can have.
        MemoryOperand operand = kind == OpCodeOperandKind.mem_offs
            ? new MemoryOperand(Register.None, Register.None, 1, (int)place, place < HostWindow.LowEnd && builder.Random.OneIn(2) ? 2 : 4)
            : AddressForms.At(builder, place, [.. avoid]);
        instruction.MemoryBase = operand.Base;
        instruction.MemoryIndex = operand.Index;
        instruction.MemoryIndexScale = operand.Scale;
        instruction.MemoryDisplSize = operand.DisplSize;
        instruction.MemoryDisplacement32 = (uint)operand.Displacement;
        instruction.SegmentPrefix = operand.SegmentPrefix;
    }

    /// <summary>Gives an immediate operand a value.</summary>
    public static void SetImmediate(ref Instruction instruction, int operand, OpCodeOperandKind kind, SplitMix random)
    {
        if (kind == OpCodeOperandKind.imm8_const_1)
        {
            instruction.SetOpKind(operand, OpKind.Immediate8);
            instruction.Immediate8 = 1;
            return;
        }

        int size = kind switch { OpCodeOperandKind.imm16 => 2, OpCodeOperandKind.imm32 => 4, _ => 1 };
        uint value = (uint)InterestingValues.Pick(random, size);
        instruction.SetOpKind(operand, kind switch
        {
            OpCodeOperandKind.imm8 => OpKind.Immediate8,
            OpCodeOperandKind.imm8sex16 => OpKind.Immediate8to16,
            OpCodeOperandKind.imm8sex32 => OpKind.Immediate8to32,
            OpCodeOperandKind.imm16 => OpKind.Immediate16,
            _ => OpKind.Immediate32,
        });
        instruction.SetImmediate(operand, size == 1 && kind != OpCodeOperandKind.imm8 ? (sbyte)value : (int)value);
    }

    private static Register PickRegister(OpCodeOperandKind kind, SplitMix random) => kind switch
    {
        OpCodeOperandKind.r8_or_mem or OpCodeOperandKind.r8_reg or OpCodeOperandKind.r8_opcode => random.Pick<Register>(Registers8),
        OpCodeOperandKind.r16_or_mem or OpCodeOperandKind.r16_reg or OpCodeOperandKind.r16_opcode => random.Pick<Register>(Registers16),
        OpCodeOperandKind.r32_or_mem or OpCodeOperandKind.r32_reg or OpCodeOperandKind.r32_opcode => random.Pick<Register>(Registers32),
        OpCodeOperandKind.al => Register.AL,
        OpCodeOperandKind.cl => Register.CL,
        OpCodeOperandKind.ax => Register.AX,
        OpCodeOperandKind.dx => Register.DX,
        OpCodeOperandKind.eax => Register.EAX,
        _ => Register.None,
    };

    private static bool HasOperand(Code code, Func<OpCodeOperandKind, bool> predicate)
    {
        OpCodeInfo info = code.ToOpCode();
        for (int i = 0; i < info.OpCount; i++)
        {
            if (predicate(info.GetOpKind(i)))
            {
                return true;
            }
        }

        return false;
    }
}
