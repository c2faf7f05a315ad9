// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text.RegularExpressions;
using Iced.Intel;
using LguestPlug.Emulator.Tests.HostComparison;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Tests.Images;

/// <summary>
/// The i386 test programs of v86 (its folder tests/nasm), on the embedded CPU and on the host's: LGUEST_TEST_V86 names a checkout where
/// "node tests/nasm/create_tests.js" was run. They need no expectations of v86's.
/// </summary>
public unsafe partial class ImageTests(ITestOutputHelper output)
{
    private const string Variable = "LGUEST_TEST_V86";
    private const int SigIll = 4, SigTrap = 5, SigBus = 7, SigFpe = 8, SigSegv = 11;

    /// <summary>What the embedded CPU does not have, and does not claim to have.</summary>
    private static readonly CpuidFeature[] s_lacking = [CpuidFeature.SSE3, CpuidFeature.POPCNT];

    /// <summary>What only translated code has.</summary>
    private static readonly CpuidFeature[] s_translated = [CpuidFeature.MMX, CpuidFeature.SSE, CpuidFeature.SSE2];

    // Where the kernel's registers are in the order of the CPU's.
    private static readonly int[] s_order = [6, 1, 2, 0, 15, 5, 3, 4];

    [Theory]
    [MemberData(nameof(HostComparisonTests.Executions), MemberType = typeof(HostComparisonTests))]
    public void Programs_end_as_on_this_host(CpuExecution execution)
    {
        string? checkout = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(string.IsNullOrEmpty(checkout), $"{Variable} names no checkout of v86");
        string folder = Path.Combine(checkout!, "tests", "nasm", "build");
        string[] paths = Directory.Exists(folder) ? [.. Directory.GetFiles(folder, "*.img").Order(StringComparer.Ordinal)] : [];
        Assert.SkipWhen(paths.Length == 0, $"{folder} has no images: run \"node tests/nasm/create_tests.js\" in {checkout}");
        HostRecord[]? records = ImageHost.Run(paths, out string reason);
        if (records is null)
        {
            Assert.Skip(reason);
        }

        using ImageMachine machine = new(execution);
        SortedDictionary<string, List<string>> failures = new(StringComparer.Ordinal);
        SortedDictionary<CpuidFeature, int> lacking = [];
        int passed = 0;
        for (int i = 0; i < paths.Length; i++)
        {
            string name = Path.GetFileNameWithoutExtension(paths[i]);
            machine.Run(File.ReadAllBytes(paths[i]));
            if (Compare(machine, records[i]) is not string difference)
            {
                passed++;
                continue;
            }

            if (LackedBy(machine, execution) is CpuidFeature feature)
            {
                lacking[feature] = lacking.GetValueOrDefault(feature) + 1;
                continue;
            }

            string group = Group().Replace(name, "$1");
            if (!failures.TryGetValue(group, out List<string>? list))
            {
                failures[group] = list = [];
            }

            list.Add($"{name}: {difference}");
        }

        output.WriteLine($"{passed} of {paths.Length} passed; {machine.Preloads} MMX and SSE registers were loaded for the CPU");
        foreach ((CpuidFeature feature, int count) in lacking)
        {
            output.WriteLine($"{count} stopped at an instruction of {feature}, which this CPU does not have");
        }

        foreach ((string group, List<string> list) in failures)
        {
            output.WriteLine($"{group}: {list.Count} failed, the first: {list[0]}");
        }

        Assert.True(failures.Count == 0, $"{failures.Values.Sum(list => list.Count)} of {paths.Length} programs ended otherwise than on this host");
    }

    /// <summary>The lacking feature of which an instruction ended the program as undefined.</summary>
    private static CpuidFeature? LackedBy(ImageMachine machine, CpuExecution execution)
    {
        if (machine.End is not { Vector: TrapVector.InvalidOpcode } end)
        {
            return null;
        }

        byte[] code = [.. Enumerable.Range(0, 15).Select(i => machine[end.InstructionEip + (uint)i])];
        Decoder.Create(32, new ByteArrayCodeReader(code)).Decode(out Instruction instruction);
        return instruction.CpuidFeatures.Where(f => s_lacking.Contains(f) || (execution == CpuExecution.Interpreter && s_translated.Contains(f))).Select(f => (CpuidFeature?)f).FirstOrDefault();
    }

