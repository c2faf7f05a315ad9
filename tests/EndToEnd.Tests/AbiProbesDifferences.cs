// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace LguestPlug.EndToEnd.Tests;

/// <summary>Everything in which our answers may or shall differ from the recorded ones: the launcher's words, the classes' tolerances, and single lines with the reason.</summary>
internal static partial class AbiProbeDifferences
{
    /// <summary>What the C launcher says when the guest breaks a rule of the bus or of a ring, and what we say. Ours exits with 1 then.</summary>
    private static readonly Dictionary<string, string> Complaints = new()
    {
        ["Notification on console before setup!"] = "Notification on console before setup!",
        ["Bad NOTIFY 0xffffffff"] = "Bad NOTIFY 0xffffffff",
        ["Device console features finalized twice: Inappropriate ioctl for device"] = "Device console features finalized twice",
        ["Guest moved used index from 0 to 257"] =
            "console0: queue transmit: the available index moved from 0 to 257, further than the 256 entries of the ring",
        ["Guest says index 256 is available"] = "console0: queue transmit: available entry 0 names descriptor 256, but the table has 256",
        ["lguest.c:731: Invalid address 0x407000"] =
            "console0: queue transmit, descriptor 0: 2 bytes at 0x407000 lie outside guest memory, which ends at 0x407000",
        ["Input buffers in console output queue?"] = "console0: queue transmit, descriptor 0: a device-writable descriptor in the transmit queue",
        ["Desc next is 300"] = "console0: queue transmit, descriptor 0: next is 300, but the table has 256 descriptors",
        ["Invalid size for indirect buffer table"] =
            "console0: queue transmit, descriptor 0: an indirect table of 2 bytes, not a positive multiple of 16",
        ["Bad virtblk cmd 0 out=2 in=0"] = "block0: queue requests, descriptor 0: a request without room for its status",
    };

    /// <summary>Remarks of the C launcher that ours keeps for <c>--verbose</c>: the guest has its answer, or nothing is wrong.</summary>
    private static readonly string[] Unsaid = ["Scsi commands unsupported\n", "lguest: Failed to get console input, ignoring console.\n"];

    /// <summary>How the C launcher ends, and how ours does. The first that matches counts.</summary>
    private static readonly (Regex Recorded, string Ours)[] Endings =
    [
        // A power-off is no error.
        (new(@"lguest: CRASH: Power down\n\[rc=1\]\n$"), "lguest: CRASH: Power down\n[rc=0]\n"),
        // The guest said why it went down, or broke a rule: distinct exit codes.
        (new(@"lguest: (CRASH: .*)\n\[rc=1\]\n$", RegexOptions.Singleline), "lguest: $1\n[rc=4]\n"),
        (new(@"lguest: (.*)\n\[rc=1\]\n$", RegexOptions.Singleline), "lguest: $1\n[rc=3]\n"),
        // We have no device processes to take the launcher with them.
        (new(@"lguest: (.*)\n\[launcher killed its process group, rc=143\]\n$", RegexOptions.Singleline), "lguest: $1\n[rc=3]\n"),
    ];

    private const string BadPteIgnored = "SET_PTE ok (table unchanged)\npte in table 50027\nread 0\nlguest: CRASH: done\n[rc=1]\n";

