// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text;
using Iced.Intel;
using LguestPlug.Emulator.Tests.HostComparison;
using LguestPlug.Emulator.Traps;
using Decoder = Iced.Intel.Decoder;

namespace LguestPlug.Emulator.Tests.Fuzzing;

/// <summary>
/// Runs random sequences on interpreter and translator. They come in batches that fill the code pages once; a batch is made from its
/// seed alone, so that a difference can be had again.
/// </summary>
internal sealed class FuzzCampaign : IDisposable
{
    /// <summary>Sequences of a batch.</summary>
    public const int BatchSize = (int)(FuzzMachine.CodeBytes / FuzzSequence.MaxBytes);

    private const int MaxReports = 5;

    private readonly FuzzMachine _interpreter = new(CpuExecution.Interpreter);
    private readonly FuzzMachine _translator = new(CpuExecution.Translator);
    private readonly FuzzGenerator _generator = new(forHost: false);
    private readonly FuzzSequence[] _sequences = [.. Enumerable.Range(0, BatchSize).Select(_ => new FuzzSequence())];
    private readonly StringBuilder _report = new();

    /// <summary>Sequences that came to an end on both.</summary>
    public long Compared { get; private set; }

    /// <summary>Sequences that ran too long, or out of the code that was meant to run.</summary>
    public long Undecided { get; private set; }

    /// <summary>How often each trap ended a sequence.</summary>
    public long[] Traps { get; } = new long[32];

    public long Differences { get; private set; }

    /// <summary>The first differences, in full.</summary>
    public string Report => _report.ToString();

    public void Dispose()
    {
        _interpreter.Dispose();
        _translator.Dispose();
    }

    /// <summary>Runs one batch. Odd seeds run with blocks of one instruction.</summary>
    public void Run(ulong seed)
    {
        SplitMix random = new(seed);
        _translator.Cpu.Translator!.IsStepping = (seed & 1) != 0;
        Span<byte> memory = _interpreter.Memory;
        memory[..(int)FuzzMachine.CodeBytes].Fill(0xCC);
        for (int i = (int)FuzzMachine.CodeBytes; i < memory.Length; i += 8)
        {
            BitConverter.TryWriteBytes(memory[i..], random.Next());
        }

        for (int i = 0; i < BatchSize; i++)
        {
            int offset = i * FuzzSequence.MaxBytes;
            _generator.Generate(random, _sequences[i], FuzzMachine.Code + (uint)offset);
            _sequences[i].Code.CopyTo(memory[offset..]);
        }

        _interpreter.Written();
        Synchronize();
        for (int i = 0; i < BatchSize; i++)
        {
            Run(seed, i);
        }

        if (CompareMemory(0, memory.Length) is string stray)
        {
            Differences++;
            _report.AppendLine($"seed {seed:X16}, some sequence: {stray} (interpreter/translator)");
        }
    }

    private void Run(ulong seed, int index)
    {
        FuzzSequence sequence = _sequences[index];
        Span<byte> code = _interpreter.Memory.Slice((int)(sequence.Address - FuzzMachine.Code), sequence.Length);
        if (!code.SequenceEqual(sequence.Code))
        {
            // An earlier one wrote astray, and made instructions that nobody meant to compare.
            sequence.Code.CopyTo(code);
            _interpreter.Written();
            Synchronize();
        }

        Trap? expected = _interpreter.Run(sequence.Start);
        Trap? got = _translator.Run(sequence.Start);
        if ((expected is null || got is null) && _interpreter.WasNearLimit && _translator.WasNearLimit)
        {
            // They count to their limits in different steps, so one may come to its end where the other is stopped.
            Undecided++;
            Synchronize();
            return;
        }

        bool known = sequence.TryGetUndefined(expected?.InstructionEip ?? 0, out uint undefined);
        string? difference = Compare(expected, got, undefined) ?? CompareMemory(sequence);
        if (difference is null)
        {
            Compared++;
            Traps[expected!.Value.Vector & 31]++;
            return;
        }

        Synchronize();
        if (!known && (!sequence.TryGetUndefined(got?.InstructionEip ?? 0, out _)
            || (expected is { Vector: TrapVector.InvalidOpcode } trap && IsVector(trap.InstructionEip))))
        {
            // Astray: there flags may be read that are undefined, and instructions met that only the translator has.
            Undecided++;
            return;
        }

        Differences++;
        if (Differences <= MaxReports)
        {
            _report.AppendLine($"seed {seed:X16}, sequence {index}{((seed & 1) != 0 ? ", blocks of one instruction" : "")}: {difference} (interpreter/translator)");
            Describe(sequence);
        }
    }

