// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text;
using Iced.Intel;
using Decoder = Iced.Intel.Decoder;

namespace LguestPlug.Emulator.Tests.HostComparison;

/// <summary>Collects differences: counts for each mnemonic, and a few cases of each in full.</summary>
internal sealed class DifferenceReport
{
    private const int MaximumLines = 20;

    private static readonly string[] RegisterNames = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];

    private readonly Dictionary<string, int> _counts = [];
    private readonly Dictionary<string, List<string>> _examples = [];

    public int Cases { get; private set; }

    public int Different { get; private set; }

    public void Add(CpuCase test, List<string> differences)
    {
        Cases++;
        if (differences.Count == 0)
        {
            return;
        }

        Different++;
        (string mnemonic, string disassembly) = Disassemble(test);
        _counts[mnemonic] = _counts.GetValueOrDefault(mnemonic) + 1;
        if (!_examples.TryGetValue(mnemonic, out List<string>? examples))
        {
            _examples[mnemonic] = examples = [];
        }

        if (examples.Count < MaximumLines)
        {
            examples.Add($"{disassembly} | in: {Inputs(test)} | expected/got: {string.Join(", ", differences)}");
        }
    }

    /// <summary>At most 20 lines of examples, of as many mnemonics as possible, and the counts.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        text.AppendLine($"{Different} of {Cases} cases differ");
        List<string> order = [.. _counts.OrderByDescending(pair => pair.Value).Select(pair => pair.Key)];
        text.AppendLine(string.Join(", ", order.Select(mnemonic => $"{mnemonic} {_counts[mnemonic]}")));
        int lines = 0;
        for (int round = 0; round < MaximumLines && lines < MaximumLines; round++)
        {
            foreach (string mnemonic in order.Where(mnemonic => _examples[mnemonic].Count > round).Take(MaximumLines - lines))
            {
                text.AppendLine(_examples[mnemonic][round]);
                lines++;
            }
        }

        return text.ToString();
    }

    private static (string Mnemonic, string Text) Disassemble(CpuCase test)
    {
        byte[] code = test.Patches[^1].Bytes;
        Decoder decoder = Decoder.Create(32, new ByteArrayCodeReader(code), test.Eip);
        NasmFormatter formatter = new();
        StringOutput output = new();
        string mnemonic = "";
        while ((uint)decoder.IP < test.Eip + (uint)code.Length)
        {
            decoder.Decode(out Instruction instruction);
            if (mnemonic.Length == 0)
            {
                mnemonic = instruction.Mnemonic.ToString().ToLowerInvariant();
            }
            else
            {
                output.Write("; ", FormatterTextKind.Text);
            }

            formatter.Format(instruction, output);
        }

        return (mnemonic, $"{output.ToStringAndReset()} ({Convert.ToHexString(code)} at {test.Eip:X})");
    }

    private static string Inputs(CpuCase test)
    {
        StringBuilder text = new();
        for (int i = 0; i < RegisterNames.Length; i++)
        {
            uint usual = CaseBuilder.UsualRegisters[i];
            if (test.Registers[i] != usual && test.Registers[i] != ~usual)
            {
                text.Append($"{RegisterNames[i]}={test.Registers[i]:X} ");
            }
        }

        text.Append($"flags={FlagNames.Of(test.Eflags)} ");
        foreach ((string name, ushort selector, ushort usual) in new[]
        {
            ("es", test.Es, HostWindow.FlatData), ("ds", test.Ds, HostWindow.FlatData), ("fs", test.Fs, (ushort)0), ("gs", test.Gs, (ushort)0),
        })
        {
            if (selector != usual)
            {
                text.Append($"{name}={selector:X} ");
            }
        }

        return text.Append(OutcomeComparer.Describe(test.Patches[..^1])).ToString();
    }
}
