// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Lguest;

/// <summary>
/// Keeps the hidden parts of the segment registers equal to the descriptor table. Real lguest reloads every register each time it
/// enters the guest, so a changed descriptor takes effect at once, and one that no longer fits its register kills the guest.
/// </summary>
internal sealed unsafe class SegmentReloader(Cpu cpu, DescriptorTable table, GuestDeath death)
{
    private const uint Accessible = 0x90; // present, not a system descriptor
    private const uint Code = 8, Conforming = 4, Writable = 2, Readable = 2;

    // The last ones that fitted.
    private Known _knownCode, _knownStack;

    /// <summary>Reloads the registers that hold a selector of a changed entry.</summary>
    public void ReloadChanged()
    {
        uint changed = table.TakeChanged();
        for (SegmentRegister register = SegmentRegister.Es; register <= SegmentRegister.Gs; register++)
        {
            Segment current = cpu.GetSegment(register);
            // The null selectors name entry 0 but hold no descriptor.
            if (current.Selector < 4 || (changed >> (current.Selector >> 3) & 1) == 0)
            {
                continue;
            }

            table.TryRead(current.Selector, out ulong descriptor);
            Segment segment = Segment.FromDescriptor(current.Selector, descriptor);
            if (!Fits(register, segment))
            {
                KillForSegment();
                return;
            }

            cpu.SetSegment(register, segment);
        }
    }

    /// <summary>Reads the segment that a trap switches to; kills the guest and returns false if it will not do.</summary>
    public bool TryReadForTrap(SegmentRegister register, ushort selector, out Segment segment)
    {
        if (TryRead(register, selector, out segment))
        {
            return true;
        }

        KillForSegment();
        return false;
    }

    /// <summary>Reads a segment; false if it will not do.</summary>
    public bool TryRead(SegmentRegister register, ushort selector, out Segment segment)
    {
        ref Known known = ref register == SegmentRegister.Cs ? ref _knownCode : ref _knownStack;
        if (table.TryRead(selector, out ulong descriptor))
        {
            if (descriptor == known.Descriptor && selector == known.Segment.Selector)
            {
                segment = known.Segment;
                return true;
            }

            segment = Segment.FromDescriptor(selector, descriptor);
            if (Fits(register, segment))
            {
                known = new Known(descriptor, segment);
                return true;
            }
        }

        segment = default;
        return false;
    }

    private static bool Fits(SegmentRegister register, in Segment segment)
    {
        uint access = segment.Access;
        uint rpl = segment.Selector & 3u;
        if ((access & Accessible) != Accessible)
        {
            return false;
        }

        return register switch
        {
            SegmentRegister.Cs => (access & Code) != 0
                && ((access & Conforming) != 0 ? segment.Dpl <= rpl : segment.Dpl == rpl),
            SegmentRegister.Ss => (access & (Code | Writable)) == Writable && segment.Dpl == rpl,
            _ => (access & Code) == 0
                ? segment.Dpl >= rpl
                : (access & Readable) != 0 && ((access & Conforming) != 0 || segment.Dpl >= rpl),
        };
    }

    // The number is the original's for a fault inside itself while it enters the guest.
    private void KillForSegment() => death.Kill($"unhandled trap 256 at 0x{cpu.State->Eip:x} (0x0)");

    private readonly record struct Known(ulong Descriptor, Segment Segment);
}
