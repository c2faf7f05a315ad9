// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text;
using Iced.Intel;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Interpretation;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Translation;
using Decoder = Iced.Intel.Decoder;

namespace LguestPlug.Emulator.Lockstep;

/// <summary>
/// Runs the guest by the translator, a slice at a time, after trying each slice with translator and interpreter.
/// </summary>
/// <remarks>
/// A trial starts from the guest's real state and writes to copies of pages only, so nobody sees it: no hypercall and no trap is
/// acted upon, no device woken, no accessed or dirty bit set, and what devices write meanwhile is neither lost nor mixed up. Then the
/// slice is run in earnest. A device may change memory between two trials, which looks like a difference: but tried again it goes
/// away, and a mistake stays.
/// </remarks>
internal sealed unsafe class LockstepRunner : IDisposable
{
    /// <summary>Instructions of a slice.</summary>
    private const int MaxSlice = 4096;

    private const int Attempts = 50;

    /// <summary>Instructions shown before the one that differs.</summary>
    private const int ShownInstructions = 24;

    private const int MaxShownDifferences = 32;

    private readonly Cpu _cpu;
    private readonly CpuState* _state;
    private readonly Mmu _mmu;
    private readonly PhysicalMemory _memory;
    private readonly CodeCache _code;
    private readonly Interpreter _interpreter;
    private readonly InstructionExecutor _executor;
    private readonly Translator _translator;
    private readonly ReplayedSystem _system;
    private readonly TrialMappings _mappings;
    private readonly TrialOutcome _translated;
    private readonly TrialOutcome _interpreted;
    private readonly CodeBytes _bytes = new();
    private readonly Decoder _decoder;
    private CpuState _start;
    private bool _wantsAttention;

    public LockstepRunner(
        Cpu cpu, Mmu mmu, PhysicalMemory memory, CodeCache code, Interpreter interpreter, InstructionExecutor executor, Translator translator, ReplayedSystem system)
    {
        _cpu = cpu;
        _state = cpu.State;
        _mmu = mmu;
        _memory = memory;
        _code = code;
        _interpreter = interpreter;
        _executor = executor;
        _translator = translator;
        _system = system;
        _mappings = new TrialMappings(memory);
        _translated = new TrialOutcome(memory);
        _interpreted = new TrialOutcome(memory);
        _decoder = Decoder.Create(32, _bytes, CodeBytes.Options);
    }

    /// <summary>Instructions tried and found the same.</summary>
    public long Compared { get; private set; }

    /// <summary>Slices tried.</summary>
    public long Slices { get; private set; }

    /// <summary>Trials that had to be repeated.</summary>
    public long Repeated { get; private set; }

    /// <summary>Slices that differed in undefined flags only.</summary>
    public long Undefined { get; private set; }

    public void Dispose()
    {
        _translated.Dispose();
        _interpreted.Dispose();
    }

    /// <summary>Tries a slice from EIP on, then runs it.</summary>
    /// <exception cref="LockstepException">The two differ.</exception>
    public ExecutionEnd Run()
    {
        CpuState* s = _state;
        _cpu.TakeFpuState();
        _start = *s;
        _wantsAttention = false;
        long limit = Interlocked.Exchange(ref s->InstructionLimit, long.MaxValue);
        long length = Math.Min(limit - s->InstructionCount, MaxSlice);
        if (length > 0)
        {
            _mmu.PrepareTrials(_mappings);
            length = Try(length);
            _translator.AvoidsFpu = false;
        }

        // Whoever wanted attention meanwhile wrote 0.
        SetLimit(s->InstructionCount + Math.Max(length, 1));
        ExecutionEnd end = ExecutionEnd.Limit;
        if (limit > s->InstructionCount && !_wantsAttention)
        {
            _translator.TrySelectMode();
            end = _translator.Run();
        }

        SetLimit(limit);
        if (_wantsAttention)
        {
            _cpu.RequestAttention();
        }

        return end;
    }

    /// <summary>Tries up to so many instructions; returns how many are the same.</summary>
    private long Try(long length)
    {
        for (int attempt = 0; ; attempt++)
        {
            TryBoth(length);
            bool wasCut = _interpreted.Memory.WasCut || _translated.Memory.WasCut;
            if (!Differ())
            {
                Slices++;
                Compared += _translated.Count;
                return _translated.Count;
            }

            if (!_translator.AvoidsFpu && HasTranscendental(_translated.Count))
            {
                // The interpreter's last bit may be another than the host's: the rest is compared without the host's unit.
                _translator.AvoidsFpu = true;
            }

            if (wasCut)
            {
                // They decode differently far ahead, so only one of them may meet code that the trial wrote.
                length = Math.Max(length / 2, 1);
            }

            Repeated++;
            if (attempt == Attempts)
            {
                throw new LockstepException(Report(length));
            }

            if (attempt > 2)
            {
                // Gives a device the time to come to rest.
                Thread.Sleep(1);
            }
        }
    }