    /// <summary>Makes the translator's memory the interpreter's.</summary>
    private void Synchronize()
    {
        _interpreter.Memory.CopyTo(_translator.Memory);
        _translator.Written();
    }

    private string? Compare(Trap? expected, Trap? got, uint undefined)
    {
        if (expected != got)
        {
            return $"trap {Name(expected)}/{Name(got)}";
        }

        FuzzState one = _interpreter.Now;
        FuzzState other = _translator.Now;
        for (int i = 0; i < 8; i++)
        {
            if (one.Registers[i] != other.Registers[i])
            {
                return $"register {i} {one.Registers[i]:X8}/{other.Registers[i]:X8}";
            }
        }

        uint mask = ~undefined;
        if (one.Eip != other.Eip)
        {
            return $"eip {one.Eip:X8}/{other.Eip:X8}";
        }

        return ((one.Eflags ^ other.Eflags) & mask) == 0 ? null : $"flags {FlagNames.Of(one.Eflags & mask)}/{FlagNames.Of(other.Eflags & mask)}";
    }

    /// <summary>Compares where a sequence is meant to write: in the data, and around itself. The rest is seen to at the batch's end.</summary>
    private string? CompareMemory(FuzzSequence sequence)
    {
        int code = (int)(sequence.Address - FuzzMachine.Code);
        return CompareMemory((int)FuzzMachine.CodeBytes, _interpreter.Memory.Length)
            ?? CompareMemory(Math.Max(code - FuzzSequence.MaxBytes, 0), Math.Min(code + (2 * FuzzSequence.MaxBytes), (int)FuzzMachine.CodeBytes));
    }

    private string? CompareMemory(int start, int end)
    {
        int at = start + _interpreter.Memory[start..end].CommonPrefixLength(_translator.Memory[start..end]);
        return at == end ? null : $"memory at offset {at:X}: {_interpreter.Memory[at]:X2}/{_translator.Memory[at]:X2}";
    }

    /// <summary>Whether there is an instruction of MMX or SSE.</summary>
    private bool IsVector(uint address)
    {
        uint offset = address - FuzzMachine.Code;
        if (offset >= FuzzMachine.CodeBytes)
        {
            return false;
        }

        Decoder decoder = Decoder.Create(32, new ByteArrayCodeReader(_interpreter.Memory[(int)offset..(int)FuzzMachine.CodeBytes].ToArray()), address);
        return decoder.Decode().CpuidFeatures.Any(feature => feature is CpuidFeature.MMX or CpuidFeature.SSE or CpuidFeature.SSE2);
    }

    private static string Name(Trap? trap) =>
        trap is Trap t ? $"{t.Vector} error {t.ErrorCode:X} address {t.Address:X8} at {t.InstructionEip:X8}" : "none";

    private void Describe(FuzzSequence sequence)
    {
        FuzzState s = sequence.Start;
        _report.AppendLine($"  eax={s.Registers[0]:X8} ecx={s.Registers[1]:X8} edx={s.Registers[2]:X8} ebx={s.Registers[3]:X8} esp={s.Registers[4]:X8} "
            + $"ebp={s.Registers[5]:X8} esi={s.Registers[6]:X8} edi={s.Registers[7]:X8} fs={s.Fs:X4} flags={FlagNames.Of(s.Eflags)}");
        Span<byte> now = _interpreter.Memory.Slice((int)(sequence.Address - FuzzMachine.Code), sequence.Length);
        if (!now.SequenceEqual(sequence.Code))
        {
            _report.AppendLine($"  changed by now to {Convert.ToHexString(now)}");
        }

        Decoder decoder = Decoder.Create(32, new ByteArrayCodeReader(sequence.Code.ToArray()), sequence.Address);
        NasmFormatter formatter = new();
        StringOutput output = new();
        while ((uint)decoder.IP < sequence.Here)
        {
            decoder.Decode(out Instruction instruction);
            formatter.Format(instruction, output);
            _report.AppendLine($"  {instruction.IP32:X8} {output.ToStringAndReset()}");
        }
    }
}
