// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Memory;
using LguestPlug.Emulator.Tests.HostComparison;
using LguestPlug.Emulator.Traps;

namespace LguestPlug.Emulator.Tests.Images;

/// <summary>A CPU with the memory that an i386 program's file describes, as Linux would start it. It runs until the first trap.</summary>
internal sealed unsafe class ImageMachine : CpuSystem, IDisposable
{
    /// <summary>Where the programs keep their data and stack.</summary>
    public const uint Data = 0x100000, DataBytes = 0x2000;

    private const uint Page = 0x1000, Pages = 0x110;
    private const long InstructionBudget = 1_000_000;

    private readonly byte* _memory;
    private readonly Cpu _cpu;
    private readonly bool[] _mapped = new bool[Pages];
    private readonly bool[] _writable = new bool[Pages];
    private long _deadline;

    public ImageMachine(CpuExecution execution)
    {
        _memory = (byte*)NativeMemory.AlignedAlloc(Pages * Page, Page);
        _cpu = new Cpu(new PhysicalMemory((nint)_memory, Pages), this, execution);
    }

    public Cpu Cpu => _cpu;

    /// <summary>What ended the program; null if it ran too long.</summary>
    public Trap? End { get; private set; }

    /// <summary>Registers loaded in the CPU's place.</summary>
    public int Preloads { get; private set; }

    /// <summary>The pages from <see cref="Data"/> on.</summary>
    public ReadOnlySpan<byte> DataPages => new(_memory + Data, (int)DataBytes);

    /// <summary>The byte at an address.</summary>
    public byte this[uint address] => address < Pages * Page ? _memory[address] : (byte)0;

    public void Run(ReadOnlySpan<byte> elf)
    {
        NativeMemory.Clear(_memory, Pages * Page);
        Array.Clear(_mapped);
        Array.Clear(_writable);
        int headers = BinaryPrimitives.ReadInt32LittleEndian(elf[28..]);
        for (int i = 0; i < BinaryPrimitives.ReadUInt16LittleEndian(elf[44..]); i++)
        {
            Load(elf, elf[(headers + (i * 32))..]);
        }

        _cpu.NotifyMemoryWritten(0, Pages * Page);
        _cpu.FlushTlb();
        CpuState* s = _cpu.State;
        // FNINIT and no more: a new process has nothing in its registers.
        _cpu.TakeFpuState();
        NativeMemory.Clear(s->Registers, 32);
        NativeMemory.Clear(s->Xmm, 128);
        s->Fpu = default;
        s->Fpu.Control = 0x37F;
        s->Mxcsr = 0x1F80;
        _cpu.EflagsValue = Eflags.Interrupt | 2;
        s->Eip = BinaryPrimitives.ReadUInt32LittleEndian(elf[24..]);
        SetSegment(SegmentRegister.Cs, HostWindow.FlatCode);
        SetSegment(SegmentRegister.Ss, HostWindow.FlatData);
        SetSegment(SegmentRegister.Es, HostWindow.FlatData);
        SetSegment(SegmentRegister.Ds, HostWindow.FlatData);
        _cpu.SetSegment(SegmentRegister.Fs, default);
        _cpu.SetSegment(SegmentRegister.Gs, default);
        End = null;
        _deadline = s->InstructionLimit = s->InstructionCount + InstructionBudget;
        _cpu.Run();
        _cpu.TakeFpuState();
    }

    public override WalkStatus Walk(uint address, PageAccess access, out PageWalk walk)
    {
        walk = default;
        uint page = address / Page;
        bool mapped = page < Pages && _mapped[page];
        if (!mapped || ((access & PageAccess.Write) != 0 && !_writable[page]))
        {
            walk.ErrorCode = (uint)access | (mapped ? 1u : 0);
            return WalkStatus.Fault;
        }

        walk.PhysicalPage = page * Page;
        walk.Writable = _writable[page];
        return WalkStatus.Mapped;
    }

    public override bool TryReadDescriptor(ushort selector, out ulong descriptor)
    {
        descriptor = 0;
        return (selector & 4) == 0 && HostWindow.TryReadDescriptor(selector, out descriptor);
    }

