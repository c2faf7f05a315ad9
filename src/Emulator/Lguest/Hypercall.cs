// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Emulator.Lguest;

/// <summary>The hypercall numbers: the value of EAX at <c>int 0x1f</c>. Arguments are in EBX, ECX, EDX and ESI; nothing is returned.</summary>
internal static class Hypercall
{
    /// <summary>The vector of the instruction that makes one.</summary>
    public const uint Vector = 0x1F;

#pragma warning disable CS1591
    public const uint FlushAsync = 0, Initialize = 1, Shutdown = 2, NewPageTable = 4, FlushTlb = 5, LoadIdtEntry = 6, SetStack = 7,
        TaskSwitched = 8, SetClockEvent = 9, Halt = 10, SetPageMiddleDirectory = 13, SetPageTableEntry = 14, SetPageDirectory = 15,
        LoadTls = 16, Notify = 17, LoadGdtEntry = 18, SendInterrupts = 19;
#pragma warning restore CS1591

    // By number; as lguest's own header calls them, without its prefix.
    private static readonly string?[] s_names =
    [
        "FLUSH_ASYNC", "LGUEST_INIT", "SHUTDOWN", null, "NEW_PGTABLE", "FLUSH_TLB", "LOAD_IDT_ENTRY", "SET_STACK", "TS", "SET_CLOCKEVENT",
        "HALT", null, null, "SET_PMD", "SET_PTE", "SET_PGD", "LOAD_TLS", "NOTIFY", "LOAD_GDT_ENTRY", "SEND_INTERRUPTS",
    ];

    /// <summary>Numbers from 0 on among which all hypercalls are.</summary>
    public static int Numbers => s_names.Length;

    /// <summary>The name of a hypercall; a number that is none has one for all.</summary>
    public static string Name(uint number) => (number < (uint)s_names.Length ? s_names[number] : null) ?? "(bad)";

    /// <summary>Second argument of <see cref="Shutdown"/>: start the machine again. Every other value powers it off.</summary>
    public const uint ShutdownRestart = 2;
}

/// <summary>One hypercall as made in registers or queued in the asynchronous ring (where it has this layout).</summary>
internal struct HypercallArguments
{
#pragma warning disable CS0649 // read from guest memory as a whole
    public uint Number;
    public uint Arg1;
    public uint Arg2;
    public uint Arg3;
    public uint Arg4;
#pragma warning restore CS0649
}
