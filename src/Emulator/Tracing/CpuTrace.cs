// SPDX-License-Identifier: GPL-2.0-or-later
using Iced.Intel;
using LguestPlug.Emulator.Decoding;
using LguestPlug.Emulator.Lguest;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Tracing;

/// <summary>
/// Writes what a processor executes, one line for each instruction: its number, CPL, EIP, bytes and disassembly, the registers it
/// changed and EFLAGS behind it. What did not become an executed instruction (traps, with the instruction that trapped;
/// hypercalls; interrupts) has lines of its own, marked by a dash.
/// </summary>
/// <remarks>
/// While it writes, the interpreter executes instruction by instruction; outside its window the processor runs as ever.
/// Allocates nothing while it does so. Not for two processors at a time; for one after the other it is.
/// </remarks>
public sealed unsafe class CpuTrace
{
    // Whoever executes blocks overshoots a limit by a block; the last steps to the window are single ones.
    private const long Approach = 4 * BlockMaximum;
    private const int BlockMaximum = 64;

    private const int MaxInstructionBytes = 15, CountWidth = 12, BytesWidth = 3 * 8, TextWidth = 40;
    private const int MaxLine = 512;

    private static readonly string[] s_registers = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];
    private static readonly string[] s_segments = ["es", "cs", "ss", "ds", "fs", "gs"];

    private readonly Stream _output;
    private readonly long _from;
    private readonly long _end;
    private readonly byte[] _lines = new byte[64 << 10];
    private readonly byte[] _code = GC.AllocateArray<byte>(MaxInstructionBytes + 1, pinned: true);
    private readonly uint[] _before = new uint[s_registers.Length + s_segments.Length];
    private readonly CodeBytes _bytes = new();
    private readonly Decoder _decoder32;
    private readonly Decoder _decoder16;
    private readonly FastFormatter _formatter = new();
    private readonly FastStringOutput _text = new();
    private char[] _characters = new char[128];

    private int _length;
    private int _lineStart;
    private long _number;
    private uint _cpl;
    private uint _eip;
    private int _codeLength;
    private bool _is16Bit;
    private bool _isWriting;

    /// <param name="output">Where it is written to, in pieces; stays the caller's.</param>
    /// <param name="from">Number of the first instruction written; the first one of a processor is number 0.</param>
    /// <param name="count">Instructions written at most.</param>
    public CpuTrace(Stream output, long from = 0, long count = long.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        _output = output;
        _from = from;
        _end = count > long.MaxValue - from ? long.MaxValue : from + count;
        _decoder32 = Decoder.Create(32, _bytes, CodeBytes.Options);
        _decoder16 = Decoder.Create(16, _bytes, CodeBytes.Options);
        _formatter.Options.UseHexPrefix = true;
    }

    /// <summary>Why writing failed; null if it did not. The trace ends there, the guest goes on.</summary>
    public IOException? Failure { get; private set; }

    /// <summary>Writes out what is still here.</summary>
    public void Flush()
    {
        int length = _length;
        _length = 0;
        if (Failure != null || length == 0)
        {
            return;
        }

        try
        {
            _output.Write(_lines, 0, length);
            _output.Flush();
        }
        catch (IOException e)
        {
            Failure = e;
        }
    }

    /// <summary>A processor starts: its instructions are numbered from 0 again.</summary>
    internal void Begin()
    {
        Start();
        Add("#      count l eip      bytes                   instruction                             changes"u8);
        EndLine();
    }

    /// <summary>Whether the next instruction must be executed alone. Otherwise it is seen to that this is asked again in time.</summary>
    internal bool Follows(CpuState* s)
    {
        long count = s->InstructionCount;
        _isWriting = count >= _from && count < _end && Failure == null;
        if (count >= _end || Failure != null)
        {
            return false;
        }

        long approach = _from - Approach;
        if (count >= approach)
        {
            return true;
        }

        // A limit of 0 is a wish of another thread and stays.
        long limit = Volatile.Read(ref s->InstructionLimit);
        if (limit > approach)
        {
            Interlocked.CompareExchange(ref s->InstructionLimit, approach, limit);
        }

        return false;
    }

    /// <summary>A block of one instruction is about to be executed.</summary>
    internal void BeforeInstruction(CpuState* s, PhysicalMemory memory, Block* block)
    {
        if (!_isWriting)
        {
            return;
        }

        _number = s->InstructionCount;
        _cpl = s->Cpl;
        _eip = block->Eip;
        _is16Bit = (block->Mode & CodeMode.SixteenBit) != 0;
        // Kept, because the instruction may change itself.
        _codeLength = (int)Math.Min(block->FallEip - block->Eip, MaxInstructionBytes);
        int inFirst = Math.Min(_codeLength, 0x1000 - (int)(block->Physical & 0xFFF));
        new ReadOnlySpan<byte>(memory.Base + block->Physical, inFirst).CopyTo(_code);
        if (inFirst < _codeLength)
        {
            new ReadOnlySpan<byte>(memory.Base + block->SecondPage, _codeLength - inFirst).CopyTo(_code.AsSpan(inFirst));
        }

        CopyRegisters(s, _before);
    }

    /// <summary>It was executed, or trapped.</summary>
    internal void AfterInstruction(CpuState* s)
    {
        if (!_isWriting || s->InstructionCount == _number)
        {
            return;
        }

        Start(_number, _cpl, _eip);
        AddInstruction();
        _codeLength = 0;
        Span<uint> after = stackalloc uint[_before.Length];
        CopyRegisters(s, after);
        for (int i = 0; i < after.Length; i++)
        {
            if (after[i] != _before[i])
            {
                bool isSegment = i >= s_registers.Length;
                Add((byte)' ');
                Add(isSegment ? s_segments[i - s_registers.Length] : s_registers[i]);
                Add((byte)'=');
                AddHex(after[i], isSegment ? 4 : 8);
            }
        }

        Add(" efl="u8);
        AddHex(Eflags.Get(s), 8);
        EndLine();
    }

    /// <summary>A trap goes to the system.</summary>
    internal void WriteTrap(CpuState* s, in Trap trap)
    {
        if (!_isWriting)
        {
            return;
        }

        Start(s->InstructionCount, s->Cpl, trap.InstructionEip);
        if (_codeLength > 0)
        {
            AddInstruction();
            _codeLength = 0;
        }

        Add(trap.Software ? " - int "u8 : " - trap "u8);
        AddDecimal(trap.Vector);
        if (TrapVector.Name(trap.Vector) is { } name && !trap.Software)
        {
            Add(", "u8);
            Add(name);
            Add(", error "u8);
            AddHex(trap.ErrorCode, 4);
            if (trap.Vector == TrapVector.PageFault)
            {
                Add(", address "u8);
                AddHex(trap.Address, 8);
            }
        }

        EndLine();
    }

    /// <summary>The system delivers an interrupt.</summary>
    internal void WriteInterrupt(CpuState* s, int line, uint vector)
    {
        if (_isWriting)
        {
            Start(s->InstructionCount, s->Cpl, s->Eip);
            Add(" - interrupt "u8);
            AddDecimal((uint)line);
            Add(", vector "u8);
            AddDecimal(vector);
            EndLine();
        }
    }

    /// <summary>The system carries out a hypercall.</summary>
    internal void WriteHypercall(CpuState* s, in HypercallArguments call, bool isAsync)
    {
        if (_isWriting)
        {
            Start(s->InstructionCount, s->Cpl, s->Eip);
            Add(isAsync ? " - async hypercall "u8 : " - hypercall "u8);
            AddDecimal(call.Number);
            Add((byte)' ');
            Add(Hypercall.Name(call.Number));
            AddArgument(call.Arg1);
            AddArgument(call.Arg2);
            AddArgument(call.Arg3);
            AddArgument(call.Arg4);
            EndLine();
        }
    }

    private static void CopyRegisters(CpuState* s, Span<uint> registers)
    {
        for (int i = 0; i < s_registers.Length; i++)
        {
            registers[i] = s->Registers[i];
        }

        for (int i = 0; i < s_segments.Length; i++)
        {
            registers[s_registers.Length + i] = (&s->Es)[i].Selector;
        }
    }

    // ---- lines --------------------------------------------------------------------------------------------------------

    private void Start()
    {
        if (_length + MaxLine > _lines.Length)
        {
            Flush();
        }

        _lineStart = _length;
    }

    private void Start(long number, uint cpl, uint eip)
    {
        Start();
        number.TryFormat(_lines.AsSpan(_length), out int digits, default, null);
        int padding = Math.Max(CountWidth - digits, 0);
        _lines.AsSpan(_length, digits).CopyTo(_lines.AsSpan(_length + padding));
        _lines.AsSpan(_length, padding).Fill((byte)' ');
        _length += padding + digits;
        Add((byte)' ');
        AddDecimal(cpl);
        Add((byte)' ');
        AddHex(eip, 8);
    }

    private void AddInstruction()
    {
        int column = _length - _lineStart;
        for (int i = 0; i < _codeLength; i++)
        {
            Add((byte)' ');
            AddHex(_code[i], 2);
        }

        PadTo(column += BytesWidth);
        Add((byte)' ');
        fixed (byte* code = _code)
        {
            _bytes.SetRange(code, (uint)_codeLength);
        }

        Decoder decoder = _is16Bit ? _decoder16 : _decoder32;
        decoder.IP = _eip;
        decoder.Decode(out Instruction instruction);
        _text.Clear();
        _formatter.Format(instruction, _text);
        if (_text.Length > _characters.Length)
        {
            _characters = new char[_text.Length];
        }

        _text.CopyTo(_characters, 0);
        Add(_characters.AsSpan(0, _text.Length));
        PadTo(column + TextWidth);
    }

    private void AddArgument(uint value)
    {
        Add((byte)' ');
        AddHex(value, 8);
    }

    private void PadTo(int column)
    {
        while (_length - _lineStart < column)
        {
            Add((byte)' ');
        }
    }

    private void Add(byte character) => _lines[_length++] = character;

    private void Add(ReadOnlySpan<byte> text)
    {
        text.CopyTo(_lines.AsSpan(_length));
        _length += text.Length;
    }

    private void Add(ReadOnlySpan<char> text)
    {
        foreach (char c in text)
        {
            Add((byte)c);
        }
    }

    private void AddDecimal(uint value)
    {
        value.TryFormat(_lines.AsSpan(_length), out int length, default, null);
        _length += length;
    }

    private void AddHex(uint value, int digits)
    {
        for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4)
        {
            Add("0123456789abcdef"u8[(int)(value >> shift) & 0xF]);
        }
    }

    private void EndLine() => Add((byte)'\n');
}
