// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Decoding;

/// <summary>
/// Finds operations of a block whose flags the next ones overwrite unseen, and makes them quiet. Whoever could show the flags to
/// somebody counts as a look: any fault, any store (it may end the block, if it hits it) and the end of the block.
/// </summary>
internal static unsafe class FlagLiveness
{
    /// <summary>Rewrites a block's operations in place.</summary>
    public static void Quieten(MicroOp* ops, int count)
    {
        bool live = true;
        for (MicroOp* o = ops + count - 1; o >= ops; o--)
        {
            if (!live)
            {
                o->Code = Quiet(o->Code);
            }

            live = Effect(*o) switch
            {
                FlagEffect.None => live,
                FlagEffect.Overwrites => false,
                _ => true,
            };
        }
    }

    private static OpCode Quiet(OpCode code) => code switch
    {
        OpCode.AddRR => OpCode.AddRRQuiet,
        OpCode.OrRR => OpCode.OrRRQuiet,
        OpCode.AndRR => OpCode.AndRRQuiet,
        OpCode.SubRR => OpCode.SubRRQuiet,
        OpCode.XorRR => OpCode.XorRRQuiet,
        OpCode.AddRI => OpCode.AddRIQuiet,
        OpCode.OrRI => OpCode.OrRIQuiet,
        OpCode.AndRI => OpCode.AndRIQuiet,
        OpCode.SubRI => OpCode.SubRIQuiet,
        OpCode.XorRI => OpCode.XorRIQuiet,
        OpCode.AddRM => OpCode.AddRMQuiet,
        OpCode.OrRM => OpCode.OrRMQuiet,
        OpCode.AndRM => OpCode.AndRMQuiet,
        OpCode.SubRM => OpCode.SubRMQuiet,
        OpCode.XorRM => OpCode.XorRMQuiet,
        OpCode.IncR => OpCode.IncRQuiet,
        OpCode.DecR => OpCode.DecRQuiet,
        OpCode.NegR => OpCode.NegRQuiet,
        OpCode.ShlRI => OpCode.ShlRIQuiet,
        OpCode.ShrRI => OpCode.ShrRIQuiet,
        OpCode.SarRI => OpCode.SarRIQuiet,
        OpCode.ImulRR => OpCode.ImulRRQuiet,
        OpCode.ImulRM => OpCode.ImulRMQuiet,
        OpCode.ImulRRI => OpCode.ImulRRIQuiet,
        _ => code,
    };

    private static FlagEffect Effect(in MicroOp o) => o.Code switch
    {
        OpCode.Nop or OpCode.Lea or OpCode.XchgRR or OpCode.Cwde or OpCode.Cdq or OpCode.NotR
            or OpCode.MovRR or OpCode.MovRI or OpCode.MovRR8 or OpCode.MovRI8 or OpCode.MovRR16 or OpCode.MovRI16
            or OpCode.MovzxRR8 or OpCode.MovzxRR16 or OpCode.MovsxRR8 or OpCode.MovsxRR16
            or (>= OpCode.AddRRQuiet and <= OpCode.XorRIQuiet) or (>= OpCode.IncRQuiet and <= OpCode.ImulRRQuiet) or OpCode.ImulRRIQuiet
            => FlagEffect.None,
        OpCode.AddRR or OpCode.OrRR or OpCode.AndRR or OpCode.SubRR or OpCode.XorRR or OpCode.CmpRR or OpCode.TestRR
            or OpCode.AddRI or OpCode.OrRI or OpCode.AndRI or OpCode.SubRI or OpCode.XorRI or OpCode.CmpRI or OpCode.TestRI
            or OpCode.NegR or OpCode.ShlRI or OpCode.ShrRI or OpCode.SarRI or OpCode.ShldRRI or OpCode.ShrdRRI
            or OpCode.ImulRR or OpCode.ImulRRI or OpCode.MulR or OpCode.ImulR
            or (>= OpCode.CmpRRJb and <= OpCode.TestRRJg)
            => FlagEffect.Overwrites,
        // ADC and SBB read the carry.
        OpCode.Alu8RR or OpCode.Alu16RR => o.Scale is 2 or 3 ? FlagEffect.Shows : FlagEffect.Overwrites,
        OpCode.Alu8RI or OpCode.Alu16RI => o.B is 2 or 3 ? FlagEffect.Shows : FlagEffect.Overwrites,
        _ => FlagEffect.Shows,
    };

    /// <summary>How an operation treats the flags it finds.</summary>
    private enum FlagEffect
    {
        /// <summary>Neither reads nor sets them.</summary>
        None,

        /// <summary>Sets them all and reads none.</summary>
        Overwrites,

        /// <summary>Reads them, keeps some, or may fault or leave the block.</summary>
        Shows,
    }
}
