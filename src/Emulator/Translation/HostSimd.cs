// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using LguestPlug.Emulator.Decoding;
using static LguestPlug.Emulator.Translation.HostRegister;

namespace LguestPlug.Emulator.Translation;

/// <summary>What an MMX or SSE instruction works on besides the vector registers.</summary>
[StructLayout(LayoutKind.Sequential, Size = 32)]
internal unsafe struct SimdOperands
{
    /// <summary>The memory operand; at a multiple of 16.</summary>
    public fixed byte Memory[16];

    /// <summary>The general register.</summary>
    public uint General;

    /// <summary>EFLAGS behind the instruction.</summary>
    public uint Flags;
}

/// <summary>
/// Executes one MMX, SSE or SSE2 instruction on the host's CPU for the interpreter: where translated code cannot run, and where an
/// exception is unmasked. The instruction runs with all exceptions masked and on copies of its operands, so that nothing can happen
/// to the host; what an unmasked exception would have done follows from the flags it leaves.
/// </summary>
internal sealed unsafe class HostSimd
{
    private const int SlotBytes = 96, Slots = 512;
    private const uint Underflow = 0x10, Precision = 0x20, FlushToZero = 0x8000, Masks = 0x1F80, ExceptionFlags = 0x3F, BeforeResult = 7;
    private const ushort X87Masks = 0x3F, Top = 0x3800;

    private readonly CpuState* _state;
    private readonly HostFpu _fpu;
    private readonly byte* _image;
    private readonly byte* _slots;
    private readonly nint _toExecutable;
    private readonly Emitter _e = new();
    private readonly Dictionary<ulong, nint> _code = [];

    /// <summary>Takes its room from the arena where the emitter is, and moves that on.</summary>
    public HostSimd(TranslatorMemory tables, HostFpu fpu, Emitter emitter, nint toExecutable)
    {
        _state = tables.Cpu;
        _fpu = fpu;
        _image = (byte*)tables.Cpu + TranslatorMemory.FpuImageOffset;
        _toExecutable = toExecutable;
        _slots = emitter.At;
        emitter.At += Slots * SlotBytes;
    }

    /// <summary>Executes an instruction.</summary>
    /// <param name="encoding">The instruction, see <see cref="SimdInstructions.Encoding"/>.</param>
    /// <param name="immediate">Its immediate byte, if it has one.</param>
    /// <param name="operands">Its operands but for the vector registers; at a multiple of 16.</param>
    /// <returns>False if it raised an unmasked exception: then only the flags in MXCSR have changed.</returns>
    public bool Execute(uint encoding, byte immediate, SimdOperands* operands)
    {
        byte* saved = stackalloc byte[HostFpu.ImageBytes];
        _fpu.ToImage();
        Unsafe.CopyBlock(saved, _image, HostFpu.ImageBytes);
        uint mxcsr = HostFpu.Mxcsr(_image);
        ushort control = HostFpu.Control(_image);
        ushort status = HostFpu.Status(_image);
        uint unmasked = (~mxcsr >> 7) & ExceptionFlags;

        var code = (delegate* unmanaged<SimdOperands*, byte*, void>)Code(encoding, immediate);
        uint general = operands->General;

        HostFpu.Control(_image) |= X87Masks;
        HostFpu.Status(_image) &= Top;
        uint modes = (mxcsr | Masks) & ~ExceptionFlags;
        // Unmasked, underflow is also reported for a tiny result that is exact; flushing tiny results to 0 brings it to light.
        HostFpu.Mxcsr(_image) = modes | ((unmasked & Underflow) != 0 ? FlushToZero : 0);
        code(operands, _image);

        uint raised = HostFpu.Mxcsr(_image) & ExceptionFlags;
        bool isRefused = (raised & unmasked) != 0;
        if ((raised & unmasked & BeforeResult) != 0)
        {
            // An operand's exception comes before a result is made.
            raised &= BeforeResult;
        }
        else if ((raised & unmasked & Underflow) != 0)
        {
            // What was flushed is always inexact; once more without that. (Inexact as a denormal number, that is: with an unmasked
            // underflow, as with an unmasked overflow, the precision flag may be set where the result is only out of range.)
            Unsafe.CopyBlock(_image, saved, HostFpu.ImageBytes);
            HostFpu.Control(_image) |= X87Masks;
            HostFpu.Status(_image) &= Top;
            HostFpu.Mxcsr(_image) = modes & ~FlushToZero;
            operands->General = general;
            code(operands, _image);
            raised = (raised & ~Precision) | (HostFpu.Mxcsr(_image) & Precision);
        }

        if (isRefused)
        {
            Unsafe.CopyBlock(_image, saved, HostFpu.ImageBytes);
        }

        HostFpu.Mxcsr(_image) = mxcsr | raised;
        HostFpu.Control(_image) = control;
        HostFpu.Status(_image) = isRefused ? status : (ushort)((status & ~Top) | (HostFpu.Status(_image) & Top));
        _fpu.ToState();
        return !isRefused;
    }

    private nint Code(uint encoding, byte immediate)
    {
        ulong key = ((ulong)encoding << 8) | immediate;
        if (_code.TryGetValue(key, out nint code))
        {
            return code;
        }

        if (_code.Count == Slots)
        {
            _code.Clear();
        }

        _e.At = _slots + (_code.Count * SlotBytes);
        code = (nint)_e.At + _toExecutable;
        Emit(encoding, immediate);
        _code.Add(key, code);
        return code;
    }

    // rdi: the operands; rsi: the image.
    private void Emit(uint encoding, byte immediate)
    {
        int general = (int)Marshal.OffsetOf<SimdOperands>(nameof(SimdOperands.General));
        int flags = (int)Marshal.OffsetOf<SimdOperands>(nameof(SimdOperands.Flags));
        SimdForm form = SimdInstructions.Find(encoding);
        int opcode = (int)(encoding >> 8) & 0xFF;
        int prefix = (int)(encoding >> 16) & 0xFF;
        int modrm = (int)encoding & 0xFF;
        int reg = form.Has(SimdTraits.GeneralReg) ? Rax : (modrm >> 3) & 7;
        _e.Memory(0x0FAE, 1, Rsi, 0); // fxrstor
        _e.Memory(0x8B, Rax, Rdi, general);
        if (opcode == SimdInstructions.Emms)
        {
            _e.Byte(0x0F);
            _e.Byte(opcode);
        }
        else if (modrm < 0xC0)
        {
            _e.Memory(0x0F00 | opcode, reg, Rdi, 0, prefix: prefix);
        }
        else
        {
            _e.Registers(0x0F00 | opcode, reg, form.Has(SimdTraits.GeneralRm) ? Rax : modrm & 7, prefix: prefix);
        }

        if (SimdInstructions.HasImmediate(opcode))
        {
            _e.Byte(immediate);
        }

        _e.Memory(0x89, Rax, Rdi, general);
        _e.Byte(0x9C); // pushfq
        _e.Byte(0x58); // pop rax
        _e.Memory(0x89, Rax, Rdi, flags);
        _e.Memory(0x0FAE, 0, Rsi, 0); // fxsave
        HostFpu.EmitHostModes(_e, Rsi, 0);
        _e.Byte(0xC3);
    }
}
