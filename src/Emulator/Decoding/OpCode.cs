// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Decoding;

/// <summary>
/// The operations of the interpreter's hot loop. Suffixes name the operands, destination first: R register, I immediate,
/// M memory. Without a width an operation works on 32 bits. Everything rarer is a <see cref="Slow"/> call.
/// </summary>
internal enum OpCode : ushort
{
    // The block's own ends.
    BlockExit, Continue,

    // Anything executed through its decoded instruction.
    Slow, SlowEnd,

    // x87: the ESC opcode's low bits in A, ModRM in B, the instruction's address in the immediate.
    FpuR, FpuM,

    // Linear address of a memory operand with a segment base, into the scratch register.
    SegmentAddress,

    Nop,
    MovRR, MovRI, MovRM, MovMR, MovMI,
    MovRR8, MovRI8, MovRM8, MovMR8, MovMI8,
    MovRR16, MovRI16, MovRM16, MovMR16, MovMI16,
    MovzxRR8, MovzxRM8, MovzxRR16, MovzxRM16,
    MovsxRR8, MovsxRM8, MovsxRR16, MovsxRM16,
    Lea, XchgRR, Cwde, Cdq,

    // In the order of the instruction set's operation field, then TEST.
    AddRR, OrRR, AdcRR, SbbRR, AndRR, SubRR, XorRR, CmpRR, TestRR,
    AddRI, OrRI, AdcRI, SbbRI, AndRI, SubRI, XorRI, CmpRI, TestRI,
    AddRM, OrRM, AdcRM, SbbRM, AndRM, SubRM, XorRM, CmpRM,
    AddMR, OrMR, AdcMR, SbbMR, AndMR, SubMR, XorMR, CmpMR, TestMR,
    AddMI, OrMI, AdcMI, SbbMI, AndMI, SubMI, XorMI, CmpMI, TestMI,

    // 8 and 16 bits: the operation is in the operand the comment names.
    Alu8RR /* Scale */, Alu8RI /* B */, Alu8RM /* B */, Alu8MR /* A */, Alu8MI /* A */,
    Alu16RR, Alu16RI, Alu16RM, Alu16MR, Alu16MI,

    IncR, DecR, NegR, NotR, IncM, DecM,
    ShlRI, ShrRI, SarRI, RolRI, RorRI, ShlRC, ShrRC, SarRC, ShldRRI, ShrdRRI,
    ImulRR, ImulRM, ImulRRI, ImulRMI, MulR, MulM, ImulR, DivR, DivM,
    Setcc, CmovRR, CmovRM,

    PushR, PushI, PushM, PopR, Leave,

    // Control transfers end a block.
    Jmp, JmpR, JmpM, Call, CallR, CallM, Ret, RetI,
    Jo, Jno, Jb, Jae, Je, Jne, Jbe, Ja, Js, Jns, Jp, Jnp, Jl, Jge, Jle, Jg,

    // Compare and jump in one; in the order of the conditions above, without O, NO, P and NP.
    CmpRRJb, CmpRRJae, CmpRRJe, CmpRRJne, CmpRRJbe, CmpRRJa, CmpRRJs, CmpRRJns, CmpRRJl, CmpRRJge, CmpRRJle, CmpRRJg,
    CmpRIJb, CmpRIJae, CmpRIJe, CmpRIJne, CmpRIJbe, CmpRIJa, CmpRIJs, CmpRIJns, CmpRIJl, CmpRIJge, CmpRIJle, CmpRIJg,
    TestRRJe, TestRRJne, TestRRJs, TestRRJns, TestRRJle, TestRRJg,
    DecRJne,

    // The same operations where nobody looks at the flags they would set.
    AddRRQuiet, OrRRQuiet, AndRRQuiet, SubRRQuiet, XorRRQuiet,
    AddRIQuiet, OrRIQuiet, AndRIQuiet, SubRIQuiet, XorRIQuiet,
    AddRMQuiet, OrRMQuiet, AndRMQuiet, SubRMQuiet, XorRMQuiet,
    IncRQuiet, DecRQuiet, NegRQuiet, ShlRIQuiet, ShrRIQuiet, SarRIQuiet, ImulRRQuiet, ImulRMQuiet, ImulRRIQuiet,
}
