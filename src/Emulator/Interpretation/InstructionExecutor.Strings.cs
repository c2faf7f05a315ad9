// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Decoding;

namespace LguestPlug.Emulator.Interpretation;

/// <content>
/// String instructions. A repetition keeps its progress in the registers, so that a fault or an interrupt between two
/// iterations finds an exact state; MOVS and STOS go by whole runs within a page.
/// </content>
internal sealed unsafe partial class InstructionExecutor
{
    /// <summary>Iterations before a repetition looks for interrupts.</summary>
    private const uint MaxSlice = 1 << 16;

    internal static SlowResult String(InstructionExecutor x, SlowInstruction* p)
    {
        Instruction* i = &p->Instruction;
        int size = StringSize(i->Mnemonic);
        bool narrow = HasNarrowStringAddress(i);
        if (!i->HasRepPrefix && !i->HasRepnePrefix)
        {
            return x.StringOnce(i, size, narrow) ? SlowResult.Done : SlowResult.Fault;
        }

        // A comparison that faults shows the flags from before the first iteration.
        (long result, uint carries) = (x._s->FlagResult, x._s->FlagCarries);
        bool compares = i->Mnemonic is Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd or Mnemonic.Scasb or Mnemonic.Scasw or Mnemonic.Scasd;
        for (uint n = 0; n < MaxSlice;)
        {
            uint count = narrow ? (ushort)x.Ecx : x.Ecx;
            if (count == 0)
            {
                return SlowResult.Done;
            }

            uint most = Math.Min(count, MaxSlice);
            uint done = compares ? x.SkipEqualities(i, size, narrow, most) : x.StringRun(i, size, narrow, most);
            if (done == 0 || compares)
            {
                // A fault here finds the registers behind what was skipped.
                x.SetCount(count - done, narrow);
                if (!x.StringOnce(i, size, narrow))
                {
                    (x._s->FlagResult, x._s->FlagCarries) = (result, carries);
                    return SlowResult.Fault;
                }

                done++;
            }

            count -= done;
            n += done;
            x.SetCount(count, narrow);
            if (count == 0 || (compares && ((uint)x._s->FlagResult == 0) == i->HasRepnePrefix))
            {
                return SlowResult.Done;
            }
        }

        x._s->Eip = i->IP32;
        return SlowResult.Leave;
    }

    private static int StringSize(Mnemonic m) => m switch
    {
        Mnemonic.Movsb or Mnemonic.Stosb or Mnemonic.Lodsb or Mnemonic.Cmpsb or Mnemonic.Scasb => 1,
        Mnemonic.Movsw or Mnemonic.Stosw or Mnemonic.Lodsw or Mnemonic.Cmpsw or Mnemonic.Scasw => 2,
        _ => 4,
    };

    private static bool HasNarrowStringAddress(Instruction* i)
    {
        for (int n = 0; n < i->OpCount; n++)
        {
            if (i->GetOpKind(n) is OpKind.MemorySegSI or OpKind.MemoryESDI)
            {
                return true;
            }
        }

        return false;
    }

    private void SetCount(uint count, bool narrow) => Ecx = narrow ? (Ecx & 0xFFFF0000) | (ushort)count : count;

    private uint SourceIndex(bool narrow) => narrow ? (ushort)Esi : Esi;

    private uint DestinationIndex(bool narrow) => narrow ? (ushort)Edi : Edi;

    private void Advance(bool source, bool destination, int bytes, bool narrow)
    {
        uint change = (uint)((_s->SystemFlags & Eflags.Direction) != 0 ? -bytes : bytes);
        if (source)
        {
            Esi = narrow ? (Esi & 0xFFFF0000) | (ushort)(Esi + change) : Esi + change;
        }

        if (destination)
        {
            Edi = narrow ? (Edi & 0xFFFF0000) | (ushort)(Edi + change) : Edi + change;
        }
    }

    private bool StringOnce(Instruction* i, int size, bool narrow)
    {
        uint value;
        uint other;
        uint linear;
        switch (i->Mnemonic)
        {
            case Mnemonic.Movsb or Mnemonic.Movsw or Mnemonic.Movsd:
                if (!TryLinear(i->MemorySegment, SourceIndex(narrow), (uint)size, write: false, out linear) || !Load(linear, size, out value)
                    || !TryLinear(Register.ES, DestinationIndex(narrow), (uint)size, write: true, out linear) || !Store(linear, size, value))
                {
                    return false;
                }

                Advance(source: true, destination: true, size, narrow);
                return true;
            case Mnemonic.Stosb or Mnemonic.Stosw or Mnemonic.Stosd:
                if (!TryLinear(Register.ES, DestinationIndex(narrow), (uint)size, write: true, out linear) || !Store(linear, size, Eax))
                {
                    return false;
                }

                Advance(source: false, destination: true, size, narrow);
                return true;
            case Mnemonic.Lodsb or Mnemonic.Lodsw or Mnemonic.Lodsd:
                if (!TryLinear(i->MemorySegment, SourceIndex(narrow), (uint)size, write: false, out linear) || !Load(linear, size, out value))
                {
                    return false;
                }

                SetRegister(size == 4 ? Register.EAX : size == 2 ? Register.AX : Register.AL, value);
                Advance(source: true, destination: false, size, narrow);
                return true;
            case Mnemonic.Cmpsb or Mnemonic.Cmpsw or Mnemonic.Cmpsd:
                if (!TryLinear(i->MemorySegment, SourceIndex(narrow), (uint)size, write: false, out linear) || !Load(linear, size, out value)
                    || !TryLinear(Register.ES, DestinationIndex(narrow), (uint)size, write: false, out linear) || !Load(linear, size, out other))
                {
                    return false;
                }

                Alu(_s, 7, size, value, other);
                Advance(source: true, destination: true, size, narrow);
                return true;
            default:
                if (!TryLinear(Register.ES, DestinationIndex(narrow), (uint)size, write: false, out linear) || !Load(linear, size, out other))
                {
                    return false;
                }

                Alu(_s, 7, size, Eax & Mask(size), other);
                Advance(source: false, destination: true, size, narrow);
                return true;
        }
    }

