// SPDX-License-Identifier: GPL-2.0-or-later
using System.Numerics;
using System.Runtime.CompilerServices;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Interpretation;

/// <summary>Why the interpreter's loop ended. EIP always says where the guest goes on.</summary>
internal enum ExecutionEnd
{
    /// <summary>The instruction limit was reached between two instructions.</summary>
    Limit,

    /// <summary>The next block must be looked up: the mode may have changed.</summary>
    Lookup,

    /// <summary>A trap is in the CPU state.</summary>
    Trap,
}

/// <summary>
/// The hot loop: executes decoded operations block by block, following links without leaving. It allocates nothing and throws
/// nothing; a fault is a jump to one place that works out which instruction it was.
/// </summary>
internal sealed unsafe class Interpreter
{
    private readonly CpuState* _state;
    private readonly Mmu _mmu;
    private readonly CodeCache _code;
    private readonly InstructionExecutor _executor;

    public Interpreter(CpuState* state, Mmu mmu, CodeCache code, InstructionExecutor executor)
    {
        _state = state;
        _mmu = mmu;
        _code = code;
        _executor = executor;
    }

    /// <summary>Runs from the top of a block.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public ExecutionEnd Run(Block* b)
    {
        CpuState* s = _state;
        Mmu m = _mmu;
        MicroOp* o = b->Ops;
        Block* next;
        ulong t;
        uint x, y, r, a;
        s->InstructionCount += b->Instructions;
        while (true)
        {
            switch (o->Code)
            {
                case OpCode.BlockExit:
                    s->Eip = EipOf(b, o);
                    s->InstructionCount -= InstructionsFrom(b, o);
                    return ExecutionEnd.Lookup;
                case OpCode.Continue:
                    goto Fall;
                case OpCode.Slow:
                case OpCode.SlowEnd:
                    SlowInstruction* slow = b->Slow + o->Immediate;
                    switch (slow->Handler(_executor, slow))
                    {
                        case SlowResult.Done:
                            break;
                        case SlowResult.Leave:
                            if (o->Code != OpCode.SlowEnd)
                            {
                                s->InstructionCount -= InstructionsFrom(b, o + 1);
                            }

                            return ExecutionEnd.Lookup;
                        default:
                            goto Fault;
                    }

                    break;
                case OpCode.FpuR:
                    if (!_executor.FpuRegister(o->A, o->B, o->Immediate)) { goto Fault; }
                    break;
                case OpCode.FpuM:
                    if (!_executor.FpuFlatMemory(o->A, o->B, o->Immediate, Address(s, o))) { goto Fault; }
                    break;
                case OpCode.SegmentAddress:
                    if (!SegmentAddress(s, o, Address(s, o)))
                    {
                        goto Fault;
                    }

                    break;
                case OpCode.Nop:
                    break;

                case OpCode.MovRR: R(s)[o->A] = R(s)[o->B]; break;
                case OpCode.MovRI: R(s)[o->A] = o->Immediate; break;
                case OpCode.MovRM: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] = (uint)t; break;
                case OpCode.MovMR: if (!Mmu.Store32(m, s, Address(s, o), R(s)[o->B])) { goto Fault; } break;
                case OpCode.MovMI: if (!Mmu.Store32(m, s, Address(s, o), o->Immediate)) { goto Fault; } break;
                case OpCode.MovRR8: ((byte*)s)[o->A] = ((byte*)s)[o->B]; break;
                case OpCode.MovRI8: ((byte*)s)[o->A] = (byte)o->Immediate; break;
                case OpCode.MovRM8: if ((t = Mmu.Load8(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } ((byte*)s)[o->A] = (byte)t; break;
                case OpCode.MovMR8: if (!Mmu.Store8(m, s, Address(s, o), ((byte*)s)[o->B])) { goto Fault; } break;
                case OpCode.MovMI8: if (!Mmu.Store8(m, s, Address(s, o), o->Immediate)) { goto Fault; } break;
                case OpCode.MovRR16: *(ushort*)((uint*)s + o->A) = (ushort)R(s)[o->B]; break;
                case OpCode.MovRI16: *(ushort*)((uint*)s + o->A) = (ushort)o->Immediate; break;
                case OpCode.MovRM16: if ((t = Mmu.Load16(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } *(ushort*)((uint*)s + o->A) = (ushort)t; break;
                case OpCode.MovMR16: if (!Mmu.Store16(m, s, Address(s, o), R(s)[o->B])) { goto Fault; } break;
                case OpCode.MovMI16: if (!Mmu.Store16(m, s, Address(s, o), o->Immediate)) { goto Fault; } break;
                case OpCode.MovzxRR8: R(s)[o->A] = ((byte*)s)[o->B]; break;
                case OpCode.MovzxRM8: if ((t = Mmu.Load8(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] = (uint)t; break;
                case OpCode.MovzxRR16: R(s)[o->A] = (ushort)R(s)[o->B]; break;
                case OpCode.MovzxRM16: if ((t = Mmu.Load16(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] = (uint)t; break;
                case OpCode.MovsxRR8: R(s)[o->A] = (uint)(sbyte)((byte*)s)[o->B]; break;
                case OpCode.MovsxRM8: if ((t = Mmu.Load8(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] = (uint)(sbyte)t; break;
                case OpCode.MovsxRR16: R(s)[o->A] = (uint)(short)R(s)[o->B]; break;
                case OpCode.MovsxRM16: if ((t = Mmu.Load16(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] = (uint)(short)t; break;
                case OpCode.Lea: R(s)[o->A] = Address(s, o); break;
                case OpCode.XchgRR: x = R(s)[o->A]; R(s)[o->A] = R(s)[o->B]; R(s)[o->B] = x; break;
                case OpCode.Cwde: R(s)[0] = (uint)(short)R(s)[0]; break;
                case OpCode.Cdq: R(s)[2] = (uint)((int)R(s)[0] >> 31); break;

                case OpCode.AddRR: R(s)[o->A] = Add(s, R(s)[o->A], R(s)[o->B]); break;
                case OpCode.OrRR: R(s)[o->A] = Logic(s, R(s)[o->A] | R(s)[o->B]); break;
                case OpCode.AdcRR: R(s)[o->A] = Adc(s, R(s)[o->A], R(s)[o->B]); break;
                case OpCode.SbbRR: R(s)[o->A] = Sbb(s, R(s)[o->A], R(s)[o->B]); break;
                case OpCode.AndRR: R(s)[o->A] = Logic(s, R(s)[o->A] & R(s)[o->B]); break;
                case OpCode.SubRR: R(s)[o->A] = Sub(s, R(s)[o->A], R(s)[o->B]); break;
                case OpCode.XorRR: R(s)[o->A] = Logic(s, R(s)[o->A] ^ R(s)[o->B]); break;
                case OpCode.CmpRR: Sub(s, R(s)[o->A], R(s)[o->B]); break;
                case OpCode.TestRR: Logic(s, R(s)[o->A] & R(s)[o->B]); break;
                case OpCode.AddRI: R(s)[o->A] = Add(s, R(s)[o->A], o->Immediate); break;
                case OpCode.OrRI: R(s)[o->A] = Logic(s, R(s)[o->A] | o->Immediate); break;
                case OpCode.AdcRI: R(s)[o->A] = Adc(s, R(s)[o->A], o->Immediate); break;
                case OpCode.SbbRI: R(s)[o->A] = Sbb(s, R(s)[o->A], o->Immediate); break;
                case OpCode.AndRI: R(s)[o->A] = Logic(s, R(s)[o->A] & o->Immediate); break;
                case OpCode.SubRI: R(s)[o->A] = Sub(s, R(s)[o->A], o->Immediate); break;
                case OpCode.XorRI: R(s)[o->A] = Logic(s, R(s)[o->A] ^ o->Immediate); break;
                case OpCode.CmpRI: Sub(s, R(s)[o->A], o->Immediate); break;
                case OpCode.TestRI: Logic(s, R(s)[o->A] & o->Immediate); break;
                case OpCode.AddRM: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] = Add(s, R(s)[o->A], (uint)t); break;
                case OpCode.OrRM: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] = Logic(s, R(s)[o->A] | (uint)t); break;
                case OpCode.AdcRM: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] = Adc(s, R(s)[o->A], (uint)t); break;
                case OpCode.SbbRM: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] = Sbb(s, R(s)[o->A], (uint)t); break;
                case OpCode.AndRM: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] = Logic(s, R(s)[o->A] & (uint)t); break;
                case OpCode.SubRM: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] = Sub(s, R(s)[o->A], (uint)t); break;
                case OpCode.XorRM: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] = Logic(s, R(s)[o->A] ^ (uint)t); break;
                case OpCode.CmpRM: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } Sub(s, R(s)[o->A], (uint)t); break;
                case OpCode.CmpMR: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } Sub(s, (uint)t, R(s)[o->B]); break;
                case OpCode.TestMR: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } Logic(s, (uint)t & R(s)[o->B]); break;
                case OpCode.CmpMI: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } Sub(s, (uint)t, o->Immediate); break;
                case OpCode.TestMI: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } Logic(s, (uint)t & o->Immediate); break;

                // Read, change, write: the read checks for writing, so the write cannot fault.
                case OpCode.AddMR: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Add(s, (uint)t, R(s)[o->B])); break;
                case OpCode.OrMR: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Logic(s, (uint)t | R(s)[o->B])); break;
                case OpCode.AdcMR: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Adc(s, (uint)t, R(s)[o->B])); break;
                case OpCode.SbbMR: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Sbb(s, (uint)t, R(s)[o->B])); break;
                case OpCode.AndMR: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Logic(s, (uint)t & R(s)[o->B])); break;
                case OpCode.SubMR: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Sub(s, (uint)t, R(s)[o->B])); break;
                case OpCode.XorMR: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Logic(s, (uint)t ^ R(s)[o->B])); break;
                case OpCode.AddMI: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Add(s, (uint)t, o->Immediate)); break;
                case OpCode.OrMI: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Logic(s, (uint)t | o->Immediate)); break;
                case OpCode.AdcMI: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Adc(s, (uint)t, o->Immediate)); break;
                case OpCode.SbbMI: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Sbb(s, (uint)t, o->Immediate)); break;
                case OpCode.AndMI: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Logic(s, (uint)t & o->Immediate)); break;
                case OpCode.SubMI: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Sub(s, (uint)t, o->Immediate)); break;
                case OpCode.XorMI: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Logic(s, (uint)t ^ o->Immediate)); break;

                case OpCode.Alu8RR:
                    r = InstructionExecutor.Alu(s, o->Scale, 1, ((byte*)s)[o->A], ((byte*)s)[o->B]);
                    if (o->Scale < 7) { ((byte*)s)[o->A] = (byte)r; }
                    break;
                case OpCode.Alu8RI:
                    r = InstructionExecutor.Alu(s, o->B, 1, ((byte*)s)[o->A], (byte)o->Immediate);
                    if (o->B < 7) { ((byte*)s)[o->A] = (byte)r; }
                    break;
                case OpCode.Alu8RM:
                    if ((t = Mmu.Load8(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; }
                    r = InstructionExecutor.Alu(s, o->B, 1, ((byte*)s)[o->A], (uint)t);
                    if (o->B < 7) { ((byte*)s)[o->A] = (byte)r; }
                    break;
                case OpCode.Alu8MR:
                    a = Address(s, o);
                    if ((t = o->A < 7 ? Mmu.LoadForWrite8(m, s, a) : Mmu.Load8(m, s, a)) > uint.MaxValue) { goto Fault; }
                    r = InstructionExecutor.Alu(s, o->A, 1, (uint)t, ((byte*)s)[o->B]);
                    if (o->A < 7) { Mmu.Store8(m, s, a, r); }
                    break;
                case OpCode.Alu8MI:
                    a = Address(s, o);
                    if ((t = o->A < 7 ? Mmu.LoadForWrite8(m, s, a) : Mmu.Load8(m, s, a)) > uint.MaxValue) { goto Fault; }
                    r = InstructionExecutor.Alu(s, o->A, 1, (uint)t, (byte)o->Immediate);
                    if (o->A < 7) { Mmu.Store8(m, s, a, r); }
                    break;
                case OpCode.Alu16RR:
                    r = InstructionExecutor.Alu(s, o->Scale, 2, (ushort)R(s)[o->A], (ushort)R(s)[o->B]);
                    if (o->Scale < 7) { *(ushort*)((uint*)s + o->A) = (ushort)r; }
                    break;
                case OpCode.Alu16RI:
                    r = InstructionExecutor.Alu(s, o->B, 2, (ushort)R(s)[o->A], (ushort)o->Immediate);
                    if (o->B < 7) { *(ushort*)((uint*)s + o->A) = (ushort)r; }
                    break;
                case OpCode.Alu16RM:
                    if ((t = Mmu.Load16(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; }
                    r = InstructionExecutor.Alu(s, o->B, 2, (ushort)R(s)[o->A], (uint)t);
                    if (o->B < 7) { *(ushort*)((uint*)s + o->A) = (ushort)r; }
                    break;
                case OpCode.Alu16MR:
                    a = Address(s, o);
                    if ((t = o->A < 7 ? Mmu.LoadForWrite16(m, s, a) : Mmu.Load16(m, s, a)) > uint.MaxValue) { goto Fault; }
                    r = InstructionExecutor.Alu(s, o->A, 2, (uint)t, (ushort)R(s)[o->B]);
                    if (o->A < 7) { Mmu.Store16(m, s, a, r); }
                    break;
                case OpCode.Alu16MI:
                    a = Address(s, o);
                    if ((t = o->A < 7 ? Mmu.LoadForWrite16(m, s, a) : Mmu.Load16(m, s, a)) > uint.MaxValue) { goto Fault; }
                    r = InstructionExecutor.Alu(s, o->A, 2, (uint)t, (ushort)o->Immediate);
                    if (o->A < 7) { Mmu.Store16(m, s, a, r); }
                    break;

                case OpCode.IncR: R(s)[o->A] = Inc(s, R(s)[o->A]); break;
                case OpCode.DecR: R(s)[o->A] = Dec(s, R(s)[o->A]); break;
                case OpCode.NegR: R(s)[o->A] = Sub(s, 0, R(s)[o->A]); break;
                case OpCode.NotR: R(s)[o->A] = ~R(s)[o->A]; break;
                case OpCode.IncM: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Inc(s, (uint)t)); break;
                case OpCode.DecM: a = Address(s, o); if ((t = Mmu.LoadForWrite32(m, s, a)) > uint.MaxValue) { goto Fault; } Mmu.Store32(m, s, a, Dec(s, (uint)t)); break;

                // Immediate counts are 1 to 31 here.
                case OpCode.ShlRI: R(s)[o->A] = Shl(s, R(s)[o->A], (int)o->Immediate); break;
                case OpCode.ShrRI: R(s)[o->A] = Shr(s, R(s)[o->A], (int)o->Immediate); break;
                case OpCode.SarRI: R(s)[o->A] = Sar(s, R(s)[o->A], (int)o->Immediate); break;
                case OpCode.ShlRC: if ((R(s)[1] & 31) != 0) { R(s)[o->A] = Shl(s, R(s)[o->A], (int)(R(s)[1] & 31)); } break;
                case OpCode.ShrRC: if ((R(s)[1] & 31) != 0) { R(s)[o->A] = Shr(s, R(s)[o->A], (int)(R(s)[1] & 31)); } break;
                case OpCode.SarRC: if ((R(s)[1] & 31) != 0) { R(s)[o->A] = Sar(s, R(s)[o->A], (int)(R(s)[1] & 31)); } break;
                case OpCode.RolRI:
                    r = BitOperations.RotateLeft(R(s)[o->A], (int)o->Immediate);
                    R(s)[o->A] = r;
                    s->FlagCarries = (s->FlagCarries & 8) | (r << 31) | ((r >> 31) << 30);
                    break;
                case OpCode.RorRI:
                    r = BitOperations.RotateRight(R(s)[o->A], (int)o->Immediate);
                    R(s)[o->A] = r;
                    s->FlagCarries = (s->FlagCarries & 8) | (r & 0xC0000000);
                    break;
                case OpCode.ShldRRI:
                    x = R(s)[o->A];
                    r = (x << (int)o->Immediate) | (R(s)[o->B] >> (32 - (int)o->Immediate));
                    R(s)[o->A] = r;
                    s->FlagResult = (int)r;
                    a = (x >> (32 - (int)o->Immediate)) << 31;
                    s->FlagCarries = a | ((a ^ ((x ^ r) & 0x80000000)) >> 1);
                    break;
                case OpCode.ShrdRRI:
                    x = R(s)[o->A];
                    r = (x >> (int)o->Immediate) | (R(s)[o->B] << (32 - (int)o->Immediate));
                    R(s)[o->A] = r;
                    s->FlagResult = (int)r;
                    a = (x >> ((int)o->Immediate - 1)) << 31;
                    s->FlagCarries = a | ((a ^ ((x ^ r) & 0x80000000)) >> 1);
                    break;
                case OpCode.ImulRR: R(s)[o->A] = Imul(s, R(s)[o->A], R(s)[o->B]); break;
                case OpCode.ImulRM: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] = Imul(s, R(s)[o->A], (uint)t); break;
                case OpCode.ImulRRI: R(s)[o->A] = Imul(s, R(s)[o->B], o->Immediate); break;
                case OpCode.ImulRMI: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] = Imul(s, (uint)t, o->Immediate); break;
                case OpCode.MulR: Multiply(s, R(s)[o->A]); break;
                case OpCode.MulM: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } Multiply(s, (uint)t); break;
                case OpCode.ImulR:
                    long product = (long)(int)R(s)[0] * (int)R(s)[o->A];
                    R(s)[0] = (uint)product;
                    R(s)[2] = (uint)(product >> 32);
                    s->FlagResult = (int)product;
                    s->FlagCarries = product == (int)product ? 0 : 0x80000000;
                    break;
                case OpCode.DivR: if (!Divide(s, R(s)[o->A])) { goto Fault; } break;
                case OpCode.DivM: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue || !Divide(s, (uint)t)) { goto Fault; } break;
                case OpCode.Setcc: ((byte*)s)[o->A] = InstructionExecutor.Condition(s, o->B) ? (byte)1 : (byte)0; break;
                case OpCode.CmovRR: if (InstructionExecutor.Condition(s, (int)o->Immediate)) { R(s)[o->A] = R(s)[o->B]; } break;
                case OpCode.CmovRM:
                    if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; }
                    if (InstructionExecutor.Condition(s, (int)o->Immediate)) { R(s)[o->A] = (uint)t; }
                    break;

                case OpCode.PushR: if (!Mmu.Store32(m, s, R(s)[4] - 4, R(s)[o->A])) { goto Fault; } R(s)[4] -= 4; break;
                case OpCode.PushI: if (!Mmu.Store32(m, s, R(s)[4] - 4, o->Immediate)) { goto Fault; } R(s)[4] -= 4; break;
                case OpCode.PushM:
                    if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue || !Mmu.Store32(m, s, R(s)[4] - 4, (uint)t)) { goto Fault; }
                    R(s)[4] -= 4;
                    break;
                case OpCode.PopR: if ((t = Mmu.Load32(m, s, R(s)[4])) > uint.MaxValue) { goto Fault; } R(s)[4] += 4; R(s)[o->A] = (uint)t; break;
                case OpCode.Leave: if ((t = Mmu.Load32(m, s, R(s)[5])) > uint.MaxValue) { goto Fault; } R(s)[4] = R(s)[5] + 4; R(s)[5] = (uint)t; break;

                case OpCode.Jmp: goto Taken;
                case OpCode.JmpR: x = R(s)[o->A]; goto Indirect;
                case OpCode.JmpM: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } x = (uint)t; goto Indirect;
                case OpCode.Call: if (!Mmu.Store32(m, s, R(s)[4] - 4, b->FallEip)) { goto Fault; } R(s)[4] -= 4; goto Taken;
                case OpCode.CallR: x = R(s)[o->A]; if (!Mmu.Store32(m, s, R(s)[4] - 4, b->FallEip)) { goto Fault; } R(s)[4] -= 4; goto Indirect;
                case OpCode.CallM:
                    if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue || !Mmu.Store32(m, s, R(s)[4] - 4, b->FallEip)) { goto Fault; }
                    x = (uint)t;
                    R(s)[4] -= 4;
                    goto Indirect;
                case OpCode.Ret: if ((t = Mmu.Load32(m, s, R(s)[4])) > uint.MaxValue) { goto Fault; } R(s)[4] += 4; x = (uint)t; goto Indirect;
                case OpCode.RetI: if ((t = Mmu.Load32(m, s, R(s)[4])) > uint.MaxValue) { goto Fault; } R(s)[4] += 4 + o->Immediate; x = (uint)t; goto Indirect;

                case OpCode.Jo: if ((int)(s->FlagCarries ^ (s->FlagCarries << 1)) < 0) { goto Taken; } goto Fall;
                case OpCode.Jno: if ((int)(s->FlagCarries ^ (s->FlagCarries << 1)) >= 0) { goto Taken; } goto Fall;
                case OpCode.Jb: if ((int)s->FlagCarries < 0) { goto Taken; } goto Fall;
                case OpCode.Jae: if ((int)s->FlagCarries >= 0) { goto Taken; } goto Fall;
                case OpCode.Je: if ((uint)s->FlagResult == 0) { goto Taken; } goto Fall;
                case OpCode.Jne: if ((uint)s->FlagResult != 0) { goto Taken; } goto Fall;
                case OpCode.Jbe: if ((int)s->FlagCarries < 0 || (uint)s->FlagResult == 0) { goto Taken; } goto Fall;
                case OpCode.Ja: if ((int)s->FlagCarries >= 0 && (uint)s->FlagResult != 0) { goto Taken; } goto Fall;
                case OpCode.Js: if (s->FlagResult < 0) { goto Taken; } goto Fall;
                case OpCode.Jns: if (s->FlagResult >= 0) { goto Taken; } goto Fall;
                case OpCode.Jp: if (Eflags.IsParityEven(s->FlagResult)) { goto Taken; } goto Fall;
                case OpCode.Jnp: if (!Eflags.IsParityEven(s->FlagResult)) { goto Taken; } goto Fall;
                case OpCode.Jl: if (IsLess(s)) { goto Taken; } goto Fall;
                case OpCode.Jge: if (!IsLess(s)) { goto Taken; } goto Fall;
                case OpCode.Jle: if ((uint)s->FlagResult == 0 || IsLess(s)) { goto Taken; } goto Fall;
                case OpCode.Jg: if ((uint)s->FlagResult != 0 && !IsLess(s)) { goto Taken; } goto Fall;

                case OpCode.CmpRRJb: x = R(s)[o->A]; y = R(s)[o->B]; Sub(s, x, y); if (x < y) { goto Taken; } goto Fall;
                case OpCode.CmpRRJae: x = R(s)[o->A]; y = R(s)[o->B]; Sub(s, x, y); if (x >= y) { goto Taken; } goto Fall;
                case OpCode.CmpRRJe: x = R(s)[o->A]; y = R(s)[o->B]; Sub(s, x, y); if (x == y) { goto Taken; } goto Fall;
                case OpCode.CmpRRJne: x = R(s)[o->A]; y = R(s)[o->B]; Sub(s, x, y); if (x != y) { goto Taken; } goto Fall;
                case OpCode.CmpRRJbe: x = R(s)[o->A]; y = R(s)[o->B]; Sub(s, x, y); if (x <= y) { goto Taken; } goto Fall;
                case OpCode.CmpRRJa: x = R(s)[o->A]; y = R(s)[o->B]; Sub(s, x, y); if (x > y) { goto Taken; } goto Fall;
                case OpCode.CmpRRJs: if ((int)Sub(s, R(s)[o->A], R(s)[o->B]) < 0) { goto Taken; } goto Fall;
                case OpCode.CmpRRJns: if ((int)Sub(s, R(s)[o->A], R(s)[o->B]) >= 0) { goto Taken; } goto Fall;
                case OpCode.CmpRRJl: x = R(s)[o->A]; y = R(s)[o->B]; Sub(s, x, y); if ((int)x < (int)y) { goto Taken; } goto Fall;
                case OpCode.CmpRRJge: x = R(s)[o->A]; y = R(s)[o->B]; Sub(s, x, y); if ((int)x >= (int)y) { goto Taken; } goto Fall;
                case OpCode.CmpRRJle: x = R(s)[o->A]; y = R(s)[o->B]; Sub(s, x, y); if ((int)x <= (int)y) { goto Taken; } goto Fall;
                case OpCode.CmpRRJg: x = R(s)[o->A]; y = R(s)[o->B]; Sub(s, x, y); if ((int)x > (int)y) { goto Taken; } goto Fall;
                case OpCode.CmpRIJb: x = R(s)[o->A]; y = o->Immediate; Sub(s, x, y); if (x < y) { goto Taken; } goto Fall;
                case OpCode.CmpRIJae: x = R(s)[o->A]; y = o->Immediate; Sub(s, x, y); if (x >= y) { goto Taken; } goto Fall;
                case OpCode.CmpRIJe: x = R(s)[o->A]; y = o->Immediate; Sub(s, x, y); if (x == y) { goto Taken; } goto Fall;
                case OpCode.CmpRIJne: x = R(s)[o->A]; y = o->Immediate; Sub(s, x, y); if (x != y) { goto Taken; } goto Fall;
                case OpCode.CmpRIJbe: x = R(s)[o->A]; y = o->Immediate; Sub(s, x, y); if (x <= y) { goto Taken; } goto Fall;
                case OpCode.CmpRIJa: x = R(s)[o->A]; y = o->Immediate; Sub(s, x, y); if (x > y) { goto Taken; } goto Fall;
                case OpCode.CmpRIJs: if ((int)Sub(s, R(s)[o->A], o->Immediate) < 0) { goto Taken; } goto Fall;
                case OpCode.CmpRIJns: if ((int)Sub(s, R(s)[o->A], o->Immediate) >= 0) { goto Taken; } goto Fall;
                case OpCode.CmpRIJl: x = R(s)[o->A]; y = o->Immediate; Sub(s, x, y); if ((int)x < (int)y) { goto Taken; } goto Fall;
                case OpCode.CmpRIJge: x = R(s)[o->A]; y = o->Immediate; Sub(s, x, y); if ((int)x >= (int)y) { goto Taken; } goto Fall;
                case OpCode.CmpRIJle: x = R(s)[o->A]; y = o->Immediate; Sub(s, x, y); if ((int)x <= (int)y) { goto Taken; } goto Fall;
                case OpCode.CmpRIJg: x = R(s)[o->A]; y = o->Immediate; Sub(s, x, y); if ((int)x > (int)y) { goto Taken; } goto Fall;
                case OpCode.TestRRJe: if (Logic(s, R(s)[o->A] & R(s)[o->B]) == 0) { goto Taken; } goto Fall;
                case OpCode.TestRRJne: if (Logic(s, R(s)[o->A] & R(s)[o->B]) != 0) { goto Taken; } goto Fall;
                case OpCode.TestRRJs: if ((int)Logic(s, R(s)[o->A] & R(s)[o->B]) < 0) { goto Taken; } goto Fall;
                case OpCode.TestRRJns: if ((int)Logic(s, R(s)[o->A] & R(s)[o->B]) >= 0) { goto Taken; } goto Fall;
                case OpCode.TestRRJle: if ((int)Logic(s, R(s)[o->A] & R(s)[o->B]) <= 0) { goto Taken; } goto Fall;
                case OpCode.TestRRJg: if ((int)Logic(s, R(s)[o->A] & R(s)[o->B]) > 0) { goto Taken; } goto Fall;
                case OpCode.AddRRQuiet: R(s)[o->A] += R(s)[o->B]; break;
                case OpCode.OrRRQuiet: R(s)[o->A] |= R(s)[o->B]; break;
                case OpCode.AndRRQuiet: R(s)[o->A] &= R(s)[o->B]; break;
                case OpCode.SubRRQuiet: R(s)[o->A] -= R(s)[o->B]; break;
                case OpCode.XorRRQuiet: R(s)[o->A] ^= R(s)[o->B]; break;
                case OpCode.AddRIQuiet: R(s)[o->A] += o->Immediate; break;
                case OpCode.OrRIQuiet: R(s)[o->A] |= o->Immediate; break;
                case OpCode.AndRIQuiet: R(s)[o->A] &= o->Immediate; break;
                case OpCode.SubRIQuiet: R(s)[o->A] -= o->Immediate; break;
                case OpCode.XorRIQuiet: R(s)[o->A] ^= o->Immediate; break;
                case OpCode.AddRMQuiet: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] += (uint)t; break;
                case OpCode.OrRMQuiet: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] |= (uint)t; break;
                case OpCode.AndRMQuiet: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] &= (uint)t; break;
                case OpCode.SubRMQuiet: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] -= (uint)t; break;
                case OpCode.XorRMQuiet: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] ^= (uint)t; break;
                case OpCode.IncRQuiet: R(s)[o->A]++; break;
                case OpCode.DecRQuiet: R(s)[o->A]--; break;
                case OpCode.NegRQuiet: R(s)[o->A] = 0 - R(s)[o->A]; break;
                case OpCode.ShlRIQuiet: R(s)[o->A] <<= (int)o->Immediate; break;
                case OpCode.ShrRIQuiet: R(s)[o->A] >>= (int)o->Immediate; break;
                case OpCode.SarRIQuiet: R(s)[o->A] = (uint)((int)R(s)[o->A] >> (int)o->Immediate); break;
                case OpCode.ImulRRQuiet: R(s)[o->A] *= R(s)[o->B]; break;
                case OpCode.ImulRMQuiet: if ((t = Mmu.Load32(m, s, Address(s, o))) > uint.MaxValue) { goto Fault; } R(s)[o->A] *= (uint)t; break;
                case OpCode.ImulRRIQuiet: R(s)[o->A] = R(s)[o->B] * o->Immediate; break;
                case OpCode.DecRJne: r = Dec(s, R(s)[o->A]); R(s)[o->A] = r; if (r != 0) { goto Taken; } goto Fall;
            }

            o++;
            continue;

        Taken:
            next = b->Taken;
            if (next == null || (b->TakenKey != Block.SamePage && b->TakenKey != _code.Key))
            {
                s->Eip = b->TakenEip;
                next = _code.LinkTaken(b);
            }

            goto Enter;

        Fall:
            next = b->Fall;
            if (next == null || (b->FallKey != Block.SamePage && b->FallKey != _code.Key))
            {
                s->Eip = b->FallEip;
                next = _code.LinkFall(b);
            }

            goto Enter;

        Indirect:
            JumpEntry* jump = _code.Jumps + CodeCache.JumpIndex(x);
            if (jump->Tag == _code.Tag(x))
            {
                next = jump->Block;
            }
            else
            {
                s->Eip = x;
                next = _code.Find(x);
            }

        Enter:
            if (next == null)
            {
                // Fetching there faulted: the instruction at the target did not even begin.
                _executor.FaultEip = s->Eip;
                return ExecutionEnd.Trap;
            }

            b = next;
            if (s->InstructionCount >= s->InstructionLimit)
            {
                s->Eip = b->Eip;
                return ExecutionEnd.Limit;
            }

            s->InstructionCount += b->Instructions;
            o = b->Ops;
        }

    Fault:
        // What helpers put into EIP themselves (the address behind a software interrupt) is kept by the caller.
        _executor.FaultEip = EipOf(b, o);
        s->InstructionCount -= InstructionsFrom(b, o);
        return ExecutionEnd.Trap;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Address(CpuState* s, MicroOp* o) =>
        R(s)[o->Base] + (R(s)[o->Index] << o->Scale) + (uint)o->Displacement;

    /// <summary>The register file: the state's first member, so that one pointer serves for both.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint* R(CpuState* s) => (uint*)s;

    /// <summary>Applies the base and limit of FS or GS. With other rights than those of writable data the block would be a segmented one.</summary>
    private static bool SegmentAddress(CpuState* s, MicroOp* o, uint offset)
    {
        Segment* g = &s->Es + o->A;
        uint last = offset + o->Immediate - 1;
        if (!g->IsUsable || last > g->Limit || (last < offset && g->Base != 0))
        {
            s->FaultVector = TrapVector.GeneralProtection;
            s->FaultError = 0;
            return false;
        }

        s->Registers[MicroOp.ScratchRegister] = g->Base + offset;
        return true;
    }

    /// <summary>Address of the instruction an operation belongs to.</summary>
    private static uint EipOf(Block* b, MicroOp* o)
    {
        uint eip = b->Eip;
        for (MicroOp* p = b->Ops; p < o; p++)
        {
            eip += (uint)p->Length;
        }

        return eip;
    }

    /// <summary>Instructions of a block that were counted but not executed.</summary>
    private static int InstructionsFrom(Block* b, MicroOp* o)
    {
        int executed = 0;
        for (MicroOp* p = b->Ops; p < o; p++)
        {
            executed += p->Instructions;
        }

        return b->Instructions - executed;
    }

    // ---- arithmetic with flags; see CpuState for how they are kept --------------------------------------------------------

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Add(CpuState* s, uint a, uint b)
    {
        uint r = a + b;
        s->FlagResult = (int)r;
        s->FlagCarries = (a & b) | ((a | b) & ~r);
        return r;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Sub(CpuState* s, uint a, uint b)
    {
        uint r = a - b;
        s->FlagResult = (int)r;
        s->FlagCarries = (~a & b) | (~(a ^ b) & r);
        return r;
    }

    private static uint Adc(CpuState* s, uint a, uint b)
    {
        uint r = a + b + (s->FlagCarries >> 31);
        s->FlagResult = (int)r;
        s->FlagCarries = (a & b) | ((a | b) & ~r);
        return r;
    }

    private static uint Sbb(CpuState* s, uint a, uint b)
    {
        uint r = a - b - (s->FlagCarries >> 31);
        s->FlagResult = (int)r;
        s->FlagCarries = (~a & b) | (~(a ^ b) & r);
        return r;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Logic(CpuState* s, uint r)
    {
        s->FlagResult = (int)r;
        s->FlagCarries = 0;
        return r;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Inc(CpuState* s, uint a)
    {
        uint r = a + 1;
        s->FlagResult = (int)r;
        KeepCarry(s, a & ~r);
        return r;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Dec(CpuState* s, uint a)
    {
        uint r = a - 1;
        s->FlagResult = (int)r;
        KeepCarry(s, ~a & r);
        return r;
    }

    /// <summary>Takes AF and OF from new carries and leaves CF alone.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void KeepCarry(CpuState* s, uint carries)
    {
        uint carry = s->FlagCarries & 0x80000000;
        uint overflow = (carries ^ (carries << 1)) & 0x80000000;
        s->FlagCarries = carry | ((carry ^ overflow) >> 1) | (carries & 8);
    }

    private static uint Shl(CpuState* s, uint a, int count)
    {
        uint r = a << count;
        uint carry = (a << (count - 1)) & 0x80000000;
        s->FlagResult = (int)r;
        s->FlagCarries = carry | ((r & 0x80000000) >> 1);
        return r;
    }

    private static uint Shr(CpuState* s, uint a, int count)
    {
        uint r = a >> count;
        uint carry = (a >> (count - 1)) << 31;
        // OF is the old sign for a count of 1 and undefined else.
        uint overflow = a & 0x80000000;
        s->FlagResult = (int)r;
        s->FlagCarries = carry | ((carry ^ overflow) >> 1);
        return r;
    }

    private static uint Sar(CpuState* s, uint a, int count)
    {
        uint r = (uint)((int)a >> count);
        uint carry = (uint)((int)a >> (count - 1)) << 31;
        s->FlagResult = (int)r;
        s->FlagCarries = carry | (carry >> 1);
        return r;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsLess(CpuState* s) =>
        ((int)(s->FlagResult >> 32) ^ (int)(s->FlagCarries ^ (s->FlagCarries << 1))) < 0;

    private static uint Imul(CpuState* s, uint a, uint b)
    {
        long product = (long)(int)a * (int)b;
        s->FlagResult = (int)product;
        // CF and OF alike.
        s->FlagCarries = product == (int)product ? 0 : 0x80000000;
        return (uint)product;
    }

    private static void Multiply(CpuState* s, uint b)
    {
        ulong product = (ulong)s->Registers[0] * b;
        s->Registers[0] = (uint)product;
        s->Registers[2] = (uint)(product >> 32);
        s->FlagResult = (int)product;
        s->FlagCarries = product > uint.MaxValue ? 0x80000000 : 0;
    }

    private static bool Divide(CpuState* s, uint b)
    {
        ulong dividend = ((ulong)s->Registers[2] << 32) | s->Registers[0];
        if (s->Registers[2] >= b)
        {
            // Covers division by 0: the quotient would not fit.
            s->FaultVector = TrapVector.DivideError;
            s->FaultError = 0;
            return false;
        }

        s->Registers[0] = (uint)(dividend / b);
        s->Registers[2] = (uint)(dividend % b);
        return true;
    }
}
