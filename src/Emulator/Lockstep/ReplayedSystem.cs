// SPDX-License-Identifier: GPL-2.0-or-later
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Lockstep;

/// <summary>A system whose time-stamp counter can be read again: what one trial read, the next reads too.</summary>
internal sealed class ReplayedSystem(CpuSystem system) : CpuSystem
{
    private readonly List<ulong> _recorded = [];
    private int _next = -1;

    /// <summary>Forgets what was read and records from here on.</summary>
    public void Record()
    {
        _recorded.Clear();
        _next = 0;
    }

    /// <summary>Gives what was recorded once more. (What is read beyond that is recorded too.)</summary>
    public void Replay() => _next = 0;

    /// <summary>The counter is the system's again.</summary>
    public void Stop() => _next = -1;

    public override ulong ReadTimeStampCounter()
    {
        if (_next < 0)
        {
            return system.ReadTimeStampCounter();
        }

        if (_next == _recorded.Count)
        {
            _recorded.Add(system.ReadTimeStampCounter());
        }

        return _recorded[_next++];
    }

    public override WalkStatus Walk(uint address, PageAccess access, out PageWalk walk) => system.Walk(address, access, out walk);

    public override WalkStatus Probe(uint address, PageAccess access, out PageWalk walk, out bool hasEffect) =>
        system.Probe(address, access, out walk, out hasEffect);

    public override bool TryReadDescriptor(ushort selector, out ulong descriptor) => system.TryReadDescriptor(selector, out descriptor);

    public override void OnTrap(in Trap trap) => system.OnTrap(trap);

    public override bool OnLimit() => system.OnLimit();

    public override void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx) =>
        system.Cpuid(leaf, subleaf, out eax, out ebx, out ecx, out edx);

    public override void ReadTableRegisters(
        out uint gdtBase, out ushort gdtLimit, out uint idtBase, out ushort idtLimit, out ushort ldt, out ushort tr, out uint machineStatus) =>
        system.ReadTableRegisters(out gdtBase, out gdtLimit, out idtBase, out idtLimit, out ldt, out tr, out machineStatus);
}