    // Only the translator has MMX, SSE and SSE2.
    private static bool HasTranslator => RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Probes whose whole answer differs.</summary>
    private static readonly Dictionary<string, string> Answers = new()
    {
        // Real lguest refaults for ever when a page directory entry forbids the access. We deliver the page fault.
        ["pde_ro_kw"] = "pde=65 pte=67, kw (real host: endless fault loop)\n kw=trap14:err3:cr2+0\nlguest: CRASH: done\n[rc=1]\n",
        ["pde_s_ur"] = "pde=63 pte=67, ur (real host: endless fault loop)\n ur=trap14:err5:cr2+0\nlguest: CRASH: done\n[rc=1]\n",
        // A kill inside the ring ends the guest at once, with its own reason.
        ["ring_bad_20"] = "lguest: Bad hypercall 20\n\n[rc=1]\n",
        ["ring_bad_3"] = "lguest: Bad hypercall 3\n\n[rc=1]\n",
        ["ring_shutdown"] = "lguest: CRASH: ringk 2 0x1000 1\n[rc=1]\n",
        // The frame goes where the stack pointer says, so it is the push that finds no page; the original pushes to the page above.
        ["stkp_unmapped"] = "lguest: Bad address 0x60000\n[rc=1]\n",
        ["stkp_cross"] = "lguest: Bad address 0x60004\n[rc=1]\n",
        // Nothing is wrong with a stack in the last word of memory.
        ["stk_end"] = "UNEXPECTED trap 6 err=0 eip=101d6b cs=61 efl=46 cr2=0\nlguest: CRASH: unexpected trap\n[rc=1]\n",
        // Single-stepping: a handler that is reached by reflection is not stepped itself.
        ["r3_tf_reflect3"] = "ring 3, interrupt gate 8e00: #DB count=7 first: vec=1 cs=73 efl=102 eip_off=7 pushf_in_tf=302\nlguest: CRASH: done\n[rc=1]\n",
        ["r3_tf_reflect1"] = "ring 1, interrupt gate 8e00: #DB count=7 first: vec=1 cs=61 efl=102 eip_off=7 pushf_in_tf=302\nlguest: CRASH: done\n[rc=1]\n",
        ["r3_tf_clear"] = "direct gate: flags inside the handler TF=0 count=1\nreflected gate: flags inside the handler TF=0 count(max 3 looked at)=1\nlguest: CRASH: done\n[rc=1]\n",
        // The status is the last byte of the writable part, however it is cut up.
        ["dev_blkbad1"] = "survived\nlguest: CRASH: done\n[rc=1]\n",
        // A request past the end fails as a whole, and only itself.
        ["dev_blk_past"] = "type 0 sector 127 len 1024: done=1 status=1\n  used[0]: id=0 len=1\n"
            + "type 0 sector 128 len 512: done=1 status=1\n  used[1]: id=0 len=1\n"
            + "type 1 sector 128 len 512: done=1 status=1\n  used[2]: id=0 len=1\nlguest: CRASH: done\n[rc=1]\n",
        // A jump to a task state segment starts no task switch in the host's tables.
        ["seg_far_tss"] = "ljmp to a TSS descriptor: r1=trap13:a0\nlguest: CRASH: done\n[rc=1]\n",
        // The value in SET_PTE is not used, so a bad one does no harm.
        ["ptew_0x500e7"] = BadPteIgnored,
        ["ptew_0x407067"] = BadPteIgnored,
        ["ptew_0x500067"] = BadPteIgnored,
        // A page directory address is rounded down as in hardware.
        ["newpgt_lowbits"] = "linear before: ok\nNEW_PGTABLE with low bits 0x18 set: alive 67\nlguest: CRASH: done\n[rc=1]\n",
    };

    /// <summary>Single lines that differ: probe, recorded line, our line.</summary>
    private static readonly HashSet<(string Probe, string Recorded, string Ours)> Lines =
    [
        // Facts of the processor under the recording host (QEMU without a dependable time-stamp counter), not of lguest.
        ("init", "changed @1372: 0", "changed @1372: 2dc6c0"),
        ("init", "reserve_mem=400000 tsc_khz_zero=1", "reserve_mem=400000 tsc_khz_zero=0"),
        ("init_tsc", "tsc_khz_zero=1", "tsc_khz_zero=0"),
        ("cpuid", "raw leaf0: max=4 vendor=756e6547 49656e69 6c65746e", "raw leaf0: max=1 vendor=756e6547 49656e69 6c65746e"),
        ("cpuid", "raw leaf1: eax=663 family=6 ecx=80000001 edx=781abfd", $"raw leaf1: eax=543 family=5 ecx=0 edx={(HasTranslator ? 0x7808151 : 0x8151):x}"),
        ("cpuid", "raw 40000000: 40000001 54474354 43544743 47435447", "raw 40000000: 0 0 0 0"),
        // QEMU checks neither null segments nor limits.
        ("seg_segnull", "access through null fs: rd=ok  [QEMU TCG does not check this; hardware: #GP(0)]",
            "access through null fs: rd=trap13:0  [QEMU TCG does not check this; hardware: #GP(0)]"),
        ("seg_seglimit", "limit 0xfff, fs=a1 (QEMU TCG does not check limits; hardware gives #GP(0)): rd=ok rd_over=ok",
            "limit 0xfff, fs=a1 (QEMU TCG does not check limits; hardware gives #GP(0)): rd=ok rd_over=trap13:0"),
        // SET_PTE with accessed or dirty in its value makes real lguest forget the table. We always set the bits there, and
        // always take the value from there.
        ("pt_ad2", "SET_PTE 27 then write: pte=27", "SET_PTE 27 then write: pte=67"),
        ("pt_ad2", "SET_PTE 47 then write: pte=47", "SET_PTE 47 then write: pte=67"),
        ("pt_stale", "SET_PTE(value differing from memory, A|D set): 5151 after flush: 5050",
            "SET_PTE(value differing from memory, A|D set): 5050 after flush: 5050"),
        ("pt_stale", "SET_PTE(differing, A only): read 5151 then write went to 50000:1 page50000=5050 page51000=7777",
            "SET_PTE(differing, A only): read 5050 then write went to 50000:1 page50000=7777 page51000=5151"),
        ("pt_stale", "SET_PTE with unknown cr3: 5050, cr3 with low bits: 5050", "SET_PTE with unknown cr3: 5151, cr3 with low bits: 5151"),
        ("pt_kernel", "NEW_PGTABLE with the same cr3 after silent change: 5151", "NEW_PGTABLE with the same cr3 after silent change: 5050"),
        ("pt_kernel", "pgd entry changed silently: 5050, SET_PGD: 5151, SET_PGD of another table: 5151, other index: 5151, right index: 5050",
            "pgd entry changed silently: 5050, SET_PGD: 5151, SET_PGD of another table: 5050, other index: 5050, right index: 5050"),
        // Flags in a handler are those a processor leaves: no NT.
        ("r3_flags_reflect", "ud2 with flags 4202: flags inside reflected handler 4202, inside direct handler 202",
            "ud2 with flags 4202: flags inside reflected handler 202, inside direct handler 202"),
        // The original's number for the fault is a leftover.
        ("seg_slot13", "lguest: unhandled trap 256 at 0x101467 (0x82)", "lguest: unhandled trap 256 at 0x101467 (0x0)"),
        // Nothing of ours lies in the reserved area.
        ("pt_switcher", "read in reserved area: kr=ok kr=trap14:err0:cr2+0 kw=trap14:err3:cr2+0 ur=trap14:err5:cr2+0",
            "read in reserved area: kr=trap14:err0:cr2+0 kr=trap14:err0:cr2+0 kw=trap14:err2:cr2+0 ur=trap14:err4:cr2+0"),
    ];