    public override void OnTrap(in Trap trap)
    {
        if (trap.Vector == TrapVector.InvalidOpcode && TryPreload(new ReadOnlySpan<byte>(_memory + trap.InstructionEip, 8)))
        {
            Preloads++;
            return;
        }

        End = trap;
        _cpu.RequestAttention();
    }

    public override bool OnLimit()
    {
        _cpu.State->InstructionLimit = _deadline;
        return End == null && _cpu.State->InstructionCount < _deadline;
    }

    public override ulong ReadTimeStampCounter() => 0;

    public override void Cpuid(uint leaf, uint subleaf, out uint eax, out uint ebx, out uint ecx, out uint edx) => eax = ebx = ecx = edx = 0;

    public override void ReadTableRegisters(out uint gdtBase, out ushort gdtLimit, out uint idtBase, out ushort idtLimit, out ushort ldt, out ushort tr, out uint machineStatus)
    {
        gdtBase = idtBase = machineStatus = 0;
        gdtLimit = idtLimit = ldt = tr = 0;
    }

    /// <summary>
    /// Every program begins by loading MMX and SSE registers, whatever it is about. For a CPU that lacks the instructions the machine does
    /// it, so that the rest is tested all the same.
    /// </summary>
    private bool TryPreload(ReadOnlySpan<byte> code)
    {
        CpuState* s = _cpu.State;
        byte* stack = _memory + s->Registers[4];
        _cpu.TakeFpuState();
        switch (code)
        {
            // PXOR XMM0, XMM0
            case [0x66, 0x0F, 0xEF, 0xC0, ..]:
                s->Xmm[0] = s->Xmm[1] = 0;
                s->Eip += 4;
                return true;
            // MOVDQU XMM, [ESP]
            case [0xF3, 0x0F, 0x6F, var modRm, 0x24, ..] when (modRm & 0xC7) == 4:
                s->Xmm[2 * (modRm >> 3)] = *(ulong*)stack;
                s->Xmm[(2 * (modRm >> 3)) + 1] = *(ulong*)(stack + 8);
                s->Eip += 5;
                return true;
            // MOVQ MM, [ESP]
            case [0x0F, 0x6F, var modRm, 0x24, ..] when (modRm & 0xC7) == 4:
                s->Fpu.Status &= 0xC7FF;
                s->Fpu.Tag = 0xFF;
                s->Fpu.Registers[modRm >> 3] = new Emulator.Fpu.Float80(0xFFFF, *(ulong*)stack);
                s->Eip += 4;
                return true;
            default:
                return false;
        }
    }

    public void Dispose()
    {
        _cpu.Dispose();
        NativeMemory.AlignedFree(_memory);
    }

    private void Load(ReadOnlySpan<byte> elf, ReadOnlySpan<byte> header)
    {
        const int Loadable = 1, Writable = 2;
        if (BinaryPrimitives.ReadInt32LittleEndian(header) != Loadable)
        {
            return;
        }

        int offset = BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
        uint address = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
        int inFile = BinaryPrimitives.ReadInt32LittleEndian(header[16..]);
        uint inMemory = BinaryPrimitives.ReadUInt32LittleEndian(header[20..]);
        elf.Slice(offset, inFile).CopyTo(new Span<byte>(_memory + address, inFile));
        // Whole pages are mapped, with what the file has there.
        int whole = (int)Math.Min(((inFile + Page - 1) / Page * Page) - (uint)inFile, (uint)(elf.Length - offset - inFile));
        elf.Slice(offset + inFile, inFile == 0 ? 0 : whole).CopyTo(new Span<byte>(_memory + address + inFile, whole));
        for (uint page = address / Page; page <= (address + inMemory - 1) / Page; page++)
        {
            _mapped[page] = true;
            _writable[page] = (header[24] & Writable) != 0;
        }
    }

    private void SetSegment(SegmentRegister register, ushort selector)
    {
        TryReadDescriptor(selector, out ulong descriptor);
        _cpu.SetSegment(register, Segment.FromDescriptor(selector, descriptor));
    }
}
