// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Tests.HostComparison.Generators;

namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>Says where two outcomes of a case differ.</summary>
internal static class OutcomeComparer
{
    /// <summary>The processor sets RF when it pushes the flags of a faulting instruction; programs never see it otherwise.</summary>
    private const uint IgnoredFlags = Eflags.Resume;

    /// <summary>Bit 4 of a page fault's error code tells instruction fetches apart, on processors that can forbid them.</summary>
    private const uint FetchError = 0x10;

    private static readonly string[] RegisterNames = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];

    private static readonly string[] SelectorNames = ["es", "cs", "ss", "ds", "fs", "gs"];

    /// <summary>The differences, each as "name expected/got"; empty if there are none.</summary>
    public static List<string> Compare(CpuCase test, CpuOutcome expected, CpuOutcome got)
    {
        List<string> differences = [];
        Instruction faulting = expected.Vectors is not null && expected.Vector is >= 12 and <= 14 ? At(test, expected.Eip) : default;
        Check("trap", expected.Vector, got.Vector);
        if (expected.Vector == got.Vector)
        {
            Check("error", expected.ErrorCode & ~(expected.Vector == 14 ? FetchError : 0), got.ErrorCode);
            // Which byte of a masked store faults is the processor's business.
            if (expected.Vector == 14 && faulting.Mnemonic is not (Mnemonic.Maskmovq or Mnemonic.Maskmovdqu))
            {
                Check("cr2", expected.Address, got.Address);
            }
        }

        Check("eip", expected.Eip, got.Eip);
        uint defined = ~UndefinedResult(test);
        for (int i = 0; i < RegisterNames.Length; i++)
        {
            Check(RegisterNames[i], expected.Registers[i] & defined, got.Registers[i] & defined);
        }

        uint mask = ~(IgnoredFlags | test.UndefinedFlags);
        if (((expected.Eflags ^ got.Eflags) & mask) != 0)
        {
            differences.Add($"flags {FlagNames.Of(expected.Eflags & mask)}/{FlagNames.Of(got.Eflags & mask)}");
        }

        for (int i = 0; i < SelectorNames.Length; i++)
        {
            Check(SelectorNames[i], expected.Selectors[i], got.Selectors[i]);
        }

        if (expected.Vectors is not null && got.Vectors is not null)
        {
            VectorState.Compare(expected.Vectors, got.Vectors, VectorForms.MayBeginMmx(faulting), differences);
        }

        if (!SameChanges(expected.Changes, got.Changes))
        {
            differences.Add($"memory {Describe(expected.Changes)}/{Describe(got.Changes)}");
        }

        return differences;

        void Check(string name, uint expectedValue, uint gotValue)
        {
            if (expectedValue != gotValue)
            {
                differences.Add($"{name} {expectedValue:X}/{gotValue:X}");
            }
        }
    }

    /// <summary>
    /// LAR leaves bits 16 to 19 of its result undefined (Intel SDM vol. 2). This processor shows the limit there, the one that
    /// lguest's answers were recorded on shows 0.
    /// </summary>
    private static uint UndefinedResult(CpuCase test)
    {
        Decoder decoder = Decoder.Create(32, new ByteArrayCodeReader(test.Patches[^1].Bytes), test.Eip);
        decoder.Decode(out Instruction instruction);
        return instruction.Mnemonic == Mnemonic.Lar ? 0x000F0000u : 0;
    }

    private static Instruction At(CpuCase test, uint eip)
    {
        byte[] code = test.Patches[^1].Bytes;
        Decoder decoder = Decoder.Create(32, new ByteArrayCodeReader(code), test.Eip);
        Instruction instruction = default;
        for (uint next = test.Eip; next <= eip && next < test.Eip + (uint)code.Length; next = instruction.NextIP32)
        {
            decoder.Decode(out instruction);
        }

        return instruction;
    }

    public static string Describe(List<MemoryPatch> patches)
    {
        string text = string.Join(' ', patches.Take(3).Select(patch =>
            $"[{patch.Address:X8}]={Convert.ToHexString(patch.Bytes.AsSpan(0, Math.Min(patch.Bytes.Length, 16)))}{(patch.Bytes.Length > 16 ? ".." : "")}"));
        return patches.Count switch { 0 => "none", > 3 => text + " ..", _ => text };
    }

    private static bool SameChanges(List<MemoryPatch> expected, List<MemoryPatch> got)
    {
        bool same = expected.Count == got.Count;
        for (int i = 0; same && i < expected.Count; i++)
        {
            same = expected[i].Address == got[i].Address && expected[i].Bytes.AsSpan().SequenceEqual(got[i].Bytes);
        }

        return same;
    }
}