    /// <summary>The recorded answer in our launcher's words.</summary>
    public static string[] ExpectedLines(AbiProbe probe)
    {
        string text = Answers.GetValueOrDefault(probe.Name, probe.Golden);
        foreach (string remark in Unsaid)
        {
            text = text.Replace(remark, "", StringComparison.Ordinal);
        }

        foreach ((string recorded, string ours) in Complaints)
        {
            Match ending = Ending(recorded).Match(text);
            if (ending.Success)
            {
                return AbiProbeRun.SplitLines($"{text[..ending.Index]}lguest: {ours}\n[rc=1]\n");
            }
        }

        foreach ((Regex recorded, string ours) in Endings)
        {
            if (recorded.IsMatch(text))
            {
                text = recorded.Replace(text, ours);
                break;
            }
        }

        return AbiProbeRun.SplitLines(text);
    }

    /// <summary>True if our line will do where the recorded one stood.</summary>
    public static bool IsAccepted(AbiProbe probe, string recorded, string ours) =>
        Normalize(probe, recorded) == Normalize(probe, ours)
        || Lines.Contains((probe.Name, recorded, ours))
        || (probe.Name == "irq_image" && IsHeldBack(recorded, ours));

    // The original takes any value but 0 in irq_enabled for "enabled", even an EFLAGS image with IF clear. We look at the bit.
    private static bool IsHeldBack(string recorded, string ours) =>
        recorded.Contains("(bit9 clear): delivered=1 ", StringComparison.Ordinal)
        && ours == Delivered().Replace(recorded, "delivered=0 irq_pending=200 total=1");

    private static string Normalize(AbiProbe probe, string line) => probe.Class switch
    {
        // Whether a protection or an absence is reported, and when accessed and dirty bits appear, tells of cached translations.
        "pbit" => AccessedDirty().Replace(
            ErrorCode().Replace(line, match => $"err{Convert.ToUInt32(match.Groups[1].Value, 16) & ~1u:x}"),
            match => $"{match.Groups[1].Value}{Convert.ToUInt32(match.Groups[2].Value, 16) & ~0x60u:x}"),
        // Bytes of the C launcher's stack: size_max of a disk, status of a network card.
        "garbage" => LauncherStack().Replace(line, "$1$3?$2"),
        _ => line,
    };

    private static Regex Ending(string complaint) => new($@"lguest: {Regex.Escape(complaint)}\n\[[^\]]*\]\n$");

    [GeneratedRegex("delivered=1 .*")]
    private static partial Regex Delivered();

    [GeneratedRegex(@"err([0-9a-f])")]
    private static partial Regex ErrorCode();

    [GeneratedRegex(@"(pte=|read: |write: |first: |exec: )([0-9a-f]+)")]
    private static partial Regex AccessedDirty();

    [GeneratedRegex(@"^(  config: (?:.. ){8}).. .. .. ..( fe .*)$|^(  config: (?:.. ){6}).. ..$")]
    private static partial Regex LauncherStack();
}
