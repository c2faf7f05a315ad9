// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Lguest;

/// <summary>One registered entry of the guest's interrupt descriptor table. The selector in a gate is ignored: handlers run in ring 1's code segment.</summary>
/// <param name="Offset">Address of the handler.</param>
/// <param name="Dpl">The least privileged ring that may call it with INT n.</param>
/// <param name="IsPresent">A handler is registered.</param>
/// <param name="DisablesInterrupts">An interrupt gate (type E); a trap gate (type F) leaves the guest's interrupt flag alone.</param>
internal readonly record struct Gate(uint Offset, byte Dpl, bool IsPresent, bool DisablesInterrupts);

/// <summary>The guest's interrupt descriptor table as registered entry by entry.</summary>
internal sealed class GateTable(GuestDeath death)
{
    /// <summary>The only system call vector lguest accepts without a module parameter.</summary>
    public const uint SystemCallVector = 0x80;

    private readonly Gate[] _gates = new Gate[256];

    /// <summary>The gate of a vector.</summary>
    public ref readonly Gate this[uint vector] => ref _gates[vector];

    /// <summary>Registers a gate from its two descriptor words.</summary>
    public void Load(uint vector, uint low, uint high)
    {
        // NMI, double fault, the spurious interrupt and the hypercall itself stay the hypervisor's.
        if (vector is 2 or 8 or 15 or Hypercall.Vector)
        {
            return;
        }

        if (vector >= (uint)_gates.Length)
        {
            death.Kill($"Setting idt entry {vector}");
            return;
        }

        if ((high & 0x8000) == 0)
        {
            _gates[vector] = default;
            return;
        }

        uint type = (high >> 8) & 0xF;
        if (type is not (0xE or 0xF))
        {
            death.Kill($"bad IDT type {type}");
            return;
        }

        _gates[vector] = new Gate((high & 0xFFFF0000) | (low & 0xFFFF), (byte)((high >> 13) & 3), true, type == 0xE);
    }

    /// <summary>
    /// What the processor's own table says about INT n: the guest's gates can lend their privilege to the first 32 vectors and
    /// to the system call; everything else belongs to ring 0.
    /// </summary>
    public bool AllowsSoftware(uint vector, uint cpl)
    {
        if (vector == Hypercall.Vector)
        {
            return cpl <= 1;
        }

        if (vector is 7 or 13 or 14 || (vector >= 32 && vector != SystemCallVector))
        {
            return false;
        }

        ref readonly Gate gate = ref _gates[vector];
        return gate.IsPresent && cpl <= gate.Dpl;
    }

    /// <summary>
    /// True if real lguest lets the processor enter the handler without its own doing: the frame then shows the processor's
    /// interrupt flag, which is always set, not the guest's.
    /// </summary>
    public bool IsDirect(uint vector)
    {
        ref readonly Gate gate = ref _gates[vector];
        return !gate.DisablesInterrupts && (vector == SystemCallVector || (vector < 32 && vector is not (7 or 13 or 14)));
    }
}