    private void TryBoth(long length)
    {
        _system.Record();
        TryTranslated(length);
        _system.Replay();
        TryInterpreted(_translated.Count, _translated.IsTrap && !_translated.Memory.WasCut);
        _system.Stop();
    }

    private void TryTranslated(long length)
    {
        Begin(_translated);
        SetLimit(_start.InstructionCount + length);
        _translator.TrySelectMode();
        ExecutionEnd end = _translator.Run();
        _cpu.TakeFpuState();
        End(_translated, end);
    }

    private void TryInterpreted(long length, bool trap)
    {
        Begin(_interpreted);
        long until = _start.InstructionCount + length;
        ExecutionEnd end = ExecutionEnd.Limit;
        while (end != ExecutionEnd.Trap && _state->InstructionCount < until)
        {
            end = Interpret(until - _state->InstructionCount);
        }

        if (trap && end != ExecutionEnd.Trap)
        {
            end = Interpret(1);
        }

        if (!trap && end == ExecutionEnd.Trap && _state->InstructionCount == until && !_cpu.TrapIsBehind)
        {
            // It looked up the block behind the last instruction.
            end = ExecutionEnd.Limit;
            _state->Eip = _executor.FaultEip;
            _interpreted.Memory.WasCut = _translated.Memory.WasCut;
        }

        End(_interpreted, end);
    }

    /// <summary>Interprets some instructions, but no more than so many.</summary>
    private ExecutionEnd Interpret(long most)
    {
        bool single = most < BlockDecoder.MaxInstructions;
        _code.Mode = single ? _cpu.SegmentMode | CodeMode.SingleStep : _cpu.SegmentMode;
        SetLimit(_state->InstructionCount + (single ? 1 : most - BlockDecoder.MaxInstructions + 1));
        Block* block = _code.Find(_state->Eip);
        if (block == null)
        {
            _executor.FaultEip = _state->Eip;
            return ExecutionEnd.Trap;
        }

        return _interpreter.Run(block);
    }

    private void Begin(TrialOutcome outcome)
    {
        outcome.Memory.Clear();
        _mmu.BeginTrial(outcome.Memory);
    }

    private void End(TrialOutcome outcome, ExecutionEnd end)
    {
        CpuState* s = _state;
        bool trap = end == ExecutionEnd.Trap;
        outcome.Take(
            s, s->InstructionCount - _start.InstructionCount, trap, trap && !_cpu.TrapIsBehind ? _executor.FaultEip : s->Eip, trap && _cpu.TrapIsSoftware);
        _mmu.EndTrial();
        _cpu.TrapIsBehind = false;
        _cpu.TrapIsSoftware = false;
        // The state as it was, except for what others write.
        SetLimit(long.MaxValue);
        fixed (CpuState* start = &_start)
        {
            byte* from = (byte*)start;
            long before = (byte*)&s->InstructionLimit - (byte*)s;
            long behind = (byte*)&s->InstructionCount - (byte*)s;
            Buffer.MemoryCopy(from, s, before, before);
            Buffer.MemoryCopy(from + behind, (byte*)s + behind, sizeof(CpuState) - behind, sizeof(CpuState) - behind);
        }

        _cpu.RefreshSegments();
    }

    private void SetLimit(long limit) => _wantsAttention |= Interlocked.Exchange(ref _state->InstructionLimit, limit) == 0;

    /// <summary>Compares the two trials.</summary>
    private bool Differ()
    {
        if (_interpreted.IsSameAs(_translated))
        {
            return false;
        }

        if (_interpreted.FlagsDifferingFrom(_translated) is not uint flags || (flags & ~UndefinedFlags(_translated.Count)) != 0)
        {
            return true;
        }

        Undefined++;
        return false;
    }

    // ---- what the two may differ in, and what is said if they do ---------------------------------------------------------

    /// <summary>The flags left undefined by the first so many instructions, and by what comes behind them.</summary>
    private uint UndefinedFlags(long count)
    {
        uint undefined = 0;
        Trace(count, instruction =>
        {
            bool may = IsVariableShift(instruction);
            undefined = (may ? undefined : undefined & ~ToEflags(instruction.RflagsModified)) | ToEflags(instruction.RflagsUndefined);
        });
        return undefined;
    }

    private bool HasTranscendental(long count)
    {
        bool found = false;
        Trace(count, instruction => found |= instruction.Mnemonic is Mnemonic.F2xm1 or Mnemonic.Fyl2x or Mnemonic.Fyl2xp1 or Mnemonic.Fptan
            or Mnemonic.Fpatan or Mnemonic.Fsin or Mnemonic.Fcos or Mnemonic.Fsincos);
        return found;
    }