    /// <summary>Does as many iterations of MOVS or STOS as lie in one page going upwards; 0 if one at a time is needed.</summary>
    private uint StringRun(Instruction* i, int size, bool narrow, uint count)
    {
        bool moves = i->Mnemonic is Mnemonic.Movsb or Mnemonic.Movsw or Mnemonic.Movsd;
        if (narrow || (_s->SystemFlags & Eflags.Direction) != 0 || !(moves || i->Mnemonic is Mnemonic.Stosb or Mnemonic.Stosw or Mnemonic.Stosd))
        {
            return 0;
        }

        if (!TryLinear(Register.ES, Edi, (uint)size, write: true, out uint to))
        {
            return 0;
        }

        uint from = 0;
        if (moves && !TryLinear(i->MemorySegment, Esi, (uint)size, write: false, out from))
        {
            return 0;
        }

        uint room = 0x1000 - (to & 0xFFF);
        if (moves)
        {
            room = Math.Min(room, 0x1000 - (from & 0xFFF));
        }

        uint n = Math.Min(count, room / (uint)size);
        Segment* es = &_s->Es;
        Segment* ds = moves ? SegmentAt(i->MemorySegment) : es;
        if (n < 2 || es->Limit != uint.MaxValue || ds->Limit != uint.MaxValue)
        {
            return 0;
        }

        // Source first, as a single iteration would: its fault wins.
        byte* source = moves ? _mmu.Translate(from, write: false) : null;
        if (moves && source == null)
        {
            return 0;
        }

        byte* destination = _mmu.Translate(to, write: true);
        if (destination == null)
        {
            return 0;
        }

        uint bytes = n * (uint)size;
        _mmu.BeforeWrite(destination, bytes);
        if (!moves)
        {
            Fill(destination, n, size);
        }
        else if (destination > source && destination < source + bytes)
        {
            // An overlapping move upwards repeats a pattern; a block move would not.
            for (uint k = 0; k < n; k++)
            {
                Buffer.MemoryCopy(source + (k * size), destination + (k * size), size, size);
            }
        }
        else
        {
            Buffer.MemoryCopy(source, destination, bytes, bytes);
        }

        Advance(moves, destination: true, (int)bytes, narrow);
        return n;
    }

    /// <summary>
    /// For REPE CMPS and REPNE SCAS within a page going upwards: steps over the iterations that surely go on, at least one less than
    /// asked for. The next iteration, done singly, sets the flags.
    /// </summary>
    private uint SkipEqualities(Instruction* i, int size, bool narrow, uint count)
    {
        bool scans = i->Mnemonic is Mnemonic.Scasb or Mnemonic.Scasw or Mnemonic.Scasd;
        if (narrow || (_s->SystemFlags & Eflags.Direction) != 0 || scans != i->HasRepnePrefix || count < 8
            || _s->Es.Limit != uint.MaxValue || (!scans && SegmentAt(i->MemorySegment)->Limit != uint.MaxValue)
            || !TryLinear(Register.ES, Edi, (uint)size, write: false, out uint at))
        {
            return 0;
        }

        uint other = 0;
        if (!scans && !TryLinear(i->MemorySegment, Esi, (uint)size, write: false, out other))
        {
            return 0;
        }

        uint room = Math.Min(0x1000 - (at & 0xFFF), scans ? uint.MaxValue : 0x1000 - (other & 0xFFF));
        int n = (int)Math.Min(count - 1, room / (uint)size);
        byte* source = scans ? null : _mmu.Translate(other, write: false);
        byte* destination = scans || source != null ? _mmu.Translate(at, write: false) : null;
        if (n <= 0 || destination == null)
        {
            return 0;
        }

        int skipped = (scans, size) switch
        {
            (true, 1) => new ReadOnlySpan<byte>(destination, n).IndexOf((byte)Eax),
            (true, 2) => new ReadOnlySpan<ushort>(destination, n).IndexOf((ushort)Eax),
            (true, _) => new ReadOnlySpan<uint>(destination, n).IndexOf(Eax),
            _ => new ReadOnlySpan<byte>(source, n * size).CommonPrefixLength(new ReadOnlySpan<byte>(destination, n * size)) / size,
        };
        skipped = skipped < 0 ? n : skipped;
        Advance(source: !scans, destination: true, skipped * size, narrow);
        return (uint)skipped;
    }

    private void Fill(byte* destination, uint count, int size)
    {
        switch (size)
        {
            case 1:
                new Span<byte>(destination, (int)count).Fill((byte)Eax);
                break;
            case 2:
                new Span<ushort>(destination, (int)count).Fill((ushort)Eax);
                break;
            default:
                new Span<uint>(destination, (int)count).Fill(Eax);
                break;
        }
    }
}