    /// <summary>The number of a generated program's variant.</summary>
    [GeneratedRegex("^(gen_[0-9a-f]+_[0-9]+|arith)_[0-9]+$")]
    private static partial Regex Group();

    private static string? Compare(ImageMachine machine, in HostRecord host)
    {
        CpuState* s = machine.Cpu.State;
        if (machine.End is not Trap end)
        {
            return "ran too long";
        }

        string expected = host.Signal switch
        {
            SigIll => "invalid opcode",
            SigFpe => "arithmetic",
            SigBus or SigSegv => "protection",
            SigTrap => "trap",
            _ => $"signal {host.Signal}",
        };
        string got = end.Vector switch
        {
            TrapVector.InvalidOpcode => "invalid opcode",
            TrapVector.DivideError or TrapVector.MathFault => "arithmetic",
            TrapVector.Breakpoint or TrapVector.Debug => "trap",
            _ => "protection",
        };
        uint eip = host.Registers[12];
        if (expected != got || s->Eip != eip)
        {
            return $"{expected} at {eip:X}, not {got} ({end.Vector}) at {s->Eip:X}";
        }

        for (int i = 0; i < 8; i++)
        {
            if (s->Registers[i] != host.Registers[s_order[i]])
            {
                return $"register {i} {host.Registers[s_order[i]]:X8}, not {s->Registers[i]:X8}";
            }
        }

        uint flags = machine.Cpu.EflagsValue;
        if (((flags ^ host.Registers[14]) & (Eflags.Status | Eflags.Direction)) != 0)
        {
            return $"flags {FlagNames.Of(host.Registers[14])}, not {FlagNames.Of(flags)}";
        }

        fixed (byte* fpu = host.Fpu, data = host.Data)
        {
            int at = new Span<byte>(data, (int)ImageMachine.DataBytes).CommonPrefixLength(machine.DataPages);
            return at < ImageMachine.DataBytes
                ? $"memory at {ImageMachine.Data + (uint)at:X} {data[at]:X2}, not {machine.DataPages[at]:X2}"
                : CompareFpu(s, fpu);
        }
    }

    private static string? CompareFpu(CpuState* s, byte* image)
    {
        ref Emulator.Fpu.FpuState f = ref s->Fpu;
        int top = (f.Status >> 11) & 7;
        (string Name, uint Expected, uint Got)[] words =
        [
            ("x87 control", *(ushort*)image, f.Control), ("x87 status", *(ushort*)(image + 2), f.Status), ("x87 tag", image[4], f.Tag),
            ("mxcsr", *(uint*)(image + 24), s->Mxcsr),
        ];
        foreach ((string name, uint expected, uint got) in words)
        {
            if (expected != got)
            {
                return $"{name} {expected:X}, not {got:X}";
            }
        }

        for (int i = 0; i < 8; i++)
        {
            byte* st = image + 32 + (i * 16);
            (ulong significand, ushort signExponent) = (f.Registers[(top + i) & 7].Significand, f.Registers[(top + i) & 7].SignExponent);
            if (*(ulong*)st != significand || *(ushort*)(st + 8) != signExponent)
            {
                return $"st{i} {*(ushort*)(st + 8):X4}:{*(ulong*)st:X16}, not {signExponent:X4}:{significand:X16}";
            }

            ulong* xmm = (ulong*)(image + 160 + (i * 16));
            if (xmm[0] != s->Xmm[2 * i] || xmm[1] != s->Xmm[(2 * i) + 1])
            {
                return $"xmm{i} {xmm[1]:X16}{xmm[0]:X16}, not {s->Xmm[(2 * i) + 1]:X16}{s->Xmm[2 * i]:X16}";
            }
        }

        return null;
    }
}