    /// <summary>A count of 0 leaves the flags as they were, and one above 1 OF undefined.</summary>
    private static bool IsVariableShift(in Instruction instruction) =>
        instruction.OpCount > 1 && instruction.GetOpKind(instruction.OpCount - 1) == OpKind.Register
        && instruction.GetOpRegister(instruction.OpCount - 1) == Register.CL
        && instruction.Mnemonic is Mnemonic.Rol or Mnemonic.Ror or Mnemonic.Rcl or Mnemonic.Rcr or Mnemonic.Shl or Mnemonic.Sal
            or Mnemonic.Shr or Mnemonic.Sar or Mnemonic.Shld or Mnemonic.Shrd;

    private static uint ToEflags(RflagsBits bits) =>
        ((bits & RflagsBits.OF) != 0 ? Eflags.Overflow : 0) | ((bits & RflagsBits.SF) != 0 ? Eflags.Sign : 0)
        | ((bits & RflagsBits.ZF) != 0 ? Eflags.Zero : 0) | ((bits & RflagsBits.AF) != 0 ? Eflags.Adjust : 0)
        | ((bits & RflagsBits.CF) != 0 ? Eflags.Carry : 0) | ((bits & RflagsBits.PF) != 0 ? Eflags.Parity : 0);

    /// <summary>Interprets so many instructions one by one and shows each before it is executed.</summary>
    private void Trace(long count, Action<Instruction> see)
    {
        _system.Replay();
        Begin(_interpreted);
        ExecutionEnd end = ExecutionEnd.Limit;
        byte* joined = stackalloc byte[32];
        for (long n = 0; n < count && end != ExecutionEnd.Trap; n++)
        {
            _code.Mode = _cpu.SegmentMode | CodeMode.SingleStep;
            Block* block = _code.Find(_state->Eip);
            if (block == null)
            {
                break;
            }

            uint inFirst = Math.Min(0x1000 - (block->Physical & 0xFFF), 16);
            Buffer.MemoryCopy(_memory.Base + block->Physical, joined, 32, inFirst);
            if (block->SecondPage != Block.NoPage)
            {
                Buffer.MemoryCopy(_memory.Base + block->SecondPage, joined + inFirst, 32 - inFirst, 16);
                inFirst += 16;
            }

            _bytes.SetRange(joined, inFirst);
            _decoder.IP = block->Eip;
            see(_decoder.Decode());
            end = Interpret(1);
        }

        End(_interpreted, end);
        _system.Stop();
    }

    private string Report(long length)
    {
        string[] whole = Differences();
        // The fewest instructions with which they differ.
        long same = 0;
        long different = length;
        while (different - same > 1)
        {
            long middle = same + ((different - same) / 2);
            TryBoth(middle);
            if (Differ())
            {
                different = middle;
            }
            else
            {
                same = middle;
            }
        }

        TryBoth(different);
        string[] differences = Differences();
        StringBuilder text = new();
        text.AppendLine($"translator and interpreter differ behind instruction {_start.InstructionCount + different} (mode {_cpu.SegmentMode}):");
        if (differences.Length == 0)
        {
            text.AppendLine($"only if more than that is executed at once, {length} instructions");
            differences = whole;
        }

        foreach (string line in differences.Take(MaxShownDifferences))
        {
            text.AppendLine($"  {line} (translator/interpreter)");
        }

        if (differences.Length > MaxShownDifferences)
        {
            text.AppendLine($"  and {differences.Length - MaxShownDifferences} more");
        }

        text.AppendLine($"translator:  {_translated}");
        text.AppendLine($"interpreter: {_interpreted}");
        TryInterpreted(Math.Max(different - 1, 0), trap: false);
        text.AppendLine($"before:      {_interpreted}");
        text.AppendLine($"slice start: {Registers()}");
        text.AppendLine("the instructions that led there:");
        List<string> instructions = [];
        NasmFormatter formatter = new();
        Trace(different + 1, instruction =>
        {
            StringOutput output = new();
            formatter.Format(instruction, output);
            instructions.Add($"  {instruction.IP32:x8} {output.ToStringAndReset()}");
        });
        foreach (string line in instructions.TakeLast(ShownInstructions))
        {
            text.AppendLine(line);
        }

        return text.ToString().TrimEnd();
    }

    private string[] Differences() => [.. _translated.Differences(_interpreted, 0)];

    private string Registers()
    {
        using TrialOutcome now = new(_memory);
        now.Take(_state, 0, isTrap: false, _state->Eip, isSoftware: false);
        return now.ToString();
    }
}
