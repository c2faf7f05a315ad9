// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Interpretation;
using LguestPlug.Emulator.Memory;

namespace LguestPlug.Emulator.Decoding;

/// <summary>Turns guest code into blocks: Iced reads the bytes, <see cref="Lowering"/> chooses the operation.</summary>
internal sealed unsafe class BlockDecoder
{
    /// <summary>Instructions of the longest block.</summary>
    public const int MaxInstructions = 32;

    // Every instruction is at most two operations, and a block that just stops needs one more.
    private const int MaxOps = (MaxInstructions * 2) + 1;

    // An instruction has at most 15 bytes.
    private const int JoinedBytes = 32;

    /// <summary>Upper bound of what <see cref="Decode"/> writes.</summary>
    public static readonly nuint MaxBlockBytes =
        (nuint)(sizeof(Block) + (MaxOps * sizeof(MicroOp)) + (MaxInstructions * sizeof(SlowInstruction)) + 64);

    private readonly Mmu _mmu;
    private readonly PhysicalMemory _memory;
    private readonly CodeBytes _bytes = new();
    private readonly Decoder _decoder32;
    private readonly Decoder _decoder16;
    private readonly Lowering _lowering = new();

    public BlockDecoder(Mmu mmu, PhysicalMemory memory)
    {
        _mmu = mmu;
        _memory = memory;
        _decoder32 = Decoder.Create(32, _bytes, CodeBytes.Options);
        _decoder16 = Decoder.Create(16, _bytes, CodeBytes.Options);
    }

    /// <summary>Decodes one block into <paramref name="arena"/>; null if fetching its first instruction faults.</summary>
    public Block* Decode(byte* arena, uint eip, uint linear, uint physical, CodeMode mode, out nuint used)
    {
        used = 0;
        SlowInstruction* slow = stackalloc SlowInstruction[MaxInstructions];
        MicroOp* ops = stackalloc MicroOp[MaxOps];
        byte* joined = stackalloc byte[JoinedBytes];
        var block = new Block { Eip = eip, Physical = physical, SecondPage = Block.NoPage, Mode = mode };
        Decoder decoder = (mode & CodeMode.SixteenBit) != 0 ? _decoder16 : _decoder32;
        _lowering.Begin(ops, slow, mode);
        _bytes.SetRange(_memory.Base + physical, 0x1000 - (physical & 0xFFF));

        uint ip = eip;
        int limit = (mode & CodeMode.SingleStep) != 0 ? 1 : MaxInstructions;
        bool ended = false;
        for (int n = 0; n < limit && !ended; n++)
        {
            byte* start = _bytes.Position;
            decoder.IP = ip;
            decoder.Decode(out Instruction instruction);
            if (decoder.LastError == DecoderError.NoMoreBytes)
            {
                if (n > 0)
                {
                    // The instruction across the page end gets a block of its own.
                    break;
                }

                Buffer.MemoryCopy(start, joined, JoinedBytes, 0x1000 - (linear & 0xFFF));
                if (!DecodeAcrossPages(decoder, joined, ip, linear, ref block, out instruction))
                {
                    return null;
                }

                start = joined;
                limit = 1;
            }

            ip += (uint)Math.Max(instruction.Length, 1);
            ended = _lowering.Lower(instruction, start);
        }

        _lowering.End(ended);
        block.FallEip = ip;
        block.TakenEip = _lowering.TakenEip;
        block.Instructions = _lowering.InstructionCount;
        block.OpCount = _lowering.OpCount;
        return Place(arena, block, ops, slow, _lowering.SlowCount, out used);
    }

    private bool DecodeAcrossPages(Decoder decoder, byte* joined, uint ip, uint linear, ref Block block, out Instruction instruction)
    {
        instruction = default;
        uint inFirst = 0x1000 - (linear & 0xFFF);
        uint second = _mmu.TranslateFetch(linear + inFirst);
        if (second == Block.NoPage)
        {
            return false;
        }

        Buffer.MemoryCopy(_memory.Base + second, joined + inFirst, JoinedBytes - inFirst, 16);
        _bytes.SetRange(joined, inFirst + 16);
        decoder.IP = ip;
        decoder.Decode(out instruction);
        block.SecondPage = second;
        return true;
    }

    private static Block* Place(byte* arena, in Block block, MicroOp* ops, SlowInstruction* slow, int slowCount, out nuint used)
    {
        var placed = (Block*)arena;
        *placed = block;
        byte* next = arena + ((sizeof(Block) + 15) & ~15);
        placed->Ops = (MicroOp*)next;
        new Span<MicroOp>(ops, block.OpCount).CopyTo(new Span<MicroOp>(next, block.OpCount));
        next += block.OpCount * sizeof(MicroOp);
        placed->Slow = (SlowInstruction*)next;
        new Span<SlowInstruction>(slow, slowCount).CopyTo(new Span<SlowInstruction>(next, slowCount));
        next += slowCount * sizeof(SlowInstruction);
        used = (nuint)(next - arena);
        return placed;
    }
}
