// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;

namespace LguestPlug.Emulator.Traps;

/// <summary>How an access wants to use a page.</summary>
[Flags]
public enum PageAccess
{
    /// <summary>Read or instruction fetch by a supervisor (CPL below 3).</summary>
    None = 0,

    /// <summary>Write (bit 1 of the page-fault error code).</summary>
    Write = 2,

    /// <summary>Made at CPL 3 (bit 2 of the page-fault error code).</summary>
    User = 4,
}

/// <summary>The outcome of a page walk.</summary>
public enum WalkStatus
{
    /// <summary>The translation is valid for the access asked for.</summary>
    Mapped,

    /// <summary>The guest gets a page fault with the walk's error code.</summary>
    Fault,

    /// <summary>The system ended the guest (or otherwise changed course); the instruction is abandoned without a fault.</summary>
    Abandoned,
}

/// <summary>Where a linear page lies and what the current mode may do with it.</summary>
public struct PageWalk
{
    /// <summary>Guest-physical page address (low 12 bits 0), below the memory's limit.</summary>
    public uint PhysicalPage;

    /// <summary>The current mode (user or supervisor) may write, and the dirty bit is already set.</summary>
    public bool Writable;

    /// <summary>Error code when <see cref="WalkStatus.Fault"/>.</summary>
    public uint ErrorCode;
}

/// <summary>Page tables that the CPU may walk itself for what is ordinary in them; whatever else it finds there it asks the system about.</summary>
/// <param name="Directory">Guest-physical address of the page directory (4 KiB), or of the page directory pointers (32 bytes); within memory.</param>
/// <param name="IsPae">Three levels with entries of 8 bytes (Intel SDM vol. 3, 4.4), not two with entries of 4 (4.3).</param>
/// <param name="Limit">Linear addresses from here on are always the system's.</param>
public readonly record struct PageTables(uint Directory, bool IsPae, uint Limit);

/// <summary>What a system call does: INT n in ring 3 switches to the handler's stack, pushes SS, ESP, EFLAGS, CS and EIP there, and goes to the handler.</summary>
/// <param name="Vector">n.</param>
/// <param name="Handler">Linear address of the handler.</param>
/// <param name="StackTop">The handler's ESP before anything is pushed.</param>
/// <param name="Code">Its CS; the RPL is its privilege level.</param>
/// <param name="Stack">Its SS.</param>
public readonly record struct SystemCall(uint Vector, uint Handler, uint StackTop, Segment Code, Segment Stack);

/// <summary>
/// Calls of the system, INT n from ring 0 or 1 with a number in EAX, that generated code makes itself while no interrupt is pending
/// (<see cref="CpuState.PendingInterrupts"/>) and nothing is queued.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct ShortCallSet
{
    /// <summary>The vector n.</summary>
    public uint Vector;

    /// <summary>One bit for each number, 0 to 31, of a call that only lets the system look whether there is something to do.</summary>
    public uint Nothing;

    /// <summary>The number, below 32, of the call that drops the translation of the page of the address in ECX.</summary>
    public uint DropPage;

    /// <summary>Addresses from here on are left to the system.</summary>
    public uint Limit;

    /// <summary>What the byte at <see cref="Queue"/> is if nothing is queued.</summary>
    public uint QueueEmpty;

    /// <summary>A byte in guest memory that tells whether something is queued.</summary>
    public byte* Queue;
}

/// <summary>
/// The system around the CPU: descriptor tables, paging, trap delivery, time. One implementation is the lguest hypervisor; a
/// PC would be another. All members are called on the CPU's thread.
/// </summary>
public abstract class CpuSystem
{
    /// <summary>Walks the page tables for one access, setting accessed and dirty bits as needed. Called on a TLB miss only.</summary>
    public abstract WalkStatus Walk(uint address, PageAccess access, out PageWalk walk);

    /// <summary>
    /// As <see cref="Walk"/>, but without any effect: <paramref name="hasEffect"/> tells whether there would be one, so that the result must
    /// not be kept. A system whose walks have none need not say more.
    /// </summary>
    public virtual WalkStatus Probe(uint address, PageAccess access, out PageWalk walk, out bool hasEffect)
    {
        hasEffect = false;
        return Walk(address, access, out walk);
    }

    /// <summary>Reads the descriptor a selector names from GDT or LDT; false when it lies outside the table. The null selector is not asked for.</summary>
    public abstract bool TryReadDescriptor(ushort selector, out ulong descriptor);

    /// <summary>
    /// True if segment registers always hold what the tables say, because the system reloads them when it changes a descriptor and calls
    /// <see cref="Cpu.NoteChangedDescriptors"/>.
    /// </summary>
    public virtual bool KeepsSegmentsCurrent => false;

    /// <summary>
    /// INT n outside ring 3, seen to at once if it is a call of the system and not the guest's own handler's: without looking at EIP
    /// or the status flags, and leaving the segments' meaning alone or not. False without effect if it is a trap like others.
    /// </summary>
    public virtual bool TryCall(uint vector) => false;

    /// <summary>
    /// Takes a trap: changes the CPU's state so that the handler runs next (or, for an emulated instruction, so that execution goes
    /// on behind it). On entry all registers are those of the trapping instruction; EIP is its address, or behind it if software.
    /// The CPU looks at its instruction limit after this, before the next instruction.
    /// </summary>
    public abstract void OnTrap(in Trap trap);

    /// <summary>
    /// The CPU reached <see cref="CpuState.InstructionLimit"/> between two instructions: the place to deliver interrupts and to set the
    /// next limit. Return false to end <c>Cpu.Run</c>.
    /// </summary>
    public abstract bool OnLimit();

    /// <summary>The time-stamp counter.</summary>
    public abstract ulong ReadTimeStampCounter();

    /// <summary>CPUID.</summary>
    public abstract void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx);

    /// <summary>What SGDT, SIDT (24- or 32-bit base and 16-bit limit), SLDT, STR and SMSW store for unprivileged code.</summary>
    public abstract void ReadTableRegisters(out uint gdtBase, out ushort gdtLimit, out uint idtBase, out ushort idtLimit, out ushort ldt, out ushort tr, out uint machineStatus);
}
